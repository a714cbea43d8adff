"""Agents and model servers in the admin: how each does, at a glance and in full."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.admin import targets
from routing.admin.targets import MEANINGS, STATE_TAGS, age
from routing.models import Agent, TargetHealth
from routing.services import overview
from tests.browser.rows import AGENTS, fill
from tests.routing.admin_pages import (
    AGENT_LIST,
    SERVER_LIST,
    break_circuit,
    listed,
    make_agent,
    path_of,
    rows_of,
    waiting,
    words_of,
)


@pytest.fixture(autouse=True)
def fresh(redis: Any) -> Any:
    """No circuit is remembered from another test."""
    overview._circuits.cache_clear()
    yield
    overview._circuits.cache_clear()


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
    admin_client.get("/admin/")  # looks for what is wrong, as some page does
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
