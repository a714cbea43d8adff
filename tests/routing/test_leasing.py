"""An agent that pulls: which tasks it gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from consent.services import revoke_consent
from routing.circuits import Circuits
from routing.connection import connect
from routing.directory import Directory
from routing.fairness import PRIORITIES, SHARES
from routing.models import Agent, Task
from routing.services import leasing
from routing.services.leasing import AgentMayNotWork, lease_tasks
from routing.services.running import choose_agents, grants_for
from tests.consent.making import give
from tests.routing.leases import (
    OTHER,
    actions,
    afresh,
    end,
    expire,
    lease,
    puller,
    task,
)
from tests.routing.making import make_agent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with afresh():
        yield


# --- It is never called ------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({}, "pulls its work"),
        ({"endpoint": "https://agents.example.org/"}, "pulls its work"),
        ({"heard_at": Now() - timedelta(minutes=3)}, "not heard of"),
        ({"is_enabled": False}, "disabled"),
        ({"approved_at": None, "approved_by": ""}, "not approved yet"),
    ],
)
def test_no_task_is_sent_to_it_and_the_reason_is_told(state, reason):
    puller(location="edge")
    make_agent("called", capabilities=("embed",))
    Agent.objects.filter(agent_id="puller").update(**state)
    made = task()

    choice = choose_agents(
        made, Directory(), Circuits(connect()), grants=grants_for([made])
    )

    assert [target.name for target in choice.targets] == ["called"]
    assert choice.decision.excluded == {"puller": reason}


@pytest.mark.parametrize(
    ("protocol", "endpoint", "refused"),
    [("pull", "", False), ("native", "", True), ("pull", "http://10.0.0.1/", True)],
)
def test_in_the_admin_too_it_alone_needs_no_endpoint(
    admin_client, protocol, endpoint, refused
):
    form = {"agent_id": "puller", "capabilities": ["embed"], "location": "edge"}
    form |= {"protocol": protocol, "endpoint": endpoint}

    response = admin_client.post("/admin/routing/agent/add/", form)

    assert Agent.objects.exists() is not refused
    if refused:
        assert list(response.context["adminform"].form.errors) == ["endpoint"]
    else:
        assert (response.status_code, Agent.objects.get().protocol) == (302, "pull")


# --- What it gets ------------------------------------------------------------------


def test_a_leased_task_is_claimed_and_the_decision_kept():
    puller()
    made = task()

    [found] = lease(most=5)

    made.refresh_from_db()
    assert (found.pk, found.attempt) == (made.pk, 1)
    assert (made.status, made.worker) == ("RUNNING", "agent:puller")
    assert (made.attempt, made.agent_id) == (1, "puller")
    [decision] = made.route
    assert (decision["attempt"], decision["leased_by"]) == (1, "puller")
    assert [c["target"] for c in decision["candidates"]] == ["puller"]
    assert decision["tries"] == []
    assert actions(made) == [("task.started", "worker:agent:puller")]


def test_the_most_urgent_comes_first_and_of_one_priority_the_longest_due():
    puller()
    for priority in ("low", "normal", "urgent", "high"):
        for minutes in (1, 3, 2):
            task(
                priority=priority,
                case_id=f"{priority}-{minutes}",
                not_before=Now() - timedelta(minutes=minutes),
            )

    first, rest = lease(most=2), lease(most=32)

    assert [found.case_id for found in first] == ["urgent-3", "urgent-2"]
    assert [found.case_id for found in rest][:4] == [
        *("urgent-1", "high-3", "high-2", "high-1")
    ]
    assert len(rest) == 10
    assert lease() == []


def test_each_priority_has_its_share_whatever_others_ask_for():
    puller()
    puller("other", capabilities=("indexing",))
    for priority, number in [("urgent", 200), ("high", 60), ("normal", 60)]:
        for _ in range(number):
            task(priority=priority)
    for _ in range(60):
        task(priority="low")

    taken: Counter[str] = Counter()
    for _ in range(50):
        leased = [found.priority for found in lease(most=2)]
        taken.update(leased)
        assert leased == sorted(leased, key=PRIORITIES.index)
        assert lease("other") == []

    for priority, share in SHARES.items():
        assert taken[priority] == pytest.approx(100 * share, abs=2)


def test_it_sees_the_work_of_its_clinic_alone_and_one_for_all_sees_any():
    puller()
    puller("any", clinic="")
    task(clinic="north")

    assert lease() == []
    assert [found.clinic for found in lease("any")] == ["north"]


def test_it_gets_what_it_can_do_and_what_it_asks_for():
    puller(capabilities=("embed", "indexing", "analyze_heavy"))
    for kind in ("embed", "indexing", "analyze_monitor", "analyze_refer"):
        task(kind)

    asked = lease(most=32, capabilities=["indexing"])
    rest = lease(most=32)

    assert [found.task_type for found in asked] == ["indexing"]
    assert {found.task_type for found in rest} == {"embed", "analyze_refer"}


def test_raw_media_goes_only_to_who_takes_it_and_with_consent():
    puller()
    puller("sees", supports_raw_media=True)
    given = {"consent_given": True}
    task(payload={"image_ref": "i-1"})
    task(payload={"image_ref": "i-2"}, consent=given)

    assert lease(most=32) == []
    assert [found.payload for found in lease("sees", most=32)] == [{"image_ref": "i-2"}]


def test_what_the_ledger_refuses_is_not_leased():
    puller()
    give(clinic="default", case_id="case-1", scopes=["screening"])
    task()

    assert lease() == []
    assert Task.objects.get().status == "PENDING"


def test_a_consent_revoked_while_it_is_claimed_keeps_the_data_here(monkeypatch):
    puller()
    give(clinic="default", case_id="case-1", scopes=["screening", "cloud_inference"])
    made, other = task(), task(case_id="case-2")

    def claim(*args: Any) -> Any:
        revoke_consent(clinic="default", consent_id="consent-7", actor="user:1")
        return real(*args)

    real = leasing._claim
    monkeypatch.setattr(leasing, "_claim", claim)

    assert [found.pk for found in lease(most=2)] == [other.pk]
    made.refresh_from_db()
    assert (made.status, made.attempt, made.route) == ("PENDING", 0, [])
    assert actions(made) == []


def test_what_waits_for_other_agents_only_is_leased_and_what_failed_is_not():
    puller()
    later = Now() + timedelta(seconds=15)
    put_off = task(not_before=later, rung_at=None)
    task(not_before=later, failures=1)
    task(not_before=later, crashes=1)

    assert [found.pk for found in lease(most=32)] == [put_off.pk]
    assert list(Task.objects.values_list("pk").filter(status="RUNNING")) == [
        (put_off.pk,)
    ]


def test_behind_very_many_that_it_may_not_have_it_finds_the_one_it_may(monkeypatch):
    monkeypatch.setattr(leasing, "PAGE", 2)
    monkeypatch.setattr(leasing, "MOST_PAGES", 2)
    puller()
    for minutes in range(11):
        task(
            payload={"image": ""},
            case_id=f"media-{minutes}",
            not_before=Now() - timedelta(minutes=60 - minutes),
        )
    last = task()

    found = [lease() for _ in range(3)]
    first = task(not_before=Now() - timedelta(hours=2))
    again = [lease() for _ in range(3)]

    assert [[t.pk for t in tasks] for tasks in found] == [[], [], [last.pk]]
    assert first.pk in [t.pk for tasks in again for t in tasks]


def test_where_another_was_faster_it_looks_again(monkeypatch):
    puller()
    made = [task(not_before=Now() - timedelta(minutes=n)) for n in (3, 2, 1)]
    real, chosen = leasing._claim, []

    def claim(standing: Any, ids: Any) -> Any:
        chosen.append(ids)
        return real(standing, ids) if len(chosen) == 3 else []

    monkeypatch.setattr(leasing, "_claim", claim)

    assert [found.pk for found in lease()] == [made[2].pk]
    assert chosen == [[found.pk] for found in made]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"approved_at": None, "approved_by": ""}, "not approved"),
        ({"is_enabled": False}, "disabled"),
    ],
)
def test_who_may_not_work_is_told_so(state, words):
    puller()
    Agent.objects.update(**state)
    task()

    with pytest.raises(AgentMayNotWork, match=words):
        lease()

    assert Task.objects.get().status == "PENDING"


def test_another_keys_agent_gets_nothing():
    puller()
    task()

    with pytest.raises(Agent.DoesNotExist):
        lease_tasks(agent_id="puller", actor=OTHER, most=1)


def test_an_agent_that_is_called_may_pull_as_well():
    make_agent("both", capabilities=("embed",))
    task()

    assert len(lease("both")) == 1


def test_who_fails_five_times_in_a_row_rests_and_is_then_given_one(monkeypatch):
    puller()
    for _ in range(9):
        task()
    for found in lease(most=5):
        end(found, success=False)

    assert lease(most=4) == []

    Task.objects.update(not_before=Now())
    real = leasing.desk().circuits
    circuit = real.of("puller")
    later = circuit.open_until + 0.1
    monkeypatch.setattr("routing.circuits.time.time", lambda: later)

    [probe] = lease(most=4)
    assert lease(most=4) == []
    end(probe)
    assert len(lease(most=4)) == 4


# --- A lease that ran out ----------------------------------------------------------


def test_an_expired_lease_counts_as_an_attempt_and_the_task_is_anothers():
    puller()
    puller("second")
    task()
    [found] = lease()

    expire(found)
    [again] = lease("second")

    again.refresh_from_db()
    assert (again.attempt, again.crashes, again.failures) == (2, 1, 0)
    assert [entry["leased_by"] for entry in again.route] == ["puller", "second"]
    assert [a for a, _ in actions(again)] == [
        *("task.started", "task.released", "task.started")
    ]


def test_one_that_every_agent_vanishes_with_is_a_dead_letter(settings, redis):
    puller()
    made = task()
    for _ in range(settings.JOB_MAX_CRASHES):
        [found] = lease()
        expire(found)

    made.refresh_from_db()
    assert (made.status, made.error_code) == ("FAILED", "WORKER_LOST")
    assert made.dead_at is not None
    assert redis.xlen("tasks:dlq") == 1
