"""Agents are registered by themselves, and allowed to work by a person."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from audit.models import Audit
from routing.errors import AgentTaken, TooManyAgents
from routing.models import Agent
from routing.services import registration
from routing.services.registration import (
    Registration,
    approve_agent,
    disable_agent,
    enable_agent,
    hear_from,
    register_agent,
)
from tests.routing.making import make_agent

pytestmark = pytest.mark.django_db


def actions():
    return list(Audit.objects.order_by("id").values_list("action", flat=True))


def test_a_new_agent_waits_for_a_person():
    agent = make_agent(approved=False)

    assert (agent.approved_at, agent.approved_by) == (None, "")
    assert (agent.clinic, agent.registered_by) == ("default", "key:test")
    assert actions() == ["agent.registered"]


def test_the_approval_names_who_gave_it_and_is_given_once():
    agent = make_agent()
    approve_agent(agent, actor="user:2")

    agent.refresh_from_db()
    assert agent.approved_by == "user:1"
    assert actions() == ["agent.registered", "agent.approved"]


def test_without_the_setting_nobody_is_waited_for(settings):
    settings.AGENT_APPROVAL = False

    agent = make_agent(approved=False)

    assert agent.approved_by == "setting:AGENT_APPROVAL"


def test_to_say_the_same_again_is_a_heartbeat_and_keeps_the_approval():
    make_agent()
    Agent.objects.update(heard_at=Now() - timedelta(hours=1))

    again = make_agent(approved=False)

    assert again.approved_by == "user:1"
    assert not Agent.objects.with_silence().get().is_silent
    assert actions() == ["agent.registered", "agent.approved"]


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "https://elsewhere.example.org/infer"},
        {"location": "edge"},
        {"capabilities": ("screen", "triage")},
        {"supports_raw_media": True},
        {"protocol": "openai"},
        {"gpu": True},
        {"version": "2"},
        {"model": "m-2"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_who_says_something_else_of_itself_is_approved_no_more(changed):
    make_agent()

    agent = make_agent(approved=False, **changed)

    assert (agent.approved_at, agent.approved_by) == (None, "")
    assert actions()[-1] == "agent.registered"
    for name, value in changed.items():
        stored = getattr(agent, name)
        assert stored == (list(value) if isinstance(value, tuple) else value)


def test_an_approval_is_for_what_was_looked_at_and_not_for_what_came_since():
    looked_at = make_agent(approved=False)
    make_agent(approved=False, endpoint="https://elsewhere.example.org/")

    approve_agent(looked_at, actor="user:1")

    assert Agent.objects.get().approved_at is None
    assert "agent.approved" not in actions()


def test_a_name_is_its_first_keys_and_no_others():
    agent = make_agent()

    with pytest.raises(AgentTaken):
        make_agent(actor="key:other", endpoint="https://thief.example.org/")

    agent.refresh_from_db()
    assert agent.endpoint == "https://agents.example.org/infer"
    assert agent.approved_by == "user:1"


def test_a_clinic_has_a_thousand_agents_at_most(monkeypatch):
    monkeypatch.setattr(registration, "MOST_AGENTS", 2)
    make_agent("a")
    make_agent("b")
    make_agent("c", clinic="north")

    with pytest.raises(TooManyAgents):
        make_agent("d")

    assert set(Agent.objects.values_list("agent_id", flat=True)) == {"a", "b", "c"}


def test_an_agent_is_disabled_and_enabled_and_each_is_told_once():
    agent = make_agent()
    for step in (disable_agent, disable_agent, enable_agent, enable_agent):
        step(agent, actor="user:1")

    assert Agent.objects.get().is_enabled
    assert actions()[2:] == ["agent.disabled", "agent.enabled"]


def test_a_heartbeat_stores_what_it_says_and_leaves_the_rest():
    make_agent()
    Agent.objects.update(heard_at=Now() - timedelta(hours=1), load_score=0.5)

    approved = hear_from("agent-1", actor="key:test", health_status="degraded")

    agent = Agent.objects.with_silence().get()
    assert approved
    assert (agent.health_status, agent.load_score) == ("degraded", 0.5)
    assert not agent.is_silent


def test_a_heartbeat_of_another_key_is_of_an_agent_that_is_not_there():
    make_agent()

    with pytest.raises(Agent.DoesNotExist):
        hear_from("agent-1", actor="key:other")


def test_silence_is_longer_than_the_setting(settings):
    settings.ORCHESTRATOR_AGENT_TTL = 60
    for name, seconds in [("long", 61), ("short", 50)]:
        make_agent(name)
        Agent.objects.filter(agent_id=name).update(
            heard_at=Now() - timedelta(seconds=seconds)
        )

    silent = {a.agent_id: a.is_silent for a in Agent.objects.with_silence()}

    assert silent == {"long": True, "short": False}


def test_what_was_said_is_stored_whole():
    said = Registration(
        agent_id="agent-9",
        endpoint="https://agents.example.org/",
        capabilities=("triage", "screen", "screen"),
        location="edge-room-2",
        supports_raw_media=True,
        protocol="openai",
        model="m-1",
        version="1.2",
        gpu=True,
    )

    agent = register_agent(said, clinic="north", actor="key:north")

    assert agent.capabilities == ["screen", "triage"]
    assert (agent.location, agent.protocol, agent.model) == (
        "edge-room-2",
        "openai",
        "m-1",
    )
    assert agent.supports_raw_media
    assert agent.gpu
