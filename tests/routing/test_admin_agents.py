"""Agents and model servers in the admin: how each does, and who may change what."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Audit
from routing.admin import agents as page_module
from routing.admin import targets
from routing.admin.targets import MEANINGS, STATE_TAGS, age
from routing.circuits import Circuits
from routing.connection import connect
from routing.errors import AgentTaken
from routing.models import Agent, TargetHealth
from routing.services import overview
from tests.browser.rows import AGENTS, fill

AGENT_LIST = "/admin/routing/agent/"
SERVER_LIST = "/admin/routing/targethealth/"
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


def person(*rights: str, name: str = "operator") -> Client:
    """Log somebody in who has these rights and no others."""
    user = User.objects.create_user(name, password="an-invented-one", is_staff=True)
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


def make_agent(agent_id: str = "reader-1", **fields: Any) -> Agent:
    """Store an agent that is ready, but for these fields."""
    approved = {"approved_at": timezone.now(), "approved_by": "user:1"}
    said = {"endpoint": f"https://{agent_id}.example.org", "capabilities": ["screen"]}
    return Agent.objects.create(
        agent_id=agent_id, registered_by="key:1", **(approved | said | fields)
    )


def waiting(agent_id: str = "reader-1", **fields: Any) -> Agent:
    return make_agent(agent_id, approved_at=None, approved_by="", **fields)


def path_of(row: Any, step: str = "change") -> str:
    return reverse(f"admin:routing_{row._meta.model_name}_{step}", args=[row.pk])


def words_of(page: str) -> str:
    """Return what a reader sees of a page, in one line."""
    main = page[page.index('<div id="content"') : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def listed(response: Any) -> list[str]:
    return [str(row) for row in response.context["cl"].result_list]


def rows_of(response: Any) -> dict[str, str]:
    """Return what the list says of each row, by the row's name."""
    table = response.text[response.text.index('id="result_list"') :]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)
    said = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    return dict(zip(listed(response), map(html.unescape, said[1:]), strict=True))


def events(action: str) -> list[Audit]:
    return list(Audit.objects.filter(action=action))


def said(response: Any) -> list[tuple[str, str]]:
    return [(m.level_tag, str(m)) for m in response.context["messages"]]


def do(client: Client, action: str, *rows: Agent) -> Any:
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(AGENT_LIST, form | {"index": "0"}, follow=True)


def break_circuit(name: str, *, seconds: float) -> None:
    Circuits(connect()).failed(name, error="MODEL_SERVER_ERROR", retry_after=seconds)


# --- The list -----------------------------------------------------------------------


@pytest.fixture
def every_state(db: None) -> dict[str, str]:
    """Store an agent in every state; return each one's state in words."""
    make_agent("a-ready")
    make_agent("b-disabled", is_enabled=False)
    waiting("c-waiting")
    make_agent("d-silent", heard_at=timezone.now() - timedelta(minutes=6))
    make_agent("e-ill", health_status="unhealthy")
    make_agent("f-resting")
    make_agent("g-probed")
    make_agent("h-elsewhere", endpoint="http://10.20.0.7:8000")
    break_circuit("f-resting", seconds=60)
    break_circuit("g-probed", seconds=0.001)
    return {
        "c-waiting": "Not approved yet",
        "h-elsewhere": "Not allowed",
        "e-ill": "Ill",
        "f-resting": "Resting",
        "d-silent": "Not heard of",
        "g-probed": "Being probed",
        "a-ready": "Ready",
        "b-disabled": "Disabled",
    }


def test_every_state_is_shown_and_what_needs_a_person_stands_on_top(
    admin_client, every_state
):
    response = admin_client.get(AGENT_LIST)

    assert listed(response) == list(every_state)
    for name, words in rows_of(response).items():
        assert f" {every_state[name]} " in words


def test_a_state_is_told_by_icon_word_and_colour(admin_client, every_state):
    page = admin_client.get(AGENT_LIST).text

    for words, kind in {"Ready": "is-ok", "Ill": "is-bad", "Disabled": ""}.items():
        assert re.search(
            rf'<span class="tag {kind}"><svg.*?</svg> {words}</span>', page
        )


def test_the_list_can_be_narrowed_to_a_state(admin_client, every_state):
    for state, (_, _, words) in STATE_TAGS.items():
        wanted = [name for name, said in every_state.items() if said == words]

        assert listed(admin_client.get(AGENT_LIST, {"state": state})) == wanted
    assert "Not approved yet (1)" in admin_client.get(AGENT_LIST).text
    assert listed(admin_client.get(AGENT_LIST, {"state": "in love"})) == []


def test_a_row_says_how_an_agent_does(admin_client):
    now = timezone.now()
    make_agent(
        capabilities=["screen", "analyze_heavy"],
        clinic="riverside",
        location="edge-room-2",
        load_score=0.345,
        heard_at=now - timedelta(seconds=12),
    )
    TargetHealth.objects.create(
        name="reader-1",
        p50_ms=380.2,
        p95_ms=12_480.6,
        last_error="MODEL_TIMEOUT",
        failed_at=now - timedelta(minutes=7, seconds=3),
    )

    [row] = rows_of(admin_client.get(AGENT_LIST)).values()

    assert re.fullmatch(
        r"reader-1 reader-1\.example\.org Ready 1[2-9] s ago riverside edge-room-2 "
        r"screen, analyze heavy 380 ms 12,481 ms 34% MODEL_TIMEOUT 7 min ago",
        row,
    )


def test_an_agent_of_which_nothing_is_known_yet_has_no_times(admin_client):
    make_agent()

    [row] = rows_of(admin_client.get(AGENT_LIST)).values()

    assert row.endswith("any cloud screen - - 0% -")


@pytest.mark.parametrize(
    ("typed", "found"),
    [("reader-1", ["reader-1"]), ("reader", []), ("riverside", ["reader-2"])],
)
def test_an_agent_is_found_by_its_whole_name_or_clinic(admin_client, typed, found):
    make_agent("reader-1")
    make_agent("reader-2", clinic="riverside")

    assert listed(admin_client.get(AGENT_LIST, {"q": typed})) == found


@pytest.mark.parametrize("path", [AGENT_LIST, SERVER_LIST])
def test_a_list_asks_for_the_overview_once_and_for_few_rows(
    admin_client, monkeypatch, django_assert_max_num_queries, path
):
    fill(40)
    calls = []
    monkeypatch.setattr(
        targets, "overview", lambda: calls.append(1) or overview.overview()
    )

    with django_assert_max_num_queries(11):
        admin_client.get(path)

    assert calls == [1]


@pytest.mark.parametrize("model", [Agent, TargetHealth])
def test_a_page_takes_few_queries_however_many_there_are(
    admin_client, django_assert_max_num_queries, model
):
    fill(40)
    path = path_of(model.objects.all()[7])
    admin_client.get(path)

    with django_assert_max_num_queries(9):
        assert admin_client.get(path).status_code == 200


@pytest.mark.parametrize("path", [AGENT_LIST, SERVER_LIST])
def test_the_lists_and_pages_are_there_while_redis_is_away(
    admin_client, settings, path
):
    fill(9)
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    overview._circuits.cache_clear()
    model = Agent if path == AGENT_LIST else TargetHealth

    assert admin_client.get(path).status_code == 200
    assert admin_client.get(path_of(model.objects.first())).status_code == 200


# --- The page -----------------------------------------------------------------------


def test_the_page_says_what_it_says_what_we_allow_it_and_how_it_does(admin_client):
    now = timezone.now()
    agent = make_agent(
        gpu=True, told_latency_ms=640, version="1.3.0", token_env="AGENT_TOKEN_R1"
    )
    TargetHealth.objects.create(
        name="reader-1",
        p95_ms=980,
        answered=1204,
        failed=7,
        last_error="MODEL_TIMEOUT",
        failed_at=now - timedelta(hours=3, minutes=5),
        checked_at=now,
        check_error="MODEL_UNREACHABLE",
        check_failures=3,
    )

    words = words_of(admin_client.get(path_of(agent)).text)

    for shown in (
        f"State: Ill {MEANINGS['ill by its health check']}",
        "What it says of itself Endpoint: https://reader-1.example.org",
        "Has a GPU: Yes",
        "Takes raw media: No",
        "Time p95, by its own word: 640 ms",
        "Approved: by user:1, ",
        "Registered: by key:1",
        "Enabled: Yes",
        "Circuit: Closed: calls go through",
        "Time p50: - Time p95: 980 ms Answered: 1,204 Failed: 7",
        "Last error: MODEL_TIMEOUT 3 h 05 min ago",
        "Last health check: MODEL_UNREACHABLE",
        ", failed 3 times in a row",
    ):
        assert shown in words, shown
    assert "[" not in words


def test_an_agent_without_approval_says_so(admin_client):
    words = words_of(admin_client.get(path_of(waiting())).text)

    assert "It gets no work until somebody approves it." in words
    assert "Approved: Not yet: it gets no work" in words


def test_every_state_has_a_meaning():
    assert set(MEANINGS) == set(STATE_TAGS)


def test_a_state_that_this_page_does_not_know_is_shown_all_the_same(
    admin_client, monkeypatch
):
    make_agent()
    monkeypatch.setattr(overview.Row, "state", property(lambda row: "on holiday"))

    assert "On holiday" in admin_client.get(AGENT_LIST).text


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-9), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=6, minutes=5), "6 h 05 min"),
        (timedelta(days=1, hours=17), "1 d 17 h"),
        (timedelta(days=13), "13 days"),
    ],
)
def test_the_longer_ago_the_less_exact(ago, words):
    assert age(timezone.now() - ago) == words


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
    assert not Audit.objects.exists()


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
    assert not Audit.objects.exists()


# --- Registering by hand ------------------------------------------------------------


def test_a_person_registers_an_agent_which_then_waits_for_approval(db):
    operator = person(*RIGHTS)

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
    assert not Audit.objects.exists()


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
    operator, agent = person(*RIGHTS), make_agent()
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
    assert not Audit.objects.exists()


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


# --- Model servers ------------------------------------------------------------------


def test_every_server_that_was_seen_is_listed_with_its_numbers(admin_client, settings):
    settings.CLOUD_MODEL_URL = "http://127.0.0.1:9/cloud"
    fill(len(AGENTS))
    break_circuit("gpu-reader-1", seconds=60)

    response = admin_client.get(SERVER_LIST)

    rows = rows_of(response)
    assert {"edge", "cloud", "reader-1", "retired-reader"} <= set(rows)
    assert re.fullmatch(
        r"edge Ready circuit closed edge 1,900 ms 4,200 ms 18,211 12 - Well \d+ s ago",
        rows["edge"],
    )
    assert "7,420 31 MODEL_TIMEOUT 5 h 00 min ago" in rows["cloud"]
    assert "gpu-reader-1 Resting circuit open cloud-gpu" in rows["gpu-reader-1"]
    assert rows["retired-reader"].startswith("retired-reader Not in use - - - 311")
    assert list(rows)[-1] == "retired-reader"


def test_a_configured_server_that_nobody_has_asked_is_named(admin_client, settings):
    settings.CLOUD_MODEL_URL = "http://127.0.0.1:9/cloud"
    TargetHealth.objects.create(name="edge")
    waiting()

    words = words_of(admin_client.get(SERVER_LIST).text)

    assert "Neither asked nor checked yet: cloud" in words


def test_the_page_of_a_server_leads_to_its_agent(admin_client):
    agent = make_agent()
    health = TargetHealth.objects.create(name="reader-1", p50_ms=5, answered=1204)
    retired = TargetHealth.objects.create(name="retired-reader")

    page = admin_client.get(path_of(health)).text

    assert path_of(agent) in page
    assert "Answered: 1,204" in words_of(page)
    assert "It is no agent" in words_of(admin_client.get(path_of(retired)).text)
