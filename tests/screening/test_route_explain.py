"""``manage.py route_explain``: what was kept of a job's route, in words."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit.models import Audit
from routing.policy import POLICY_VERSION, Standing, Wish, choose_targets
from screening.models import Job
from screening.services.execution import run_job
from tests.browser.rows import OLD_ROUTE
from tests.screening.making import make_job, unknown_id
from tests.system.stub_model import StubModel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


def explain(job_id):
    out = StringIO()
    call_command("route_explain", str(job_id), stdout=out)
    return out.getvalue().splitlines()


def test_each_attempt_names_who_was_considered_and_how_each_answered(settings):
    edge, cloud = StubModel(mode="status:503"), StubModel()
    settings.EDGE_MODEL_URL, settings.CLOUD_MODEL_URL = edge.url, cloud.url
    job = make_job(preferred_target="edge")

    run_job(job.pk, worker="w1")
    edge.stop()
    cloud.stop()

    lines = explain(job.pk)
    assert lines[0].startswith("Attempt 1, policy 20")
    assert lines[1:5] == [
        "  may go to edge: preferred, score 0.870 "
        "(capabilities 1.00, triage x1.00, slowness 0.15, privacy 0.00)",
        "    edge, p95 500 ms, load 0%, ready",
        "  may go to cloud: fallback, score 0.606 "
        "(capabilities 1.00, triage x1.00, slowness 0.15, privacy 0.50)",
        "    cloud, p95 500 ms, load 0%, ready",
    ]
    assert lines[5].startswith("  edge: MODEL_SERVER_ERROR, ")
    assert lines[6].startswith("  cloud: answered, ")
    assert lines[7:] == [
        "  replayed: the same decision",
        "Now DONE, answered by cloud.",
    ]


def test_it_says_who_was_left_out_and_why(settings):
    edge = StubModel()
    settings.EDGE_MODEL_URL, settings.CLOUD_MODEL_URL = edge.url, "http://127.0.0.1:9/"
    job = make_job(consent={"consent_given": False})

    run_job(job.pk, worker="w1")
    edge.stop()

    assert "  not to cloud: no consent for the cloud" in explain(job.pk)


def kept(**fields):
    """Store a job with one attempt: a decision, changed in these fields."""
    standings = [
        Standing(name="edge", location="edge", ill=True, load=0.25),
        Standing(name="gpu-1", location="cloud-gpu", resting=12.0, p95_ms=820.0),
        Standing(name="night-1", location="edge-ward", unfit="not heard of"),
    ]
    decision = choose_targets(standings, Wish()).explain()
    job = make_job()
    job.route = [{"attempt": 1, **decision, "tries": [], **fields}]
    job.save()
    return job


def test_it_says_how_each_target_stood():
    lines = explain(kept().pk)

    assert "    edge, p95 500 ms, load 25%, its health check failed" in lines
    assert "  not to gpu-1: resting after failures" in lines
    assert "    cloud-gpu, p95 820 ms, load 0%, to rest 12 s more" in lines
    assert "    edge-ward, p95 500 ms, load 0%, not heard of" in lines
    assert "  replayed: the same decision" in lines


def test_it_says_what_another_policy_would_decide():
    job = kept(
        policy_version="2020-01-01",
        candidates=[{"target": "gpu-1", "reason": "by lot", "score": 1.0, "terms": {}}],
        excluded=[
            {"target": "edge", "reason": "out of luck"},
            {"target": "night-1", "reason": "not heard of"},
        ],
    )

    lines = explain(job.pk)

    at = lines.index(f"  replayed: policy {POLICY_VERSION} decides otherwise")
    assert lines[at + 1 : -1] == [
        "    gpu-1 was number 1, by lot, score 1.000 (); "
        "now left out, resting after failures",
        "    edge was left out, out of luck; now number 1, edge first, score 0.870 "
        "(capabilities 1.00, triage x1.00, slowness 0.15, privacy 0.00)",
    ]


@pytest.mark.parametrize(
    ("field", "value"), [("score", 0.5), ("terms", {"capabilities": 0.25})]
)
def test_another_score_is_another_decision(field, value):
    job = kept()
    job.route[0]["candidates"][0][field] = value
    job.save()

    assert any("decides otherwise" in line for line in explain(job.pk))


def test_an_entry_of_an_older_policy_is_shown_and_not_replayed():
    job = make_job()
    job.route = OLD_ROUTE
    job.save()

    assert explain(job.pk) == [
        "Attempt 1, policy 2026-11-24",
        "  may go to edge: edge first",
        "  may go to cloud: fallback",
        "  edge: MODEL_TIMEOUT, 10003 ms",
        "  cloud: answered, 840 ms",
        "  not replayed: it was kept without its inputs",
        "Now PENDING, answered by nobody.",
    ]


def test_an_attempt_without_a_decision_says_so():
    job = make_job()
    job.route = [{"attempt": 2, "tries": []}]
    job.save()

    assert explain(job.pk)[:2] == [
        "Attempt 2, policy none applied",
        "  not replayed: it was kept without its inputs",
    ]


def test_the_inputs_of_a_later_policy_are_not_replayed():
    job = kept()
    job.route[0]["targets"][0]["mood"] = "good"
    job.save()

    assert "  not replayed: its inputs are those of another policy" in explain(job.pk)


def test_that_somebody_asked_is_written_and_nothing_else(django_assert_num_queries):
    job = kept()
    explain(job.pk)
    event = Audit.objects.for_job(job.pk).latest("id")
    assert (event.action, event.actor) == ("record.read", "system:route_explain")

    with django_assert_num_queries(1):
        explain(job.pk)


def test_a_job_that_has_gone_nowhere_yet_says_so():
    assert explain(make_job().pk)[0] == "No model server has been asked yet."


@pytest.mark.parametrize("job_id", [unknown_id(), "no-uuid"])
def test_an_unknown_job_is_refused(job_id):
    with pytest.raises(CommandError, match="no such job"):
        explain(job_id)

    assert not Job.objects.exists()
