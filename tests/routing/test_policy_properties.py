"""What holds of every decision, whatever stands where."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from routing.errors import NoModelEndpoints, NoTargetAllowed
from routing.policy import (
    Decision,
    Standing,
    Wish,
    choose_targets,
    refusal_of,
    replay,
    score,
)

CAPABILITIES = ["screen", "embed", "analyze_light", "analyze_monitor", "triage"]
capabilities = st.lists(st.sampled_from(CAPABILITIES), unique=True).map(tuple)
wishes = st.builds(
    Wish,
    wanted=st.lists(
        st.sampled_from(CAPABILITIES), unique=True, min_size=1, max_size=3
    ).map(tuple),
    priority=st.sampled_from(["urgent", "high", "normal", "low"]),
    preferred=st.sampled_from(["auto", "edge", "cloud", ""]),
    strict=st.booleans(),
    consent=st.booleans(),
    cloud_allowed=st.booleans(),
    raw_media=st.booleans(),
)
standings = st.lists(
    st.builds(
        Standing,
        name=st.sampled_from([f"agent-{n}" for n in range(6)]),
        location=st.sampled_from(["edge", "edge-2", "cloud", "cloud-eu"]),
        capabilities=capabilities,
        gpu=st.booleans(),
        raw_media=st.booleans(),
        p95_ms=st.floats(min_value=0, max_value=1e5).map(lambda ms: round(ms, 1)),
        load=st.sampled_from([0.0, 0.3, 0.9]),
        unfit=st.sampled_from(["", "", "", "disabled"]),
        ill=st.booleans(),
        resting=st.sampled_from([0.0, 0.0, 7.5]),
    ),
    unique_by=lambda standing: standing.name,
    max_size=6,
)
tops = st.integers(min_value=1, max_value=6)


def chosen(decision: Decision) -> dict[str, str]:
    return {candidate.name: candidate.reason for candidate in decision.candidates}


@given(found=standings, wish=wishes, top=tops)
def test_what_is_kept_has_whole_numbers_without_a_point(found, wish, top):
    kept = json.dumps(choose_targets(found, wish, top=top).explain())

    assert not re.search(r"\.0[,}\]]", kept)


@given(found=standings, wish=wishes, top=tops)
def test_what_was_kept_gives_the_same_decision_again(found, wish, top):
    decision = choose_targets(found, wish, top=top)

    again = replay(json.loads(json.dumps(decision.explain())))

    assert again.explain() == decision.explain()
    assert type(again.error) is type(decision.error)


@given(found=standings, wish=wishes, top=tops, mixing=st.randoms(use_true_random=False))
def test_the_decision_hangs_on_what_is_there_and_not_on_its_order(
    found, wish, top, mixing
):
    shuffled = list(found)
    mixing.shuffle(shuffled)

    one = choose_targets(found, wish, top=top)
    other = choose_targets(shuffled, wish, top=top)

    assert one.candidates == other.candidates
    assert one.excluded == other.excluded
    assert type(one.error) is type(other.error)


@given(found=standings, wish=wishes, top=tops)
def test_every_target_is_a_candidate_or_left_out_and_each_has_a_reason(
    found, wish, top
):
    decision = choose_targets(found, wish, top=top)

    reasons = chosen(decision)
    assert not set(reasons) & set(decision.excluded)
    assert {*reasons, *decision.excluded} == {standing.name for standing in found}
    assert all({**reasons, **decision.excluded}.values())
    assert len(reasons) <= top
    assert (decision.error is None) == bool(reasons)


@given(found=standings, wish=wishes, top=tops)
def test_no_candidate_is_one_that_the_work_or_its_state_forbids(found, wish, top):
    decision = choose_targets(found, wish, top=top)

    by_name = {standing.name: standing for standing in found}
    for standing in (by_name[name] for name in chosen(decision)):
        assert wish.cloud_allowed or standing.is_edge
        assert not wish.raw_media or (wish.consent and standing.raw_media)
        assert not standing.unfit
        assert not standing.resting
        assert set(standing.capabilities) & set(wish.wanted)
        if wish.strict and wish.preferred in {"edge", "cloud"}:
            assert standing.is_edge == (wish.preferred == "edge")


@given(found=standings, wish=wishes, top=tops)
def test_a_refusal_for_good_means_that_nothing_would_change_it(found, wish, top):
    error = choose_targets(found, wish, top=top).error

    forbidden = all(refusal_of(standing, wish) for standing in found)
    final = isinstance(error, NoModelEndpoints | NoTargetAllowed)
    assert final == forbidden


@given(found=standings, wish=wishes)
def test_among_candidates_of_one_place_a_better_score_goes_first(found, wish):
    decision = choose_targets(found, wish, top=10)

    by_name = {standing.name: standing for standing in found}
    for one, next_one in zip(
        decision.candidates, decision.candidates[1:], strict=False
    ):
        places = {by_name[c.name].is_edge for c in (one, next_one)}
        if not wish.preferred or len(places) == 1:
            assert one.score >= next_one.score


@given(wish=wishes, standing=standings.filter(bool).map(lambda found: found[0]))
def test_slower_never_scores_better_and_consent_never_worse(wish, standing):
    slower = replace(standing, p95_ms=standing.p95_ms + 1000)

    assert score(slower, wish) <= score(standing, wish)
    assert score(standing, replace(wish, consent=True)) >= score(
        standing, replace(wish, consent=False)
    )
