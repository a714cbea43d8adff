"""Which targets there are, as the workers see them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from routing import directory as directory_module
from routing.circuits import Circuits
from routing.connection import connect
from routing.directory import Directory, read_known
from routing.errors import NoModelEndpoints, TargetsResting
from routing.models import Agent, TargetHealth
from routing.policy import Wish
from routing.services.registration import disable_agent
from tests.routing.making import make_agent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def circuits() -> Circuits:
    return Circuits(connect())


@pytest.fixture(autouse=True)
def no_configured_targets(settings):
    settings.EDGE_MODEL_URL = settings.CLOUD_MODEL_URL = ""


def chosen(circuits, clinic="default", **wish):
    choice = Directory().choose(Wish(**wish), clinic=clinic, circuits=circuits)
    return [target.name for target in choice.targets], choice.decision


def unfit():
    return {known.target.name: known.standing.unfit for known in read_known()}


def test_configured_targets_come_first_and_are_of_every_clinic(settings):
    settings.EDGE_MODEL_URL = "http://127.0.0.1:9/infer"
    settings.CLOUD_MODEL_URL = "https://models.example.org/"
    make_agent("an-agent")

    known = read_known()

    assert [found.target.name for found in known] == ["edge", "cloud", "an-agent"]
    assert [found.target.is_agent for found in known] == [False, False, True]
    assert [found.clinic for found in known] == ["", "", "default"]


def test_a_job_goes_to_an_agent_that_reads_screenings(circuits):
    make_agent("reads")
    make_agent("embeds", capabilities=("embed",))

    names, decision = chosen(circuits)

    assert names == ["reads"]
    assert decision.excluded == {"embeds": "has none of the capabilities"}


def test_an_agent_sees_the_work_of_its_clinic_alone(circuits):
    make_agent("norths", clinic="north")
    make_agent("anybodys", clinic="")

    names, decision = chosen(circuits, clinic="south")

    assert names == ["anybodys"]
    assert [standing.name for standing in decision.standings] == ["anybodys"]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({}, ""),
        ({"approved_at": None, "approved_by": ""}, "not approved yet"),
        ({"is_enabled": False}, "disabled"),
        ({"heard_at": Now() - timedelta(minutes=3)}, "not heard of"),
        ({"endpoint": "http://169.254.169.254/"}, "its endpoint is not allowed"),
    ],
    ids=["fit", "waiting", "disabled", "silent", "endpoint"],
)
def test_an_agent_gets_no_work_while_something_is_against_it(circuits, state, reason):
    make_agent()
    Agent.objects.update(**state)

    names, decision = chosen(circuits)

    assert unfit() == {"agent-1": reason}
    assert names == ([] if reason else ["agent-1"])
    assert isinstance(decision.error, TargetsResting) == bool(reason)


def test_without_any_target_the_words_are_the_known_ones(circuits):
    _, decision = chosen(circuits)

    assert isinstance(decision.error, NoModelEndpoints)


def test_latency_is_what_we_learnt_or_else_what_it_says_or_else_the_usual():
    for name in ("learnt", "told", "usual"):
        make_agent(name)
    Agent.objects.exclude(agent_id="usual").update(told_latency_ms=900.0)
    TargetHealth.objects.create(name="learnt", p95_ms=250.0)

    p95 = {known.target.name: known.standing.p95_ms for known in read_known()}

    assert p95 == {"learnt": 250.0, "told": 900.0, "usual": 500.0}


@pytest.mark.parametrize(
    ("failures", "ago", "ill"), [(2, 5, True), (1, 5, False), (9, 60, False)]
)
def test_two_failed_checks_in_a_row_are_an_illness_while_they_are_fresh(
    settings, failures, ago, ill
):
    settings.HEALTH_CHECK_SECONDS = 10
    make_agent()
    TargetHealth.objects.create(
        name="agent-1",
        check_failures=failures,
        checked_at=Now() - timedelta(seconds=ago),
    )

    [known] = read_known()

    assert known.standing.ill is ill


def test_who_calls_itself_unhealthy_is_ill():
    make_agent()
    Agent.objects.update(health_status="unhealthy")

    [known] = read_known()

    assert known.standing.ill


def test_a_resting_target_is_so_for_whom_it_is_allowed_alone(circuits, settings):
    settings.CLOUD_MODEL_URL = "https://models.example.org/"
    for _ in range(5):
        circuits.failed("cloud", error="MODEL_TIMEOUT", retry_after=None)

    _, decision = chosen(circuits, cloud_allowed=False)

    assert decision.excluded == {"cloud": "no consent for the cloud"}
    assert [standing.resting for standing in decision.standings] == [0.0]


def test_a_probe_is_not_spent_on_a_target_that_the_job_may_not_go_to(
    circuits, settings, monkeypatch
):
    settings.CLOUD_MODEL_URL = "https://models.example.org/"
    asked = []
    monkeypatch.setattr(circuits, "allows", lambda name: asked.append(name) or True)

    chosen(circuits, cloud_allowed=False)
    assert asked == []

    chosen(circuits)
    assert asked == ["cloud"]


def test_what_was_read_is_kept_for_a_while_and_while_the_database_is_away(monkeypatch):
    make_agent()
    seen = Directory()
    assert seen.names() == ["agent-1"]

    disable_agent(Agent.objects.get(), actor="user:1")
    assert seen.names() == ["agent-1"]

    def away():
        raise OperationalError

    monkeypatch.setattr(directory_module, "LOOK_AGAIN_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(directory_module, "read_known", away)
        assert seen.names() == ["agent-1"]
    assert seen.names() == []
