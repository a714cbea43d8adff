"""What a clinician saves is committed to, and the last of it is in the evidence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.actions import Action
from audit.models import Audit
from audit.proofs.commitments import opens
from screening.documents.committed import WRITTEN, saved_bytes
from screening.models import Case, Job, Review
from screening.services.evidence import export_evidence
from screening.services.review import approve_family_text, save_review
from tests.screening.evidence import WORD, answered, files_in, seal, told
from tests.screening.signing import make_reader, unlock

pytestmark = pytest.mark.django_db
TEXTS = {"note": f"Says {WORD}.", "parent_text": "Your child plays — “well”."}


@pytest.fixture
def case() -> Case:
    """A case whose review was saved twice, and looked at since."""
    review = review_of(answered())
    user = make_reader(clinic=review.job.clinic)
    version = save_review(review, user=user, version=1, values={"note": "First."})
    version = save_review(review, user=user, version=version, values=TEXTS)
    approve_family_text(review, user=user, version=version)
    return review.job.case


def review_of(job: Job) -> Review:
    return Review.objects.select_related("job__case", "job__clinic").get(job=job)


def exported(case: Case) -> bytes:
    return export_evidence(case, actor="user:7", pause=seal)


def saves() -> list[Audit]:
    return list(Audit.objects.filter(action=Action.REVIEW_SAVED).order_by("pk"))


def test_a_save_commits_to_all_that_stands_in_the_review_then(case):
    job, values = case.jobs.get(), Review.objects.values(*WRITTEN).get()
    salt, (first, last) = bytes(job.salt), saves()

    assert opens(last.detail["commitment"], saved_bytes(job.pk, values), salt=salt)
    before = values | {"note": "First.", "parent_text": job.result["parent_text"]}
    assert opens(first.detail["commitment"], saved_bytes(job.pk, before), salt=salt)
    assert WORD not in first.canonical + last.canonical


def test_what_was_saved_last_is_in_the_evidence_and_is_proven(case):
    files = files_in(exported(case))

    [name] = [each for each in files if each.endswith("/written.json")]
    written = json.loads(files[name])
    assert written.keys() == {"job_id", *WRITTEN}
    assert written.items() >= TEXTS.items()
    answer = told(files)
    assert answer.startswith("PROVEN.")
    assert f"wrote, and saved last, is in {name}" in answer
    assert answer.count("it was saved again since") == 1


@pytest.mark.parametrize("changed", [{"note": "Other."}, {"summary": []}], ids=str)
def test_a_text_changed_in_the_database_does_not_open_its_commitment(
    case, changed: dict[str, Any]
):
    unlock("screening_review")
    Review.objects.update(**changed)

    assert "written.json does not open the commitment" in told(exported(case))


def test_a_review_that_nobody_saved_has_no_such_file():
    files = files_in(exported(answered().case))

    assert told(files).startswith("PROVEN.")
    assert not any("written" in name for name in files)


def test_a_save_of_before_there_were_commitments_is_said_to_be_one():
    job = answered()
    user, salt = make_reader(clinic=job.clinic), job.salt
    Job.objects.update(salt=None)
    save_review(review_of(job), user=user, version=1, values=TEXTS)
    Job.objects.update(salt=salt)

    answer = told(exported(job.case))

    assert answer.startswith("PROVEN.")
    assert "written.json is what review.saved" in answer
    assert "it was recorded before contents were committed to" in answer
