"""GET /metrics: how the targets do, for whoever may know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from routing.circuits import Circuits
from routing.connection import connect
from routing.metrics.targets import STATES
from routing.models import Agent, TargetHealth
from routing.services import overview
from screening.services import keys
from screening.services.keys import create_key, default_clinic
from tests.routing.making import make_agent


@pytest.fixture(autouse=True)
def fresh_circuits() -> Iterator[None]:
    overview._circuits.cache_clear()
    yield
    overview._circuits.cache_clear()


def read(api, **headers) -> dict[tuple[str, ...], float]:
    response = api.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("failures", "state"), [(0, 0), (5, 2)], ids=["closed", "open"]
)
def test_the_circuit_of_a_server_is_seen(api, failures, state):
    circuits = Circuits(connect())
    for _ in range(failures):
        circuits.failed("edge", error="MODEL_TIMEOUT", retry_after=None)

    assert read(api)["pedi_orch_circuit_state", "edge"] == state


def test_what_was_learnt_of_a_server_is_seen(api):
    TargetHealth.objects.create(
        name="edge",
        p50_ms=80.0,
        p95_ms=250.0,
        answered=7,
        failed=3,
        check_failures=2,
        checked_at=Now(),
    )

    found = read(api)

    assert found["pedi_orch_target_latency_seconds", "0.5", "edge"] == 0.08
    assert found["pedi_orch_target_latency_seconds", "0.95", "edge"] == 0.25
    assert found["pedi_orch_target_calls_total", "answered", "edge"] == 7
    assert found["pedi_orch_target_calls_total", "edge", "failed"] == 3
    assert found["pedi_orch_target_ill", "edge"] == 1


def test_agents_are_counted_by_state_and_not_named(api):
    make_agent("works")
    make_agent("waits", approved=False)
    make_agent("silent")
    Agent.objects.filter(agent_id="silent").update(
        heard_at=Now() - timedelta(minutes=5)
    )

    found = read(api)

    counts = {key[1]: n for key, n in found.items() if key[0] == "pedi_orch_agents"}
    assert counts == {
        **dict.fromkeys(STATES, 0),
        "ready": 1,
        "not approved yet": 1,
        "not heard of": 1,
    }
    assert "works" not in api.get("/metrics").content.decode()


def test_every_state_that_there_is_has_a_place(api):
    from routing import directory
    from routing.policy import ILL

    known = {directory.NOT_APPROVED, directory.DISABLED, directory.NOT_HEARD_OF}
    known |= {directory.NOT_ALLOWED, directory.PULLS, ILL}
    known |= {overview.READY, overview.RESTING, overview.PROBED}
    assert known == set(STATES)


def test_prometheus_may_send_its_key_as_a_bearer_token(client, db, redis, settings):
    bearer = {"authorization": f"Bearer {settings.API_KEY}"}

    assert client.get("/metrics", headers=bearer).status_code == 200
    assert client.get("/metrics").status_code == 401
    wrong = client.get("/metrics", headers={"authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert wrong.json()["code"] == "AUTH_FAIL"


def test_a_key_without_the_scope_sees_nothing(api):
    _, raw = create_key(
        name="k", clinic=default_clinic(), scopes=["jobs:read"], actor="user:1"
    )

    response = api.get("/metrics", headers={"x-api-key": raw})

    assert response.status_code == 403
    assert response.json()["code"] == "FORBIDDEN"


@pytest.fixture
def no_database(monkeypatch):
    """Fail each query as if nobody answered."""

    def away(self, sql, params=None):
        raise OperationalError

    @contextmanager
    def turned_off():
        with monkeypatch.context() as patched:
            for name in ("execute", "executemany"):
                patched.setattr(CursorWrapper, name, away)
            yield

    return turned_off


def test_without_the_database_what_redis_has_is_still_told(api, no_database):
    with no_database():
        found = read(api)

    assert found["pedi_orch_source_up", "database"] == 0
    assert found["pedi_orch_source_up", "redis"] == 1
    assert ("pedi_orch_db_errors_total",) in found
    assert ("pedi_orch_worker_count",) in found
    assert ("pedi_orch_queue_length",) not in found


def test_without_the_database_a_key_is_good_that_was_so_lately(
    api, no_database, settings
):
    _, raw = create_key(
        name="k", clinic=default_clinic(), scopes=["metrics:read"], actor="user:1"
    )
    assert api.get("/metrics", headers={"x-api-key": raw}).status_code == 200
    keys._remembered.clear()

    with no_database():
        assert api.get("/metrics", headers={"x-api-key": raw}).status_code == 200
        response = api.get("/metrics", headers={"x-api-key": "psk_ab12cd34_other"})

    assert response.status_code == 503
    assert response.json()["code"] == "SERVICE_UNAVAILABLE"


def test_without_redis_what_the_database_has_is_still_told(api, monkeypatch):
    def away(self, *args, **options):
        raise RedisConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(Redis, "execute_command", away)
        found = read(api)

    assert found["pedi_orch_source_up", "database"] == 1
    assert found["pedi_orch_source_up", "redis"] == 0
    assert found["pedi_orch_queue_length",] == 0
    assert ("pedi_orch_worker_count",) not in found


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(api, method):
    assert getattr(api, method)("/metrics").status_code == 405
