"""Step 7: which model servers may take a job, in which order, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import NoModelEndpoints, NoTargetAllowed, TargetsResting
from routing.policy import POLICY_VERSION, Decision, Wish, choose_targets, wish_of
from routing.targets import Target

EDGE = Target(name="edge", url="http://127.0.0.1:8002/infer")
CLOUD = Target(name="cloud", url="https://models.example.org/infer")

wishes = st.builds(
    Wish,
    preferred=st.sampled_from(["auto", "edge", "cloud", "edge-2", "nowhere"]),
    strict=st.booleans(),
    cloud_allowed=st.booleans(),
)
targets = st.lists(
    st.sampled_from(["edge", "edge-2", "cloud", "cloud-2"]).map(
        lambda name: Target(name=name, url=f"http://{name}/infer")
    ),
    unique=True,
    min_size=1,
)

rests = st.dictionaries(
    st.sampled_from(["edge", "edge-2", "cloud", "cloud-2"]),
    st.floats(min_value=0.1, max_value=60),
)


def names(pairs: tuple[tuple[Target, str], ...]) -> dict[str, str]:
    return {target.name: reason for target, reason in pairs}


def choose(
    all_targets: list[Target], wish: Wish, resting: dict[str, float] | None = None
) -> Decision | None:
    try:
        return choose_targets(all_targets, wish, resting)
    except (NoTargetAllowed, TargetsResting):
        return None


# --- The order --------------------------------------------------------------------


def test_without_a_wish_the_edge_is_first_and_the_cloud_follows():
    decision = choose_targets([CLOUD, EDGE], Wish())

    assert decision.candidates == ((EDGE, "edge first"), (CLOUD, "fallback"))
    assert decision.excluded == ()


@pytest.mark.parametrize(
    ("preferred", "first", "second"), [("edge", EDGE, CLOUD), ("cloud", CLOUD, EDGE)]
)
def test_the_preferred_target_leads_and_the_other_follows(preferred, first, second):
    decision = choose_targets([EDGE, CLOUD], Wish(preferred=preferred))

    assert decision.candidates == ((first, "preferred"), (second, "fallback"))


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

    assert decision.candidates == ((only, reason),)


def test_a_strict_preference_has_no_fallback():
    decision = choose_targets([EDGE, CLOUD], Wish(preferred="cloud", strict=True))

    assert decision.candidates == ((CLOUD, "preferred"),)
    assert decision.excluded == ((EDGE, "another target is demanded"),)


def test_a_strict_preference_for_any_target_is_none():
    decision = choose_targets([EDGE, CLOUD], Wish(preferred="auto", strict=True))

    assert names(decision.candidates) == {"edge": "edge first", "cloud": "fallback"}


def test_a_strict_preference_for_a_target_that_is_not_there_leaves_none():
    with pytest.raises(NoTargetAllowed):
        choose_targets([EDGE], Wish(preferred="cloud", strict=True))


# --- Consent ----------------------------------------------------------------------


@pytest.mark.parametrize("preferred", ["auto", "edge", "cloud"])
def test_without_consent_the_cloud_is_left_out_even_if_it_is_preferred(preferred):
    wish = Wish(preferred=preferred, cloud_allowed=False)

    decision = choose_targets([EDGE, CLOUD], wish)

    assert list(names(decision.candidates)) == ["edge"]
    assert decision.excluded == ((CLOUD, "no consent for the cloud"),)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(cloud_allowed=False),
        Wish(preferred="cloud", strict=True, cloud_allowed=False),
    ],
)
def test_without_consent_a_clinic_with_the_cloud_alone_has_no_target(wish):
    with pytest.raises(NoTargetAllowed, match="leaves no model server"):
        choose_targets([CLOUD], wish)


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


# --- Rest after failures ----------------------------------------------------------


def test_a_resting_target_is_left_out_and_the_other_takes_its_place():
    decision = choose_targets([EDGE, CLOUD], Wish(), {"edge": 7.0})

    assert decision.candidates == ((CLOUD, "only choice left"),)
    assert decision.excluded == ((EDGE, "resting after failures"),)


def test_where_all_rest_the_job_waits_for_the_first_to_have_rested():
    with pytest.raises(TargetsResting) as refusal:
        choose_targets([EDGE, CLOUD], Wish(), {"edge": 7.0, "cloud": 3.0})

    assert refusal.value.retry_after == 3.0


def test_the_rest_of_one_target_opens_no_other_that_consent_has_closed():
    wish = Wish(cloud_allowed=False)

    with pytest.raises(TargetsResting) as refusal:
        choose_targets([EDGE, CLOUD], wish, {"edge": 7.0, "cloud": 3.0})

    assert refusal.value.retry_after == 7.0


# --- What is kept of it -----------------------------------------------------------


def test_no_target_at_all_is_said_in_the_words_that_clients_know():
    with pytest.raises(NoModelEndpoints) as refusal:
        choose_targets([], Wish())

    assert str(refusal.value) == (
        "No model endpoints configured (EDGE_MODEL_URL/CLOUD_MODEL_URL)"
    )


def test_a_decision_explains_itself_in_json_and_names_no_url():
    wish = Wish(preferred="cloud", cloud_allowed=False)

    explained = choose_targets([EDGE, CLOUD], wish).explain()

    assert explained == {
        "policy_version": POLICY_VERSION,
        "candidates": [{"target": "edge", "reason": "edge first"}],
        "excluded": [{"target": "cloud", "reason": "no consent for the cloud"}],
    }
    assert "http" not in json.dumps(explained)


# --- Properties -------------------------------------------------------------------


@given(all_targets=targets, wish=wishes, order=st.randoms(use_true_random=False))
def test_the_decision_hangs_on_what_is_there_and_not_on_its_order(
    all_targets, wish, order
):
    shuffled = list(all_targets)
    order.shuffle(shuffled)

    one, other = choose(all_targets, wish), choose(shuffled, wish)

    assert one == choose(all_targets, wish)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert set(names(one.candidates)) == set(names(other.candidates))
        assert one.candidates[0][0].is_edge == other.candidates[0][0].is_edge


@given(all_targets=targets, wish=wishes, resting=rests)
def test_every_target_is_either_a_candidate_or_excluded_and_each_has_a_reason(
    all_targets, wish, resting
):
    decision = choose(all_targets, wish, resting)
    if decision is None:
        return

    named = [*decision.candidates, *decision.excluded]
    assert sorted(t.name for t, _ in named) == sorted(t.name for t in all_targets)
    assert all(reason for _, reason in named)
    assert decision.candidates
    assert not {target.name for target, _ in decision.candidates} & set(resting)


@given(all_targets=targets, wish=wishes, resting=rests)
def test_the_cloud_is_never_a_candidate_when_it_is_not_allowed(
    all_targets, wish, resting
):
    decision = choose(all_targets, wish, resting)

    if decision is not None and not wish.cloud_allowed:
        assert all(target.is_edge for target, _ in decision.candidates)


@given(all_targets=targets, wish=wishes)
def test_a_refusal_means_that_no_target_fits_the_wish(all_targets, wish):
    fits = [
        target
        for target in all_targets
        if (target.is_edge or wish.cloud_allowed)
        and (not wish.strict or wish.preferred in {"auto", target.name})
    ]

    assert (choose(all_targets, wish) is None) == (not fits)
