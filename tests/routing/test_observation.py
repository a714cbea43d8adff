"""What the workers see of the targets, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiohttp import web
from django.db import OperationalError
from django.db.models.functions import Now

from routing.client import ModelClient
from routing.endpoints import EndpointRules
from routing.errors import (
    ModelServerError,
    ModelServerRejected,
    ModelTimeout,
    ModelUnreachable,
)
from routing.models import TargetHealth
from routing.services import observation
from routing.services.observation import (
    HealthWatch,
    Tallies,
    check_targets,
    store_checks,
)
from routing.targets import Target
from tests.routing.serving import Served

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Iterator[ModelClient]:
    found = ModelClient(connections=4, rules=EndpointRules())
    yield found
    found.close()


def seen(tallies: Tallies, name: str = "edge") -> TargetHealth:
    tallies.store()
    return TargetHealth.objects.get(name=name)


def test_answers_are_counted_and_their_time_is_learnt():
    tallies = Tallies()
    for _ in range(10):
        tallies.note("edge", seconds=0.1)

    health = seen(tallies)

    assert (health.answered, health.failed) == (10, 0)
    assert 100 <= health.p50_ms <= 120
    assert 100 <= health.p95_ms <= 120
    assert health.answered_at is not None


def test_failures_are_counted_with_the_last_ones_code_and_teach_no_time():
    tallies = Tallies()
    for error in (ModelServerError("x"), ModelUnreachable("x")):
        tallies.note("edge", seconds=0.001, error=error)

    health = seen(tallies)

    assert (health.answered, health.failed) == (0, 2)
    assert health.last_error == "MODEL_UNREACHABLE"
    assert health.failed_at is not None
    assert health.latency == {}


def test_a_call_that_ran_out_of_time_was_slow():
    tallies = Tallies()
    for _ in range(10):
        tallies.note("edge", seconds=10, error=ModelTimeout("x"))

    assert seen(tallies).p95_ms >= 10_000


def test_a_refused_request_was_answered():
    tallies = Tallies()
    tallies.note("edge", seconds=0.1, error=ModelServerRejected("x"))

    assert seen(tallies).answered == 1


def test_what_several_workers_saw_adds_up():
    for seconds, calls in ((0.1, 60), (4.0, 40)):
        tallies = Tallies()
        for _ in range(calls):
            tallies.note("edge", seconds=seconds)
        tallies.store()

    health = TargetHealth.objects.get()
    assert health.answered == 100
    assert health.p50_ms <= 120
    assert health.p95_ms >= 4000


def test_what_was_seen_long_ago_fades():
    tallies = Tallies()
    for _ in range(100):
        tallies.note("edge", seconds=4.0)
    tallies.store()
    TargetHealth.objects.update(latency_at=Now() - timedelta(hours=2))
    for _ in range(10):
        tallies.note("edge", seconds=0.1)

    assert seen(tallies).p95_ms <= 120


def test_nothing_is_lost_while_the_database_is_away(monkeypatch):
    tallies = Tallies()
    tallies.note("edge", seconds=0.1)
    with monkeypatch.context() as patch:
        patch.setattr(observation, "store_tallies", _away)
        with pytest.raises(OperationalError):
            tallies.store()
    tallies.note("edge", seconds=0.1)

    assert seen(tallies).answered == 2


def _away(*args: object) -> None:
    raise OperationalError


def test_storing_nothing_asks_the_database_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        Tallies().store()


# --- Health checks -----------------------------------------------------------------


def checked(client: ModelClient, *targets: Target) -> dict[str, str]:
    return client.start(check_targets(client, targets)).result(timeout=20)


@pytest.mark.parametrize(
    ("protocol", "path"),
    [
        ("native", "/health"),
        ("openai", "/v1/models"),
        ("ollama", "/api/version"),
        ("open_inference", "/v2/health/ready"),
    ],
)
@pytest.mark.parametrize(
    ("status", "code"),
    [(200, ""), (404, ""), (401, ""), (500, "MODEL_SERVER_ERROR")],
)
def test_each_protocol_is_asked_at_its_own_route(client, protocol, path, status, code):
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status)

    with Served(answer) as url:
        target = Target(name="edge", url=url, protocol=protocol)
        assert checked(client, target) == {"edge": code}

    assert asked == [path]


@pytest.mark.parametrize(
    ("protocol", "url", "health"),
    [
        ("native", "http://h:1/a/infer?x=1", "http://h:1/health"),
        ("openai", "http://h/v1/chat/completions", "http://h/v1/models"),
        ("openai", "http://h/team/v1", "http://h/team/v1/models"),
        ("openai", "http://h/chat/completions", "http://h/v1/models"),
        ("ollama", "http://h/api/chat", "http://h/api/version"),
        ("ollama", "http://h/o", "http://h/api/version"),
        (
            "open_inference",
            "http://h/k/v2/models/m/infer",
            "http://h/k/v2/health/ready",
        ),
        ("vertex", "https://h/v1/x:predict", ""),
    ],
)
def test_the_health_route_is_beside_the_inference_route(protocol, url, health):
    target = Target(name="edge", url=url, protocol=protocol)

    assert observation.protocol_of(target).health_url(target) == health


def test_a_server_without_a_health_route_is_not_asked(client):
    target = Target(name="cloud", url="https://h.example.org/x", protocol="vertex")

    assert checked(client, target) == {}


def test_nobody_there_and_no_answer_in_time_are_illnesses(client, monkeypatch):
    monkeypatch.setattr(observation, "CHECK_SECONDS", 0.3)

    with Served.hanging() as url:
        found = checked(
            client,
            Target(name="edge", url=url),
            Target(name="cloud", url="http://127.0.0.1:9/"),
        )

    assert found == {"edge": "MODEL_TIMEOUT", "cloud": "MODEL_UNREACHABLE"}


def test_an_agent_is_checked_under_the_rules_for_endpoints(client):
    with Served.hanging() as url:
        target = Target(name="agent-1", url=url, is_agent=True)
        assert checked(client, target) == {"agent-1": "MODEL_UNREACHABLE"}


def test_failed_checks_count_up_and_one_good_one_ends_them():
    counted = []
    for code in ("MODEL_TIMEOUT", "MODEL_UNREACHABLE", "", "MODEL_TIMEOUT"):
        store_checks({"edge": code})
        health = TargetHealth.objects.get()
        counted.append((health.check_failures, health.check_error))

    assert counted == [
        (1, "MODEL_TIMEOUT"),
        (2, "MODEL_UNREACHABLE"),
        (0, ""),
        (1, "MODEL_TIMEOUT"),
    ]


@pytest.mark.usefixtures("redis")
def test_the_watch_never_waits_and_stores_what_it_finds_next_time(client, settings):
    async def well(request: web.Request) -> web.Response:
        return web.Response()

    with Served(well) as url:
        settings.EDGE_MODEL_URL = f"{url}/infer"
        settings.HEALTH_CHECK_SECONDS = 0.2
        watch = HealthWatch()
        watch.watch(client)
        assert not TargetHealth.objects.exists()
        until = time.monotonic() + 10
        while not TargetHealth.objects.exists() and time.monotonic() < until:
            time.sleep(0.05)
            watch.watch(client)

    health = TargetHealth.objects.get()
    assert (health.name, health.check_failures) == ("edge", 0)
    assert health.checked_at is not None
