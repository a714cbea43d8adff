"""An erased case leaves nothing but its tombstone, and a log that is whole."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from audit.actions import Action
from audit.models import Audit
from audit.proofs.commitments import commit
from audit.sequencer import seal_all
from pediscreen_site.management.commands.audit_verify import GAPS
from screening.documents.committed import draft_bytes, input_bytes, saved_bytes
from screening.errors import Erased, HoldRefused, NotErasable
from screening.models import Case, Job, LegalHold, Review, Tombstone
from screening.reports import signed_bytes
from screening.services.erasure import digest_of, erase_case, tombstone_of
from screening.services.evidence import export_evidence
from screening.services.intervention import cancel_job
from screening.services.legal_hold import lift_hold, place_hold
from screening.services.report import addendum_content, read_report
from tests.audit.tampering import KEY, kinds, look, run, undone, unlock_all
from tests.screening.erasing import (
    WORD,
    full_case,
    places_of,
    review_of,
    snapshot,
    submitted_again,
    unsigned_case,
)
from tests.screening.making import make_job
from tests.screening.signing import unlock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def case() -> Case:
    return full_case()


def erased(case: Case) -> Tombstone:
    return erase_case(case, actor="user:7", reason="File 12/2026")


def refused(step) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        step()


def test_nothing_of_the_words_is_left_in_any_column(case):
    planted = places_of(WORD)
    for table in ("job", "review", "signature", "addendum", "secondread", "followup"):
        assert any(place.startswith(f"screening_{table}.") for place in planted), table
    assert "routing_task.payload" in planted
    assert "screening_idempotencykey.key" in planted
    assert "screening_webhookdelivery.url" in planted

    erased(case)

    assert places_of(WORD) == []
    assert not Case.objects.exists()
    assert not Job.objects.exists()


def test_the_log_is_whole_afterwards_and_holds_the_proof_of_what_went(case):
    job = case.jobs.get()
    before = Audit.objects.for_job(job.pk).count()

    stone = erased(case)

    seal_all([KEY], seconds=60)
    assert look(gaps=GAPS).is_whole
    assert Audit.objects.for_job(job.pk).count() == before
    event = Audit.objects.get(action=Action.CASE_ERASED)
    assert event.detail["manifest"] == stone.digest == digest_of(stone.manifest)
    assert event.detail["counts"] == {
        "jobs": 1,
        "reviews": 1,
        "signatures": 1,
        "addenda": 1,
        "second_reads": 1,
        "follow_ups": 1,
        "webhook_deliveries": 1,
        "idempotency_keys": 1,
        "tasks": 1,
    }
    assert WORD not in event.canonical
    proofs = {each["kind"]: each["sha256"] for each in stone.manifest["kinds"]}
    named = f"{job.pk}\n".encode()
    assert proofs["jobs"] == hashlib.sha256(named).hexdigest()
    assert proofs["signatures"] == hashlib.sha256(named).hexdigest()
    named = f"{job.pk} 1\n".encode()
    assert proofs["addenda"] == hashlib.sha256(named).hexdigest()


def test_afterwards_nothing_confirms_a_guess_of_what_was_said(case):
    """Whoever has the log and the tombstones, and guesses a content to the letter."""
    job = case.jobs.get()
    read_report(clinic=case.clinic, case_id=case.case_id, actor="key:test")
    review, salt = review_of(case), bytes(job.salt)
    texts = review.addenda.all()
    contents = {
        "input": input_bytes(job.pk, job.payload),
        "draft": draft_bytes(job.pk, vars(job)),
        "written": saved_bytes(job.pk, vars(review)),
        "signed": signed_bytes(review.signature.content),
        "addendum": signed_bytes(addendum_content(texts[0])),
    }
    before = left_behind()
    for name, content in contents.items():
        assert commit(content, salt=salt) in before, name

    erased(case)

    left = left_behind()
    assert salt.hex() not in left
    for name, content in contents.items():
        digest = hashlib.sha256(content).hexdigest()
        for told in (digest, f"{job.pk} {digest}", f"{job.pk} 1 {digest}"):
            lined = hashlib.sha256(f"{told}\n".encode()).hexdigest()
            assert {told, lined}.isdisjoint(left), name


def left_behind() -> set[str]:
    """Gather all that is written in 64 digits in the log and on the tombstones."""
    texts = [*Audit.objects.values_list("canonical", flat=True)]
    texts += map(json.dumps, Tombstone.objects.values_list("manifest", flat=True))
    return set(re.findall(r"[0-9a-f]{64}", " ".join(texts)))


def test_other_cases_stay_as_they_are(case):
    other = make_job(case_id="case-2")

    erased(case)

    assert Job.objects.get() == other
    assert look(gaps=GAPS).findings.counts.keys() <= {"leaves_unsigned"}


def test_a_case_of_the_same_name_is_another_case(case):
    erased(case)
    again = submitted_again(case)
    assert look(gaps=GAPS).is_whole

    cancel_job(Job.objects.select_related("case", "clinic").get(), actor="user:1")
    erase_case(again, actor="user:7", reason="File 13/2026")

    assert Tombstone.objects.count() == 2
    assert look(gaps=GAPS).is_whole


def test_a_held_case_is_refused_until_the_hold_is_lifted(case):
    place_hold(case, actor="user:7", reason="Court file 3")
    with pytest.raises(HoldRefused):
        place_hold(case, actor="user:7", reason="Court file 4")

    with pytest.raises(NotErasable, match="legal hold"):
        erased(case)
    assert review_of(case)

    lift_hold(case, actor="user:8")
    with pytest.raises(HoldRefused):
        lift_hold(case, actor="user:8")
    stone = erased(case)
    assert not LegalHold.objects.exists()
    assert {"kind": "legal_holds", "count": 1}.items() <= stone.manifest["kinds"][
        -1
    ].items()
    done = Audit.objects.filter(action__startswith="legal_hold.").order_by("pk")
    assert [event.action for event in done] == [
        "legal_hold.placed",
        "legal_hold.lifted",
    ]


def test_what_is_under_way_or_unsigned_is_refused():
    waiting = make_job(case_id="case-2")
    with pytest.raises(NotErasable, match="not ended"):
        erased(waiting.case)
    cancel_job(Job.objects.select_related("case", "clinic").get(), actor="user:1")
    erased(waiting.case)

    unsigned = unsigned_case()
    with pytest.raises(NotErasable, match="not signed"):
        erased(unsigned)
    erase_case(unsigned, actor="user:7", reason="File 1", unsigned_too=True)
    assert not Review.objects.exists()


@pytest.mark.parametrize("reason", ["", " ", "x" * 201])
def test_without_a_short_reason_nothing_is_erased_or_held(case, reason):
    with pytest.raises(NotErasable, match="why"):
        erase_case(case, actor="user:7", reason=reason)
    with pytest.raises(HoldRefused, match="why"):
        place_hold(case, actor="user:7", reason=reason)
    assert review_of(case)


# --- The locks ------------------------------


def begin(case: Case) -> Tombstone:
    return Tombstone.objects.create(
        case_key=case.pk,
        clinic=case.clinic.slug,
        case_digest="0" * 64,
        reason="x",
        erased_by="user:7",
    )


def sql(statement: str, *params: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


SIGNED = (
    *("screening_signature", "screening_addendum", "screening_secondread"),
    "screening_review",
)


@pytest.mark.parametrize("table", SIGNED)
def test_a_tombstone_of_another_case_opens_nothing(case, table):
    other = unsigned_case()

    with undone():
        begin(other)
        refused(lambda: sql(f"DELETE FROM {table}"))


@pytest.mark.parametrize("table", SIGNED)
def test_an_unfinished_tombstone_allows_no_change(case, table):
    change = {"screening_addendum": "text", "screening_secondread": "why"}
    column = change.get(table, "content_digest")
    with undone():
        begin(case)
        refused(lambda: sql(f"UPDATE {table} SET {column} = 'x'"))


def test_no_transaction_with_an_unfinished_tombstone_is_committed(case):
    with undone():
        begin(case)
        with pytest.raises(IntegrityError):
            connection.check_constraints()


def test_a_tombstone_is_finished_only_when_the_case_is_gone(case):
    with undone():
        rows = Tombstone.objects.filter(pk=begin(case).pk)
        refused(lambda: rows.update(digest="0" * 64, unfinished=None))


def test_a_finished_tombstone_is_never_changed_opened_or_deleted(case):
    other = make_job(case_id="case-2").case
    rows = Tombstone.objects.filter(pk=erased(case).pk)

    refused(lambda: rows.update(digest="", unfinished=-1))
    refused(lambda: rows.update(case_key=other.pk))
    refused(lambda: rows.update(reason="x"))
    refused(lambda: rows.delete())


def test_no_tombstone_is_begun_finished_under_a_hold_or_of_no_case(case):
    refused(
        lambda: Tombstone.objects.create(
            case_key=case.pk,
            clinic="default",
            case_digest="0" * 64,
            reason="x",
            erased_by="user:7",
            digest="0" * 64,
            unfinished=None,
        )
    )
    place_hold(case, actor="user:7", reason="Court file 3")
    refused(lambda: begin(case))
    lift_hold(case, actor="user:7")
    Case.objects.filter(pk=case.pk).update(case_id="other")
    case.pk += 1000
    refused(lambda: begin(case))


# --- What verifying finds ------------------------------


def test_a_job_that_is_gone_without_an_erasure_is_found():
    job = make_job(case_id="case-2")
    Job.objects.filter(pk=job.pk).delete()

    verdict = look(gaps=GAPS)

    assert kinds(verdict) == {"job_gone"}
    assert [each.job for each in verdict.findings.shown()] == [str(job.pk)]


def test_a_tombstone_that_is_gone_or_changed_is_found(case):
    stone = erased(case)
    unlock("screening_tombstone")
    other = json.dumps({**stone.manifest, "v": 3})
    run("UPDATE screening_tombstone SET manifest = %s", other)
    assert kinds(look(gaps=GAPS)) == {"tombstone_without_event"}

    run("DELETE FROM screening_tombstone")
    assert kinds(look(gaps=GAPS)) == {"erased_without_tombstone"}


def test_an_erasure_that_the_log_has_not_is_found(case):
    erased(case)
    unlock_all()
    [pk] = Audit.objects.filter(action=Action.CASE_ERASED).values_list("pk", flat=True)
    run("DELETE FROM audit_pending WHERE event_id = %s", pk)
    run("DELETE FROM audit_audit WHERE id = %s", pk)

    found = {"job_gone", "task_gone", "tombstone_without_event"}
    assert kinds(look(gaps=GAPS)) == found


# --- Evidence and commands ------------------------------


def test_the_evidence_of_an_erased_case_is_refused(case, tmp_path):
    job = case.jobs.get()
    stone = erased(case)

    with pytest.raises(Erased, match=stone.digest):
        export_evidence(case, actor="user:7")
    for name in (case.case_id, str(job.pk)):
        with pytest.raises(CommandError, match="was erased on"):
            call_command("audit_evidence", name, out=str(tmp_path / "x.zip"))
    with pytest.raises(CommandError, match="no such case or job"):
        call_command("audit_evidence", "case-7", out=str(tmp_path / "x.zip"))


def test_the_command_says_what_would_go_and_then_erases_it(case, capsys):
    before = snapshot()
    call_command("erase_case", "default", case.case_id, "--dry-run")
    would = json.loads(capsys.readouterr().out)
    assert not would["erased"]
    [looked] = Audit.objects.filter(action=Action.RECORD_READ)
    assert (looked.actor, looked.case_id) == ("system:erase_case", case.case_id)
    assert snapshot() == before | {
        table: before[table] + 1 for table in ("audit_audit", "audit_pending")
    }
    assert places_of(WORD)

    with pytest.raises(CommandError, match="Say why"):
        call_command("erase_case", "default", case.case_id)
    call_command("erase_case", "default", case.case_id, "--reason", "File 12")
    done = json.loads(capsys.readouterr().out)
    assert done == {**would, "erased": True}
    assert tombstone_of("default", case.case_id).digest == done["digest"]
    with pytest.raises(CommandError, match="was erased on"):
        call_command("erase_case", "default", case.case_id, "--reason", "File 12")


def test_the_command_places_and_lifts_a_hold(case):
    call_command("legal_hold", "default", case.case_id, "--reason", "Court file 3")
    for options in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match="legal hold"):
            call_command(
                "erase_case", "default", case.case_id, "--reason", "x", *options
            )
    call_command("legal_hold", "default", case.case_id, "--lift")
    with pytest.raises(CommandError, match="No legal hold"):
        call_command("legal_hold", "default", case.case_id, "--lift")
