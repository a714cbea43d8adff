"""The evidence of a case is taken by command and in the desk, by who may."""

from __future__ import annotations

import io
import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from audit.actions import Action
from audit.models import Audit
from screening.models import Case, Clinic, Review
from screening.services.review import ask_for_second_read, claim_review
from screening.services.sight import has_seen
from tests.screening.evidence import (
    KEY,
    KEYS,
    WORD,
    answered,
    files_in,
    seal,
    signed_case,
    told,
)
from tests.servers import ROOT
from tests.site.clinics import desk_of, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_key(settings: Any) -> None:
    """Let this process seal, so that nobody is waited for."""
    settings.AUDIT_KEY = KEY.secret_text()


@pytest.fixture
def case() -> Case:
    return signed_case()


def page_of(case: Case) -> str:
    return reverse("admin:screening_case_evidence", args=[case.pk])


def of_job(job: Any) -> Review:
    return Review.objects.select_related("job__case", "job__clinic").get(job=job)


# --- The desk -------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["supervisor", "auditor"])
def test_who_may_takes_it_from_the_page_of_the_case(case, role):
    user = make_person(role, case.clinic)
    desk = desk_of(user)
    change = reverse("admin:screening_case_change", args=[case.pk])

    assert page_of(case) in desk.get(change).text
    page = desk.get(page_of(case))
    answer = desk.post(page_of(case))

    assert "Export the evidence" in page.text
    assert WORD not in page.text
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="evidence-case-1.zip"'
    assert "no-store" in answer["Cache-Control"]
    assert told(answer.content).startswith("PROVEN.")
    event = Audit.objects.get(action=Action.EVIDENCE_EXPORTED)
    assert event.actor == f"user:{user.pk}"


@pytest.mark.parametrize("role", ["operator", "reviewer", "admin"])
def test_who_has_not_got_the_right_takes_nothing(case, role):
    desk = desk_of(make_person(role, case.clinic))
    change = reverse("admin:screening_case_change", args=[case.pk])

    assert desk.get(page_of(case)).status_code == 403
    assert desk.post(page_of(case)).status_code == 403
    assert page_of(case) not in desk.get(change).text
    assert not Audit.objects.filter(action=Action.EVIDENCE_EXPORTED).exists()


def test_another_clinics_case_is_not_there(case):
    other = Clinic.objects.create(slug="there", name="Clinic there")
    desk = desk_of(make_person("supervisor", other))

    assert desk.get(page_of(case)).status_code == 404
    assert desk.post(page_of(case)).status_code == 404


def test_an_auditor_gets_no_contents_of_what_nobody_has_signed(case):
    job = answered()
    desk = desk_of(make_person("auditor", case.clinic))

    page = desk.get(page_of(case))
    data = desk.post(page_of(case)).content

    assert "1 of the screenings is not signed" in page.text
    states = json.loads(files_in(data)["manifest.json"])["jobs"]
    assert sorted(states.values()) == ["whole", "withheld"]
    assert states[str(job.pk)] == "withheld"
    assert not any(str(job.pk) in name for name in files_in(data))
    assert "was left out, or is erased" in told(data)
    assert told(data).startswith("PROVEN.")


def test_a_supervisor_gets_all_of_it(case):
    answered()
    desk = desk_of(make_person("supervisor", case.clinic))

    data = desk.post(page_of(case)).content

    states = json.loads(files_in(data)["manifest.json"])["jobs"]
    assert set(states.values()) == {"whole"}


def test_who_took_an_open_screening_away_has_seen_it(case):
    person = make_person("supervisor", case.clinic)
    review = of_job(answered())
    assert not has_seen(review, person)

    desk_of(person).post(page_of(case))

    assert has_seen(review, person)


def test_who_is_yet_to_read_the_case_blind_takes_nothing(case):
    first, second = (
        make_person("supervisor", case.clinic, name=name) for name in ("one", "two")
    )
    review = of_job(answered())
    claim_review(review, user=first)
    ask_for_second_read(review, user=first, version=review.version)

    assert desk_of(second).get(page_of(case)).status_code == 403
    assert desk_of(second).post(page_of(case)).status_code == 403
    assert desk_of(first).post(page_of(case)).status_code == 200


def test_a_log_that_is_not_sealed_is_said_on_the_page(case, settings, monkeypatch):
    settings.AUDIT_KEY = ""
    monkeypatch.setattr("screening.services.evidence.WAIT_SECONDS", 0.05)
    desk = desk_of(make_person("supervisor", case.clinic))

    answer = desk.post(page_of(case))

    assert answer.status_code == 409
    assert "Nothing was exported." in answer.text
    assert "not being sealed" in answer.text


def test_that_the_page_was_opened_is_an_event(case):
    user = make_person("auditor", case.clinic)

    desk_of(user).get(page_of(case))

    event = Audit.objects.get(action=Action.RECORD_OPENED, actor=f"user:{user.pk}")
    assert event.detail == {"page": "evidence"}


# --- The command ----------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("audit_evidence", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_writes_what_the_two_files_check_where_nothing_else_is(
    case, tmp_path
):
    file = tmp_path / "case.zip"

    said = run("case-1", "--out", str(file))

    assert "python audit/check.py" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for name in ("check.py", "check_evidence.py"):
        shutil.copy(ROOT / "audit" / name, tmp_path / name)
    assert check_in(tmp_path)[:2] == (0, "PROVEN.")
    file.write_bytes(file.read_bytes().replace(WORD.encode(), WORD[::-1].encode()))
    status, first, _ = check_in(tmp_path)
    assert (status, first) == (1, "NOT PROVEN.")
    (tmp_path / "check_evidence.py").unlink()
    assert check_in(tmp_path)[2] == (
        "NOT CHECKED. check_evidence.py must lie beside check.py.\n"
    )


def check_in(folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "check.py", "case.zip", "--key", *KEYS],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout.partition(".")[0] + ".", done.stdout


def test_the_evidence_of_a_job_is_of_that_job_alone(case, tmp_path):
    job = answered()

    run(str(job.pk), "--out", str(tmp_path / "job.zip"))

    data = (tmp_path / "job.zip").read_bytes()
    assert told(data).startswith("PROVEN.")
    assert list(json.loads(files_in(data)["manifest.json"])["jobs"]) == [str(job.pk)]
    event = Audit.objects.get(action=Action.EVIDENCE_EXPORTED)
    assert (event.actor, event.job_id) == ("system:audit_evidence", job.pk)


def test_what_is_not_there_or_is_meant_by_several_is_said(case, tmp_path):
    other = Clinic.objects.create(slug="there", name="Clinic there")
    answered(clinic=other)
    file = str(tmp_path / "case.zip")

    for wrong in ("nobody", "6a1de8a3-2b6a-4a3e-9d9e-000000000001"):
        with pytest.raises(CommandError, match="no such case or job"):
            run(wrong, "--out", file)
    with pytest.raises(CommandError, match="--clinic"):
        run("case-1", "--out", file)
    assert not Path(file).exists()

    run("case-1", "--clinic", "there", "--out", file)

    with pytest.raises(CommandError, match="cannot be made"):
        run("case-1", "--clinic", "there", "--out", file)


def test_nothing_is_left_where_the_log_is_not_sealed(
    case, tmp_path, settings, monkeypatch
):
    settings.AUDIT_KEY = ""
    monkeypatch.setattr("screening.services.evidence.WAIT_SECONDS", 0.05)

    with pytest.raises(CommandError, match="not being sealed"):
        run("case-1", "--out", str(tmp_path / "case.zip"))

    assert not list(tmp_path.iterdir())


def test_two_exports_of_one_case_are_both_proven(case, tmp_path):
    for name in ("one.zip", "two.zip"):
        run("case-1", "--out", str(tmp_path / name))

    one, two = ((tmp_path / name).read_bytes() for name in ("one.zip", "two.zip"))
    assert told(one).startswith("PROVEN.")
    assert told(two).startswith("PROVEN.")
    assert len(files_in(two)) == len(files_in(one)) + 1
    seal()
