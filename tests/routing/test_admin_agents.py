"""Agents in the admin: who may register, approve, allow and disable them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Audit
from routing.admin import agents as page_module
from routing.errors import AgentTaken
from routing.models import Agent, TargetHealth
from routing.services import overview
from tests.browser.rows import fill
from tests.routing.admin_pages import (
    AGENT_LIST,
    SERVER_LIST,
    make_agent,
    path_of,
    person,
    waiting,
    words_of,
)

ADD = f"{AGENT_LIST}add/"
RIGHTS = [f"routing.{step}_agent" for step in ("view", "add", "change")]
SAID = {
    "agent_id": "reader-9",
    "endpoint": "https://reader.example.org/v1",
    "capabilities": ["screen", "triage"],
    "location": "edge-room-9",
    "protocol": "native",
    "model": "example-model-4b",
    "version": "1.3.0",
    "clinic": "riverside",
}


@pytest.fixture(autouse=True)
def fresh(redis: Any) -> Any:
    """No circuit is remembered from another test."""
    overview._circuits.cache_clear()
    yield
    overview._circuits.cache_clear()


def events(action: str) -> list[Audit]:
    return list(Audit.objects.filter(action=action))


def said(response: Any) -> list[tuple[str, str]]:
    return [(m.level_tag, str(m)) for m in response.context["messages"]]


def do(client: Client, action: str, *rows: Agent) -> Any:
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(AGENT_LIST, form | {"index": "0"}, follow=True)


# --- Actions ------------------------------------------------------------------------


def test_agents_are_approved_under_the_name_of_who_did_it(admin_client):
    operator = person(*RIGHTS)
    one, other, third = waiting("one"), waiting("other"), waiting("third")

    response = do(operator, "approve_selected", one, other)

    actor = f"user:{User.objects.get(username='operator').pk}"
    assert said(response) == [("success", "2 agents approved.")]
    assert list(
        Agent.objects.exclude(approved_at=None).values_list("agent_id", "approved_by")
    ) == [("one", actor), ("other", actor)]
    assert {e.actor for e in events("agent.approved")} == {actor}
    assert {e.detail["agent"] for e in events("agent.approved")} == {"one", "other"}
    assert third.approved_at is None


def test_agents_are_disabled_and_enabled_again(admin_client):
    operator, agent = person(*RIGHTS), make_agent()

    off = do(operator, "disable_selected", agent)
    agent.refresh_from_db()
    assert (said(off), agent.is_enabled) == ([("success", "1 agent disabled.")], False)

    on = do(operator, "enable_selected", agent)
    agent.refresh_from_db()
    assert (said(on), agent.is_enabled) == ([("success", "1 agent enabled.")], True)
    assert len(events("agent.disabled")) == len(events("agent.enabled")) == 1


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("approve_selected", "Each was approved already."),
        ("enable_selected", "Each was enabled already."),
    ],
)
def test_what_is_so_already_is_not_done_again(admin_client, action, words):
    operator, agent = person(*RIGHTS), make_agent()

    assert said(do(operator, action, agent)) == [("info", words)]
    assert not Audit.objects.changing().exists()


@pytest.mark.parametrize(
    "action", ["approve_selected", "enable_selected", "disable_selected"]
)
def test_an_action_is_neither_offered_nor_done_without_the_right(db, action):
    onlooker = person("routing.view_agent", "routing.add_agent", name="onlooker")
    agent = waiting(is_enabled=action == "disable_selected")
    before = list(Agent.objects.values())

    page = onlooker.get(AGENT_LIST).text
    response = do(onlooker, action, agent)

    assert action not in page
    assert response.status_code == 200
    assert list(Agent.objects.values()) == before
    assert not Audit.objects.changing().exists()


# --- Registering by hand ------------------------------------------------------------


def test_a_person_registers_an_agent_which_then_waits_for_approval(db):
    operator = person(*RIGHTS, clinic="riverside")

    response = operator.post(ADD, SAID | {"gpu": "on"}, follow=True)

    [agent] = Agent.objects.all()
    actor = f"user:{User.objects.get(username='operator').pk}"
    assert response.redirect_chain == [(path_of(agent), 302)]
    assert said(response) == [
        ("success", "reader-9 is registered. It gets no work until it is approved.")
    ]
    assert (agent.agent_id, agent.registered_by, agent.clinic) == (
        "reader-9",
        actor,
        "riverside",
    )
    assert agent.capabilities == ["screen", "triage"]
    assert (agent.location, agent.model) == ("edge-room-9", "example-model-4b")
    assert (agent.gpu, agent.supports_raw_media) == (True, False)
    assert agent.approved_at is None
    [event] = events("agent.registered")
    assert (event.actor, event.clinic) == (actor, "riverside")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("agent_id", "edge", "not edge, cloud or auto"),
        ("agent_id", "a b", "1 to 64 letters"),
        ("agent_id", "x" * 65, "at most 64 characters"),
        ("endpoint", "http://reader.example.org", "must begin with https://"),
        ("endpoint", "https://169.254.169.254/", "a cloud metadata address"),
        ("endpoint", "https://127.0.0.1/", "a loopback address"),
        ("endpoint", "", "This field is required."),
        ("capabilities", [], "This field is required."),
        ("capabilities", ["fly"], "Select a valid choice"),
        ("location", "attic", "edge or cloud, and what tells it apart"),
        ("protocol", "pigeon", "Select a valid choice"),
        ("model", "a b", "Letters, digits and"),
        ("version", "<b>", "Letters, digits and"),
        ("clinic", "a clinic", "valid “slug”"),
    ],
)
def test_what_http_would_refuse_is_refused_at_its_field(
    admin_client, field, value, words
):
    response = admin_client.post(ADD, SAID | {field: value})

    assert response.status_code == 200
    assert list(response.context["errors"]) != []
    assert words in " ".join(response.context["adminform"].form.errors[field])
    assert not Agent.objects.exists()
    assert not Audit.objects.changing().exists()


def test_a_name_that_is_taken_is_an_error_of_the_form(admin_client):
    make_agent("reader-9")

    response = admin_client.post(ADD, SAID)

    assert "An agent of this name is registered already." in words_of(response.text)
    assert Agent.objects.get().registered_by == "key:1"


def test_a_refusal_of_the_service_is_an_error_of_the_form(admin_client, monkeypatch):
    def taken(*args: Any, **kwargs: Any) -> None:
        raise AgentTaken("Another key has registered an agent of this name.")

    monkeypatch.setattr(page_module, "register_agent", taken)

    response = admin_client.post(ADD, SAID)

    assert response.status_code == 200
    assert "Another key has registered an agent of this name." in words_of(
        response.text
    )
    assert 'value="reader-9"' in response.text
    assert not Agent.objects.exists()


def test_who_may_not_add_agents_is_not_asked_for_one(db):
    reader = person("routing.view_agent", "routing.change_agent")

    assert "/add/" not in reader.get(AGENT_LIST).text
    assert reader.get(ADD).status_code == 403
    assert reader.post(ADD, SAID).status_code == 403
    assert not Agent.objects.exists()


# --- What we allow an agent ---------------------------------------------------------


def test_the_clinic_and_the_token_are_changed_and_audited(db):
    operator, agent = person(*RIGHTS, clinic="riverside"), make_agent()
    form = {"clinic": "riverside", "token_env": "AGENT_TOKEN_READER"}

    response = operator.post(path_of(agent), form, follow=True)

    agent.refresh_from_db()
    assert said(response) == [("success", "reader-1: saved.")]
    assert (agent.clinic, agent.token_env) == ("riverside", "AGENT_TOKEN_READER")
    assert agent.approved_at is not None
    [event] = events("agent.changed")
    assert event.actor == f"user:{User.objects.get(username='operator').pk}"
    assert event.clinic == "riverside"
    assert event.detail == {
        "agent": "reader-1",
        "clinic": "riverside",
        "clinic_before": "",
        "token_env": "AGENT_TOKEN_READER",
        "token_env_before": "",
    }


def test_nothing_else_can_be_changed(admin_client):
    agent = make_agent()
    before = Agent.objects.values().get()
    form = SAID | {
        "clinic": "",
        "token_env": "",
        "approved_by": "user:9",
        "is_enabled": "",
        "heard_at": "2020-01-01",
        "registered_by": "key:2",
    }

    response = admin_client.post(path_of(agent), form)

    assert response.status_code == 302
    assert Agent.objects.values().get() == before
    assert not Audit.objects.changing().exists()


@pytest.mark.parametrize(
    "name",
    [
        "DJANGO_SECRET_KEY",
        "API_KEY",
        "agent_token_a",
        "AGENT_TOKEN_",
        "XAGENT_TOKEN_A",
        "AGENT_TOKEN_A\nB",
        "AGENT_TOKEN_A-B",
        "AGENT_TOKEN_" + "A" * 81,
    ],
)
def test_no_other_secret_of_ours_can_be_named(admin_client, name):
    agent = make_agent()

    response = admin_client.post(path_of(agent), {"clinic": "", "token_env": name})

    assert response.status_code == 200
    assert "token_env" in response.context["adminform"].form.errors
    agent.refresh_from_db()
    assert agent.token_env == ""


def test_who_may_only_look_has_nothing_to_fill(db):
    reader, agent = person("routing.view_agent"), make_agent()

    page = reader.get(path_of(agent)).text
    refused = reader.post(path_of(agent), {"clinic": "riverside", "token_env": ""})

    content = page[page.index('<div id="content"') : page.index("</main>")]
    assert not re.search(r'<(textarea|select|input type="(?!hidden))', content)
    assert refused.status_code == 403
    agent.refresh_from_db()
    assert agent.clinic == ""


def test_the_admin_writes_through_the_services_alone(admin_client, monkeypatch):
    agent, calls = make_agent(), []
    before = Agent.objects.values().get()
    monkeypatch.setattr(
        page_module, "allow_agent", lambda *args, **kwargs: calls.append("allow")
    )
    monkeypatch.setattr(
        page_module,
        "register_agent",
        lambda *args, **kwargs: calls.append("register") or agent,
    )

    admin_client.post(path_of(agent), {"clinic": "riverside", "token_env": ""})
    admin_client.post(ADD, SAID)

    assert calls == ["allow", "register"]
    assert Agent.objects.values().get() == before


@pytest.mark.parametrize("model", [Agent, TargetHealth])
def test_nothing_is_deleted(admin_client, model):
    fill(2)
    row, number = model.objects.first(), model.objects.count()
    path = AGENT_LIST if model is Agent else SERVER_LIST
    form = {"action": "delete_selected", "_selected_action": [str(row.pk)]}

    assert admin_client.post(path_of(row, "delete"), {"post": "yes"}).status_code == 403
    admin_client.post(path, form | {"post": "yes", "index": "0"})

    assert "delete_selected" not in admin_client.get(path).text
    assert model.objects.count() == number
