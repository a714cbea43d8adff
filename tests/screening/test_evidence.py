"""The evidence of a case is proven as it is, and in no other form."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import pytest

from audit.actions import Action
from audit.check_evidence import pack
from audit.models import Audit, Node
from audit.proofs.commitments import opens
from screening.errors import NotReady
from screening.models import Case, Job, Review, Signature
from screening.services.evidence import export_evidence
from screening.services.report import read_report
from tests.screening.evidence import (
    ANSWER,
    KEY,
    WORD,
    answered,
    files_in,
    seal,
    signed_case,
    told,
)
from tests.screening.signing import sign, unlock

pytestmark = pytest.mark.django_db


def exported(case: Case, **given: Any) -> bytes:
    return export_evidence(case, actor="user:7", pause=seal, **given)


@pytest.fixture
def case() -> Case:
    return signed_case()


def test_a_case_that_went_all_the_way_is_proven_in_plain_words(case):
    read_report(clinic=case.clinic, case_id=case.case_id, actor="key:test")

    answer = told(exported(case))

    job = case.jobs.get()
    assert answer.startswith("PROVEN. This is the evidence of case 'case-1' of clinic")
    for words in (
        f"What was submitted is in jobs/{job.pk}/input.json",
        f"The draft, with what made it, is in jobs/{job.pk}/draft.json",
        f"wrote, and saved last, is in jobs/{job.pk}/written.json",
        f"signed is in jobs/{job.pk}/signed.json",
        f"The report that key:test read is in jobs/{job.pk}/signed.json",
        f"added and signed is in jobs/{job.pk}/addendum-1.json",
        "holds every file here to its bytes",
        "When these became as they were exported",
    ):
        assert words in answer, answer
    assert WORD not in answer


def test_it_holds_what_was_said_and_every_event_of_the_case(case):
    files = files_in(exported(case))

    job = case.jobs.get()
    folder = f"jobs/{job.pk}"
    assert json.loads(files[f"{folder}/input.json"])["submitted"] == job.payload
    draft = json.loads(files[f"{folder}/draft.json"])
    assert draft["result"] == json.loads(json.dumps(ANSWER))
    assert draft["made"][0]["policy_version"]
    assert draft["made"][0]["tries"][0]["prompt"] == "1"
    assert json.loads(files[f"{folder}/signed.json"])["summary"] == [
        "Plays. Says little."
    ]
    assert json.loads(files[f"{folder}/review.json"])["changes"][0]["field"] == (
        "summary"
    )
    assert json.loads(files[f"{folder}/report.fhir.json"])["type"] == "document"
    proven = [
        json.loads(json.loads(data)["canonical"])["event_id"]
        for name, data in files.items()
        if name.startswith("log/")
    ]
    events = Audit.objects.filter(case_id="case-1").order_by("leaf")
    assert proven == [str(each.event_id) for each in events]
    assert json.loads(files["manifest.json"])["jobs"] == {str(job.pk): "whole"}


def test_that_it_was_exported_is_an_event_that_holds_the_manifest(case):
    files = files_in(exported(case))

    event = Audit.objects.get(action=Action.EVIDENCE_EXPORTED)
    assert event.actor == "user:7"
    digest = hashlib.sha256(files["manifest.json"]).hexdigest()
    assert event.detail["manifest"] == digest
    assert json.loads(event.canonical)["purpose"] == "HCOMPL"


def test_no_event_says_what_was_said_of_the_child_or_what_the_answer_calls_itself(case):
    exported(case)

    for text in Audit.objects.values_list("canonical", flat=True):
        assert WORD not in text
        assert "Says" not in text
    made = Audit.objects.get(action=Action.JOB_COMPLETED).detail
    assert made["model"] == "draft-model:4b"
    assert made["prompt"] == "1"
    assert made["policy"]


def test_an_open_case_is_proven_without_a_signature():
    case = answered().case

    files = files_in(exported(case))

    assert told(files).startswith("PROVEN.")
    assert not any("signed" in name or "report" in name for name in files)


def test_one_job_of_a_case_is_proven_by_itself(case):
    other = answered()

    data = exported(case, job=other)

    assert told(data).startswith("PROVEN.")
    assert {name.split("/")[1] for name in files_in(data) if "jobs/" in name} == {
        str(other.pk)
    }


def test_the_same_files_are_the_same_bytes_and_carry_no_time_of_their_making(case):
    data = exported(case)

    assert pack(files_in(data)) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        assert [each.filename for each in infos] == sorted(archive.namelist())
    assert {each.date_time for each in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {each.compress_type for each in infos} == {zipfile.ZIP_STORED}


def test_a_byte_changed_in_any_file_is_not_proven(case):
    files = files_in(exported(case))

    for name, data in files.items():
        for place in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
            changed = bytearray(data)
            changed[place] ^= 1
            answer = told(files | {name: bytes(changed)})
            assert answer.startswith("NOT PROVEN."), (name, place)
            assert WORD not in answer


def test_a_file_that_is_missing_or_was_added_is_not_proven(case):
    files = files_in(exported(case))

    for name in files:
        left = {each: data for each, data in files.items() if each != name}
        assert told(left).startswith("NOT PROVEN."), name
    for name in ("more.txt", "log/000000000099.json", "jobs/1/input.json", "log/1.txt"):
        assert told(files | {name: b"{}"}).startswith("NOT PROVEN."), name


def test_a_byte_changed_in_the_zip_between_its_files_is_not_proven(case):
    data = exported(case)
    end = data.rindex(b"PK\5\6")

    for place in (2, 10, 14, 30, len(data) // 2, end - 20, end + 4, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 1
        assert told(bytes(changed)).startswith("NOT PROVEN."), place
    assert told(data + b"\0").startswith("NOT PROVEN.")
    assert told(data[:-1]).startswith("NOT PROVEN.")


def test_a_manifest_written_anew_is_not_what_the_log_holds(case):
    files = files_in(exported(case))
    [name] = [each for each in files if each.endswith("review.json")]
    review = json.loads(files[name]) | {"note": "another"}
    files[name] = json.dumps(review).encode()
    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = hashlib.sha256(files[name]).hexdigest()
    files["manifest.json"] = json.dumps(manifest).encode()

    assert "does not say that this manifest was ever exported" in told(files)


def forge(job: Job, **values: Any) -> str:
    """Change what is stored, as somebody with the database could; export it then."""
    unlock("screening_job")
    Job.objects.filter(pk=job.pk).update(**values)
    return told(exported(job.case))


def test_an_input_changed_in_the_database_does_not_open_its_commitment(case):
    job = case.jobs.get()

    answer = forge(job, payload=job.payload | {"age_months": 21})

    assert f"jobs/{job.pk}/input.json does not open the commitment" in answer


@pytest.mark.parametrize(
    "values",
    [
        {"rules_risk": "refer"},
        {"target": "cloud"},
        {"model_id": "another"},
        {"result": ANSWER | {"confidence": 0.63}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_draft_changed_in_the_database_does_not_open_its_commitment(case, values):
    answer = forge(case.jobs.get(), **values)

    assert "draft.json does not open the commitment" in answer


def test_a_signed_content_changed_in_the_database_is_not_proven(case):
    unlock("screening_signature")
    signature = Signature.objects.get()
    signature.content = signature.content | {"risk": "refer"}
    signature.save()

    assert "signed.json does not open the commitment" in told(exported(case))


def test_a_draft_of_which_the_log_knows_nothing_is_not_proven(case):
    job = case.jobs.get()
    unlock("screening_job")
    other = answered()
    Job.objects.filter(pk=job.pk).update(result=other.result, salt=other.salt)

    assert told(exported(case)).startswith("NOT PROVEN.")


def test_numbers_that_a_database_writes_in_its_own_way_open_all_the_same():
    answer = ANSWER | {
        "explainability": [
            {"type": "item", "detail": "d", "score": score}
            for score in (-0.0, 1e16, 10**18, 1e-7, 5e-324, 1.5e300, 0.1, 3.0)
        ]
    }
    case = answered(answer, extra=[1e22, -0.0, 2**60, {"é": 1, "z": 2.50}]).case

    assert told(exported(case)).startswith("PROVEN.")


def test_without_its_salt_a_case_is_proven_to_have_been_and_not_what_it_was(case):
    unlock("screening_job")
    case.jobs.update(salt=None)

    data = exported(case)

    assert told(data).startswith("PROVEN.")
    assert "was left out, or is erased" in told(data)
    assert WORD.encode() not in data
    [state] = json.loads(files_in(data)["manifest.json"])["jobs"].values()
    assert state == "erased"


def test_after_its_salt_is_erased_nothing_new_is_committed_to():
    job = answered()
    Job.objects.filter(pk=job.pk).update(salt=None)
    sign(Review.objects.select_related("job__case", "job__clinic").get(job=job))

    assert "commitment" not in Audit.objects.get(action=Action.REVIEW_SIGNED).detail


def test_what_was_submitted_opens_the_commitment_of_its_event():
    job = answered()

    detail = Audit.objects.get(action=Action.JOB_SUBMITTED).detail
    text = json.dumps(
        {"job_id": str(job.pk), "submitted": job.payload},
        sort_keys=True,
        separators=(",", ":"),
    )

    assert opens(detail["commitment"], text.encode(), salt=bytes(job.salt))
    assert bytes(answered(case_id="case-2").salt) != bytes(job.salt)


def test_what_is_not_sealed_is_waited_for_and_then_refused(case, monkeypatch):
    monkeypatch.setattr("screening.services.evidence.WAIT_SECONDS", 0.05)

    with pytest.raises(NotReady, match="not being sealed"):
        export_evidence(case, actor="user:7")

    assert not Audit.objects.filter(action=Action.EVIDENCE_EXPORTED).exists()


def test_where_this_process_has_the_key_it_seals_by_itself(case, settings):
    settings.AUDIT_KEY = KEY.secret_text()

    data = export_evidence(case, actor="user:7")

    assert told(data).startswith("PROVEN.")


def test_a_log_that_lacks_a_node_is_said_and_no_error_page(case):
    exported(case)
    unlock("audit_node")

    def seal_and_lose(_seconds: float) -> None:
        seal()
        Node.objects.all().delete()

    with pytest.raises(NotReady, match="audit_verify"):
        export_evidence(case, actor="user:7", pause=seal_and_lose)
