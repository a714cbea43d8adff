"""The probes: /health as it always was, /livez for the process, /readyz for all."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.test import Client
from rq import Worker

from screening import queue

PROBES = ["/health", "/livez", "/readyz"]
probes = pytest.mark.parametrize("path", PROBES)


@pytest.fixture
def anybody(api):
    """A client without a key."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def _worker(redis):
    worker = Worker([queue.inference_queue()], connection=redis)
    worker.register_birth()
    yield
    worker.register_death()


@pytest.fixture
def _no_redis(redis, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    queue.inference_queue.cache_clear()
    yield
    queue.inference_queue.cache_clear()


@contextmanager
def no_database(error):
    def cursor(*args, **kwargs):
        raise error("connection to db.example.org refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "cursor", cursor)
        yield


def test_health_answers_as_the_earlier_system_did(anybody):
    response = anybody.get("/health")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "service": "routing-orchestrator"}


@pytest.mark.usefixtures("_no_redis")
def test_livez_answers_also_without_database_and_redis(anybody):
    with no_database(OperationalError):
        alive = anybody.get("/livez")
        health = anybody.get("/health")

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert health.status_code == 200


@pytest.mark.usefixtures("_worker")
def test_readyz_names_each_part_to_the_holder_of_a_key(api):
    response = api.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "checks": {"database": "ok", "redis": "ok", "workers": "ok"},
        "queue": "ok",
    }


@pytest.mark.usefixtures("_worker")
def test_readyz_tells_anybody_else_no_more_than_whether_it_is_ready(anybody):
    assert anybody.get("/readyz").json() == {"status": "ok"}
    wrong = anybody.get("/readyz", headers={"x-api-key": "wrong"})
    assert (wrong.status_code, wrong.json()) == (200, {"status": "ok"})


def test_readyz_without_a_worker_is_degraded_and_ready(api):
    response = api.get("/readyz")

    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["checks"]["workers"] == "none"


@pytest.mark.usefixtures("_no_redis")
def test_readyz_without_redis_is_degraded_and_ready(api):
    response = api.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "degraded",
        "checks": {"database": "ok", "redis": "down", "workers": "unknown"},
        "queue": "degraded",
    }


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, DatabaseError])
def test_readyz_without_the_database_is_503_and_says_no_more(api, error):
    with no_database(error):
        response = api.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"status": "unavailable"}


@probes
def test_a_probe_is_kept_out_of_every_cache(anybody, path):
    assert anybody.get(path)["Cache-Control"] == "no-store"


@probes
def test_head_is_answered_like_get_without_the_body(anybody, path):
    response = anybody.head(path)

    assert response.status_code == 200
    assert response.content == b""


@probes
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_another_method_is_405_in_the_envelope(anybody, path, method):
    response = anybody.generic(method, path)

    assert response.status_code == 405
    assert set(response.json()) == {"code", "message", "details", "detail"}
    assert response.json()["code"] == "METHOD_NOT_ALLOWED"
    assert response["Allow"] == "GET, HEAD"


def test_who_looks_from_inside_is_not_sent_to_https(db, settings):
    settings.SECURE_SSL_REDIRECT = True
    inside = Client()

    for path in ("/health", "/livez", "/readyz", "/metrics"):
        assert inside.get(path).status_code != 301
    assert inside.get("/api/jobs").status_code == 301
    assert inside.get("/metrics/").status_code == 301
