"""A case that went all the way, and its evidence."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from audit import check
from audit.check_evidence import pack
from audit.proofs.keys import SignerKey
from audit.sequencer import seal_all
from routing.policy import Wish, choose_targets
from routing.targets import Target
from routing.tried import Tried
from screening.models import Case, Job, Review
from screening.outcomes import Outcome, Plan
from screening.results import check_result
from screening.services.execution import claim_jobs
from screening.services.settlement import settle
from screening.services.signing import add_addendum
from tests.screening.making import make_job
from tests.screening.signing import PASSWORD, make_reader, sign

KEY = SignerKey.generate("clinic.example/audit")
KEYS = [str(KEY.verifier)]
WORD = "zqbabble"
ANSWER: dict[str, Any] = {
    "risk": "discuss",
    "summary": ["Plays with others.", f"Says {WORD} — “mama” alone."],
    "recommendations": ["Talk about language."],
    "parent_text": "Your child plays well. We would like to talk about words.",
    "confidence": 0.62,
    "explainability": [{"type": "item", "detail": "Few words", "score": 1e16}],
    "model_id": f"model of {WORD}",
}


def seal(_seconds: float = 0) -> None:
    """Seal what waits, as a worker would meanwhile."""
    seal_all([KEY], seconds=60)


def answered(answer: Any = None, **given: Any) -> Job:
    """Submit a job, claim it, and settle what a model answered."""
    job = make_job(age_months=20, observations=f"Says {WORD} only.", **given)
    target = Target(name="edge", url="http://localhost:1", model="draft-model:4b")
    plan = Plan(targets=(target,), decision=choose_targets([], Wish()))
    [claimed] = claim_jobs([job.pk], worker="w1")
    raw = ANSWER if answer is None else answer
    tried = Tried(target="edge", seconds=0.1, provenance={"prompt": "1"})
    result = check_result(raw, case_id=claimed.case.case_id)
    settle(
        [
            Outcome(
                job=claimed,
                plan=plan,
                tries=[tried],
                target="edge",
                result=result,
                rules_risk="monitor",
            )
        ],
        worker="w1",
    )
    return Job.objects.select_related("case__clinic").get(pk=job.pk)


def signed_case(case_id: str = "case-1", **given: Any) -> Case:
    """Take a case all the way: draft, edit, signature, release, addendum."""
    job = answered(case_id=case_id, **given)
    review = Review.objects.select_related("job__case", "job__clinic").get(job=job)
    user = make_reader(clinic=job.clinic)
    done = sign(review, user=user, state="DELIVERED", summary=["Plays. Says little."])
    add_addendum(done, user=user, password=PASSWORD, text="Hears well.")
    return job.case


def files_in(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def told(data: bytes | Mapping[str, bytes]) -> str:
    """Check evidence; say what the one file says."""
    made = data if isinstance(data, bytes) else pack(data)
    try:
        return f"PROVEN. {check.check_evidence(made, KEYS)}"
    except check.Refused as refused:
        return f"NOT PROVEN. {refused}"
