"""POST /route_task and GET /task/{id}."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest

from audit.models import Audit
from routing.models import Agent, Task
from routing.models.tasks import private_id, public_id
from routing.services import bell
from routing.services.desk import desk
from screening.models import Clinic
from screening.services.keys import create_key, default_clinic
from tests.routing.making import make_agent
from tests.system.stub_model import StubModel


@pytest.fixture(autouse=True)
def fresh_bell() -> Iterator[None]:
    bell.Quiet.until = 0.0
    bell._redis.cache_clear()
    yield
    bell._redis.cache_clear()


@pytest.fixture
def stub(settings) -> Iterator[StubModel]:
    """An agent for light analyses, that answers at once."""
    found = StubModel()
    settings.AGENT_ALLOWED_NETWORKS = (ip_network("127.0.0.0/8"),)
    settings.AGENT_ALLOWED_PORTS = frozenset({urlsplit(found.endpoint).port})
    settings.AGENT_PLAIN_HTTP = True
    desk.cache_clear()
    yield found
    desk().client.close()
    desk.cache_clear()
    found.stop()


@pytest.fixture
def monitor(stub, db) -> StubModel:
    make_agent(endpoint=stub.endpoint, capabilities=("analyze_light",), location="edge")
    return stub


def route(api, task_type="embed", **fields):
    body = {"case_id": "case-1", "task_type": task_type} | fields
    return api.post("/route_task", json.dumps(body), content_type="application/json")


def actions():
    return list(Audit.objects.order_by("id").values_list("action", flat=True))


# --- Queued ------------------------------------------------------------------------


def test_a_task_is_stored_and_rung_for(api, redis):
    make_agent(capabilities=("embed",))

    response = route(api, priority="high", payload={"a": 1}, meta={"b": 2})

    task = Task.objects.get()
    assert response.status_code == 202
    assert response.json() == {
        "task_id": f"task-{task.pk.hex}",
        "status": "queued",
        "queue": "tasks:high",
    }
    assert (task.clinic, task.client, task.case_id) == ("default", "key:env", "case-1")
    assert (task.payload, task.meta) == ({"a": 1}, {"b": 2})
    [(_, fields)] = redis.xrange("tasks:high")
    assert fields == {b"id": task.public_id.encode()}
    [event] = Audit.objects.filter(action="task.submitted")
    assert (event.job_id, event.case_id) == (task.pk, "case-1")
    assert event.detail == {"task_type": "embed", "priority": "high"}


def test_foreign_consumers_may_be_given_the_earlier_field(api, redis, settings):
    settings.ORCHESTRATOR_STREAM_DATA = True

    route(api, meta={"b": 2}, payload={"observations": "zq-not-for-redis"})

    [(_, fields)] = redis.xrange("tasks:normal")
    data = json.loads(fields[b"data"])
    assert set(data) == {
        *("task_id", "case_id", "task_type", "priority", "idempotency_key"),
        *("consent", "created_at", "meta"),
    }
    assert "zq-not-for-redis" not in fields[b"data"].decode()


def test_without_redis_it_is_queued_all_the_same(api, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert route(api).status_code == 202
    assert Task.objects.get().rung_at is None


@pytest.mark.parametrize(("registered", "warns"), [(True, False), (False, True)])
def test_where_nobody_was_ever_registered_for_it_there_is_a_warning(
    api, registered, warns
):
    if registered:
        make_agent(capabilities=("embed",))
        Agent.objects.update(is_enabled=False)

    assert (route(api).json().get("warning") == "E_NO_AGENT") is warns


# --- At once -----------------------------------------------------------------------


def test_a_light_analysis_is_done_while_the_client_waits(api, monitor, redis):
    response = route(api, "analyze_monitor")

    task = Task.objects.get()
    assert response.status_code == 200
    assert response.json() == {
        "task_id": task.public_id,
        "result": {"done": True},
        "status": "completed_sync",
        "agent_id": "agent-1",
    }
    assert (task.status, task.agent_id, task.attempt) == ("DONE", "agent-1", 1)
    assert actions()[-3:] == ["task.submitted", "task.started", "task.completed"]
    assert redis.xlen("tasks:normal") == 0


@pytest.mark.parametrize(
    "mode", ["status:500", "sorry", "garbage", "close", "status:404"]
)
def test_what_is_not_done_at_once_is_queued_and_no_try_is_lost(
    api, monitor, redis, mode
):
    monitor.mode = mode

    response = route(api, "analyze_monitor")

    task = Task.objects.get()
    assert response.status_code == 202
    assert response.json()["queue"] == "tasks:normal"
    assert (task.status, task.failures, task.error_code) == ("PENDING", 0, "")
    assert redis.xlen("tasks:normal") == 1
    assert [tried["target"] for tried in task.route[0]["tries"]] == ["agent-1"]


@pytest.mark.parametrize("mode", ["hang", "drip", "drip_headers", "huge", "redirect"])
def test_the_answer_comes_in_time_whatever_the_agents_do(api, settings, stub, mode):
    stub.mode = mode
    for number in range(3):
        make_agent(
            f"agent-{number}", endpoint=stub.endpoint, capabilities=("analyze_light",)
        )
    begun = time.monotonic()

    response = route(api, "analyze_monitor")

    # Two minutes are what any of these would take, and eight tenths are allowed.
    assert time.monotonic() - begun < 5
    assert response.status_code == 202
    assert Task.objects.get().status == "PENDING"


def test_the_budget_is_one_for_all_candidates(api, settings, stub):
    settings.ORCHESTRATOR_SYNC_TIMEOUT = 1.8
    stub.latency = 1.2
    stub.mode = "status:500"
    for number in range(3):
        make_agent(
            f"agent-{number}", endpoint=stub.endpoint, capabilities=("analyze_light",)
        )

    route(api, "analyze_monitor")

    tries = Task.objects.get().route[0]["tries"]
    assert len(tries) == 2
    assert tries[-1]["outcome"] == "MODEL_TIMEOUT"


def test_without_an_agent_a_light_analysis_is_queued(api, redis):
    response = route(api, "analyze_monitor")

    assert response.status_code == 202
    assert response.json()["warning"] == "E_NO_AGENT"
    assert redis.xlen("tasks:normal") == 1


# --- Consent -----------------------------------------------------------------------


@pytest.mark.parametrize("task_type", ["embed", "analyze_refer"])
@pytest.mark.parametrize("payload", [{"image_ref": "i-1"}, {"deep": [{"video": ""}]}])
@pytest.mark.parametrize("consent", [None, {}, {"consent_given": False}])
def test_raw_media_needs_consent(api, task_type, payload, consent):
    fields = {} if consent is None else {"consent": consent}

    response = route(api, task_type, payload=payload, **fields)

    assert response.status_code == 403
    assert response.json()["code"] == response.json()["detail"] == "E_CONSENT_REQUIRED"
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("task_type", "payload", "consent"),
    [
        ("embed", {"image_ref": "i-1"}, {"consent_given": True, "consent_id": "c"}),
        ("embed", {"observations": "image_ref"}, {}),
        ("indexing", {"image_ref": "i-1"}, {}),
    ],
)
def test_what_needs_none_or_has_one_is_taken(api, task_type, payload, consent):
    assert route(api, task_type, payload=payload, consent=consent).status_code == 202


# --- Idempotency -------------------------------------------------------------------


def test_a_known_key_is_a_duplicate(api, redis):
    first = route(api, idempotency_key="key-1").json()["task_id"]

    again = route(api, idempotency_key="key-1", payload={"other": 1})

    assert again.status_code == 200
    assert again.json() == {"task_id": first, "status": "duplicate"}
    assert Task.objects.count() == 1
    assert redis.xlen("tasks:normal") == 1


def test_a_key_is_of_one_client(api):
    _, raw = create_key(
        name="k", clinic=default_clinic(), scopes=["tasks:write"], actor="user:1"
    )
    route(api, idempotency_key="key-1")
    api.defaults["HTTP_X_API_KEY"] = raw

    assert route(api, idempotency_key="key-1").json()["status"] == "queued"


# --- Reading -----------------------------------------------------------------------


def test_a_task_that_waits_says_so(api):
    task_id = route(api).json()["task_id"]

    assert api.get(f"/task/{task_id}").json() == {
        "task_id": task_id,
        "status": "queued",
        "result": None,
        "error": None,
        "agent_id": None,
        "attempts": 0,
        "route": [],
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda pk: public_id(uuid.uuid4()),
        lambda pk: str(pk),
        lambda pk: pk.hex,
        lambda pk: public_id(pk).upper(),
        lambda pk: public_id(pk) + "0",
        lambda pk: public_id(pk)[:-1],
        lambda pk: "task-" + "g" * 32,
        lambda pk: f"task-{pk}",
        lambda pk: "a/b",
        lambda pk: "%00",
        lambda pk: "x" * 10_000,
    ],
)
def test_what_is_no_tasks_id_is_not_found(api, make):
    route(api)
    pk = Task.objects.get().pk

    response = api.get(f"/task/{make(pk)}")

    assert response.status_code == 404
    assert response.json()["detail"] == "task not found"


def test_another_clinics_task_is_not_found(api):
    task_id = route(api).json()["task_id"]
    north = Clinic.objects.create(slug="north", name="North")
    _, raw = create_key(name="k", clinic=north, scopes=["tasks:read"], actor="user:1")

    assert api.get(f"/task/{task_id}", headers={"x-api-key": raw}).status_code == 404


def test_ids_are_read_as_they_are_written():
    pk = uuid.uuid4()

    assert private_id(public_id(pk)) == pk


# --- Bad input ---------------------------------------------------------------------


@pytest.mark.parametrize("task_type", ["sing", "", 7, None, ["embed"]])
def test_an_unknown_type_is_refused_in_the_known_words(api, task_type):
    response = route(api, task_type)

    assert response.status_code in {400, 422}
    if task_type is not None:
        assert response.json()["detail"] == "E_INVALID_TASK_TYPE"
        assert response.status_code == 400
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("case_id", ["", 7, " a", "a\x00", "x" * 129, None]),
        ("payload", ["text", [1], None, {"a": "x" * 300_000}]),
        ("priority", ["soon", "", 7]),
        ("idempotency_key", ["", "a b", "é", "x" * 256, 7]),
        ("consent", ["yes", {"consent_given": "true"}, {"consent_given": 1}, {"x": 1}]),
        ("meta", ["text", [1]]),
        ("more", [1]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(api, field, values):
    for value in values:
        response = route(api, **{field: value})
        assert response.status_code == 422, value
        assert field in response.json()["details"], value

    assert not Task.objects.exists()
