"""Step 7: which targets may take a piece of work, in which order, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from routing.errors import NoModelEndpoints, NoTargetAllowed, TargetsResting
from routing.policy import (
    POLICY_VERSION,
    Decision,
    Standing,
    Wish,
    choose_targets,
    refusal_of,
    score,
    terms,
    wish_of,
)

EDGE = Standing(name="edge", location="edge")
CLOUD = Standing(name="cloud", location="cloud")
BOTH = [EDGE, CLOUD]
SCORED = Wish(preferred="", wanted=("analyze_light", "analyze_monitor"), consent=True)


def chosen(decision: Decision) -> dict[str, str]:
    return {candidate.name: candidate.reason for candidate in decision.candidates}


def order(found: list[Standing], wish: Wish) -> list[str]:
    return list(chosen(choose_targets(found, wish, top=10)))


# --- The place ---------------------------------------------------------------------


def test_without_a_wish_the_edge_is_first_and_the_cloud_follows():
    decision = choose_targets([CLOUD, EDGE], Wish())

    assert list(chosen(decision).items()) == [
        ("edge", "edge first"),
        ("cloud", "fallback"),
    ]
    assert decision.excluded == {}
    assert decision.error is None


@pytest.mark.parametrize(
    ("preferred", "first", "second"), [("edge", EDGE, CLOUD), ("cloud", CLOUD, EDGE)]
)
def test_the_preferred_target_leads_and_the_other_follows(preferred, first, second):
    decision = choose_targets(BOTH, Wish(preferred=preferred))

    assert list(chosen(decision).items()) == [
        (first.name, "preferred"),
        (second.name, "fallback"),
    ]


@pytest.mark.parametrize(
    ("only", "preferred", "reason"),
    [
        (CLOUD, "auto", "only choice left"),
        (CLOUD, "edge", "only choice left"),
        (EDGE, "cloud", "edge first"),
        (EDGE, "edge", "preferred"),
    ],
)
def test_the_only_target_is_taken_whatever_was_preferred(only, preferred, reason):
    decision = choose_targets([only], Wish(preferred=preferred))

    assert chosen(decision) == {only.name: reason}


def test_a_strict_preference_has_no_fallback():
    decision = choose_targets(BOTH, Wish(preferred="cloud", strict=True))

    assert chosen(decision) == {"cloud": "preferred"}
    assert decision.excluded == {"edge": "another target is demanded"}


def test_a_strict_preference_for_any_target_is_none():
    decision = choose_targets(BOTH, Wish(preferred="auto", strict=True))

    assert chosen(decision) == {"edge": "edge first", "cloud": "fallback"}


def test_a_strict_preference_for_a_target_that_is_not_there_leaves_none():
    decision = choose_targets([EDGE], Wish(preferred="cloud", strict=True))

    assert isinstance(decision.error, NoTargetAllowed)
    assert decision.excluded == {"edge": "another target is demanded"}


def test_a_slow_edge_still_goes_before_a_fast_cloud():
    slow = replace(EDGE, p95_ms=60_000.0)

    assert order([CLOUD, slow], Wish(consent=True)) == ["edge", "cloud"]


# --- The score ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "wish", "wanted"),
    [
        pytest.param({}, SCORED, 1 / 1.15, id="as usual: 500 ms"),
        pytest.param({"p95_ms": 200.0}, SCORED, 1.0, id="fast"),
        pytest.param({"p95_ms": 20.0}, SCORED, 1.0, id="faster earns nothing"),
        pytest.param({"p95_ms": 2200.0}, SCORED, 1 / 2, id="slow"),
        pytest.param({"p95_ms": 2200.0, "gpu": True}, SCORED, 1 / 2.5, id="slow GPU"),
        pytest.param(
            {"capabilities": ("analyze_light",)}, SCORED, 0.5 / 1.15, id="half of it"
        ),
        pytest.param(
            {"location": "cloud"},
            replace(SCORED, consent=False),
            1 / 1.65,
            id="out of the clinic without consent",
        ),
        pytest.param({}, replace(SCORED, priority="urgent"), 1 / 1.15, id="no triage"),
    ],
)
def test_the_score_is_the_formula_of_the_contract(changed, wish, wanted):
    usual = {
        "name": "agent-1",
        "location": "edge",
        "capabilities": ("analyze_light", "analyze_monitor"),
    }

    assert score(Standing(**usual | changed), wish) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("priority", "factor"), [("urgent", 1.5), ("high", 1.5), ("normal", 1), ("low", 1)]
)
def test_triage_counts_in_a_hurry_alone(priority, factor):
    agent = Standing(
        name="agent-1", location="edge", capabilities=("embed", "triage"), p95_ms=200.0
    )
    wish = Wish(wanted=("embed",), priority=priority, preferred="")

    assert score(agent, wish) == pytest.approx(factor)
    assert terms(agent, wish)["triage"] == factor


def test_without_a_place_the_score_decides_alone():
    slow = replace(EDGE, p95_ms=9000.0)

    decision = choose_targets([slow, CLOUD], Wish(preferred="", consent=True))

    assert list(chosen(decision).items()) == [
        ("cloud", "best score"),
        ("edge", "fallback"),
    ]


def test_in_one_place_the_score_decides():
    slow = replace(EDGE, name="edge-a", p95_ms=3000.0)
    fast = replace(EDGE, name="edge-b", p95_ms=300.0)

    assert order([slow, CLOUD, fast], Wish()) == ["edge-b", "edge-a", "cloud"]


def test_a_tie_goes_to_the_lower_load_then_to_the_edge_then_by_name():
    wish = Wish(preferred="", consent=True)
    found = [
        replace(CLOUD, name="c", load=0.2),
        replace(EDGE, name="d", load=0.2),
        replace(EDGE, name="b", load=0.2),
        replace(CLOUD, name="z", load=0.1),
        replace(EDGE, name="a", load=0.9),
    ]

    assert order(found, wish) == ["z", "b", "d", "c", "a"]


def test_no_more_than_the_first_few_are_tried():
    found = [replace(EDGE, name=f"edge-{n}") for n in range(5)]

    decision = choose_targets(found, Wish(), top=3)

    assert list(chosen(decision)) == ["edge-0", "edge-1", "edge-2"]
    assert decision.excluded == {
        "edge-3": "beyond the first 3",
        "edge-4": "beyond the first 3",
    }


# --- What the work forbids ---------------------------------------------------------


@pytest.mark.parametrize("preferred", ["auto", "edge", "cloud", ""])
def test_without_consent_the_cloud_is_left_out_even_if_it_is_preferred(preferred):
    decision = choose_targets(BOTH, Wish(preferred=preferred, cloud_allowed=False))

    assert list(chosen(decision)) == ["edge"]
    assert decision.excluded == {"cloud": "no consent for the cloud"}


@pytest.mark.parametrize(
    "wish",
    [
        Wish(cloud_allowed=False),
        Wish(preferred="cloud", strict=True, cloud_allowed=False),
    ],
)
def test_without_consent_a_clinic_with_the_cloud_alone_has_no_target(wish):
    error = choose_targets([CLOUD], wish).error

    assert isinstance(error, NoTargetAllowed)
    assert "leaves no model server" in str(error)


def test_who_can_do_nothing_of_it_is_left_out_and_who_can_a_part_is_not():
    part = Standing(name="a", location="edge", capabilities=("analyze_light",))
    none = Standing(name="b", location="edge", capabilities=("embed", "triage"))

    decision = choose_targets([part, none], SCORED)

    assert list(chosen(decision)) == ["a"]
    assert decision.excluded == {"b": "has none of the capabilities"}


@pytest.mark.parametrize(
    ("takes", "consent", "refusal"),
    [
        (True, True, ""),
        (True, False, "no consent for raw media"),
        (False, True, "takes no raw media"),
        (False, False, "takes no raw media"),
    ],
)
def test_raw_media_goes_with_consent_to_who_takes_it_and_nowhere_else(
    takes, consent, refusal
):
    agent = replace(EDGE, raw_media=takes)

    assert refusal_of(agent, Wish(raw_media=True, consent=consent)) == refusal
    assert refusal_of(agent, Wish(raw_media=False, consent=consent)) == ""


@pytest.mark.parametrize(
    ("consent", "allowed"),
    [
        pytest.param(None, True, id="no word about it"),
        pytest.param({"consent_given": True}, True, id="given"),
        pytest.param(
            {"consent_given": True, "scopes": ["cloud_inference", "research"]},
            True,
            id="given for it",
        ),
        pytest.param({"consent_given": True, "scopes": []}, False, id="for nothing"),
        pytest.param(
            {"consent_given": True, "scopes": ["research"]}, False, id="for other"
        ),
        pytest.param({"consent_given": False}, False, id="refused"),
        pytest.param(
            {"consent_given": False, "scopes": ["cloud_inference"]},
            False,
            id="refused though it names it",
        ),
        pytest.param({}, False, id="empty"),
        pytest.param({"consent_id": "c-1"}, False, id="a number alone"),
    ],
)
def test_the_cloud_is_open_unless_consent_is_spoken_of_and_not_given(consent, allowed):
    payload: dict[str, Any] = {} if consent is None else {"consent": consent}

    assert wish_of(payload).cloud_allowed is allowed


def test_the_wish_is_read_from_the_submission():
    payload = {"preferred_target": "cloud", "preferred_target_strict": True}

    assert wish_of({}) == Wish(preferred="auto", strict=False, cloud_allowed=True)
    assert wish_of(payload) == Wish(preferred="cloud", strict=True)
    assert wish_of({"consent": {"consent_given": True}}).consent is True
    assert wish_of({}, priority="urgent").priority == "urgent"


# --- What passes -------------------------------------------------------------------


def test_a_resting_target_is_left_out_and_the_other_takes_its_place():
    decision = choose_targets([replace(EDGE, resting=7.0), CLOUD], Wish())

    assert chosen(decision) == {"cloud": "only choice left"}
    assert decision.excluded == {"edge": "resting after failures"}


def test_where_all_rest_the_job_waits_for_the_first_to_have_rested():
    found = [replace(EDGE, resting=7.0), replace(CLOUD, resting=3.0)]

    error = choose_targets(found, Wish()).error

    assert isinstance(error, TargetsResting)
    assert error.retry_after == 3.0


def test_the_rest_of_one_target_opens_no_other_that_consent_has_closed():
    found = [replace(EDGE, resting=7.0), replace(CLOUD, resting=3.0)]

    error = choose_targets(found, Wish(cloud_allowed=False)).error

    assert isinstance(error, TargetsResting)
    assert error.retry_after == 7.0


@pytest.mark.parametrize("reason", ["not approved yet", "disabled", "not heard of"])
def test_who_may_not_work_now_is_left_out_and_its_work_waits(reason):
    decision = choose_targets([replace(EDGE, unfit=reason)], Wish())

    assert decision.excluded == {"edge": reason}
    assert isinstance(decision.error, TargetsResting)


def test_the_ill_are_left_out_while_another_is_well():
    decision = choose_targets([replace(EDGE, ill=True), CLOUD], Wish())

    assert chosen(decision) == {"cloud": "only choice left"}
    assert decision.excluded == {"edge": "ill by its health check"}


def test_where_all_are_ill_the_check_may_be_wrong():
    found = [replace(EDGE, ill=True), replace(CLOUD, ill=True)]

    assert list(chosen(choose_targets(found, Wish()))) == ["edge", "cloud"]


def test_an_ill_target_is_asked_where_no_other_may_be():
    found = [replace(EDGE, ill=True), CLOUD]

    assert list(chosen(choose_targets(found, Wish(cloud_allowed=False)))) == ["edge"]


# --- What is kept of it ------------------------------------------------------------


@pytest.mark.parametrize("found", [[], [replace(EDGE, capabilities=("embed",))]])
def test_no_target_at_all_is_said_in_the_words_that_clients_know(found):
    error = choose_targets(found, Wish()).error

    assert isinstance(error, NoModelEndpoints)
    assert str(error) == (
        "No model endpoints configured (EDGE_MODEL_URL/CLOUD_MODEL_URL)"
    )


def test_a_decision_explains_itself_in_json():
    wish = Wish(preferred="cloud", cloud_allowed=False)

    explained = choose_targets(BOTH, wish).explain()

    assert json.loads(json.dumps(explained))["policy_version"] == POLICY_VERSION
    assert explained["candidates"] == [
        {
            "target": "edge",
            "reason": "edge first",
            "score": 0.869565,
            "terms": {
                "capabilities": 1.0,
                "triage": 1.0,
                "slowness": 0.15,
                "privacy": 0.0,
            },
        }
    ]
    assert explained["excluded"] == [
        {"target": "cloud", "reason": "no consent for the cloud"}
    ]
    assert [kept["name"] for kept in explained["targets"]] == ["edge", "cloud"]
    assert explained["wish"]["preferred"] == "cloud"
