"""``manage.py route_explain``: what was kept of a job's route, in words."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from screening.models import Job
from screening.services.execution import run_job
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
    assert lines[1:3] == ["  may go to edge: preferred", "  may go to cloud: fallback"]
    assert lines[3].startswith("  edge: MODEL_SERVER_ERROR, ")
    assert lines[4].startswith("  cloud: answered, ")
    assert lines[5] == "Now DONE, answered by cloud."


def test_it_says_who_was_left_out_and_why(settings):
    edge = StubModel()
    settings.EDGE_MODEL_URL, settings.CLOUD_MODEL_URL = edge.url, "http://127.0.0.1:9/"
    job = make_job(consent={"consent_given": False})

    run_job(job.pk, worker="w1")
    edge.stop()

    assert "  not to cloud: no consent for the cloud" in explain(job.pk)


def test_a_job_that_has_gone_nowhere_yet_says_so():
    assert explain(make_job().pk)[0] == "No model server has been asked yet."


@pytest.mark.parametrize("job_id", [unknown_id(), "no-uuid"])
def test_an_unknown_job_is_refused(job_id):
    with pytest.raises(CommandError, match="no such job"):
        explain(job_id)

    assert not Job.objects.exists()
