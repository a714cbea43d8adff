"""What holds of every verdict, whatever consents there are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from consent.decision import (
    EXPIRED,
    IN_FORCE,
    NOT_ASKED_FOR,
    NOT_YET,
    REVOKED,
    SCOPES,
    Grant,
    decide,
)

IDS = ["c-1", "c-2", "c-3", "c-4"]
scopes = st.sampled_from(SCOPES)
some_scopes = st.frozensets(scopes)
names = st.sampled_from(["", *IDS, "c-9"])
found = st.lists(
    st.builds(
        Grant,
        consent_id=st.sampled_from(IDS),
        version=st.integers(1, 9),
        scopes=some_scopes,
        state=st.sampled_from([IN_FORCE, IN_FORCE, EXPIRED, REVOKED, NOT_YET]),
    ),
    unique_by=lambda grant: grant.consent_id,
    max_size=4,
)


def allowed(grants, scope, required, named) -> bool:
    return decide(grants, scope, required=required, named=named).allowed


@given(found, scopes, some_scopes, names)
def test_what_allows_is_in_force_has_the_scope_and_is_the_one_named(
    grants, scope, required, named
):
    verdict = decide(grants, scope, required=required, named=named)
    by_name = {str(grant): grant for grant in grants}

    assert verdict.reason
    assert verdict.consent == "" or verdict.consent in by_name
    if verdict.allowed and verdict.consent:
        basis = by_name[verdict.consent]
        assert (basis.state, scope in basis.scopes) == (IN_FORCE, True)
        if named in {grant.consent_id for grant in grants}:
            assert basis.consent_id == named
    elif verdict.allowed:
        assert (grants, verdict.reason) == ([], NOT_ASKED_FOR)
        assert scope not in required


@given(found, scopes, some_scopes)
def test_a_consent_in_force_with_the_scope_is_enough(grants, scope, required):
    enough = any(g.state == IN_FORCE and scope in g.scopes for g in grants)

    if grants:
        assert allowed(grants, scope, required, "") == enough


@given(found, scopes, some_scopes, names, st.data())
def test_to_end_a_consent_never_allows_what_was_refused(
    grants, scope, required, named, data
):
    ended = [
        replace(g, state=data.draw(st.sampled_from([g.state, REVOKED, EXPIRED])))
        for g in grants
    ]

    after = allowed(ended, scope, required, named)

    assert after <= allowed(grants, scope, required, named)


@given(found, scopes, some_scopes, names, st.data())
def test_a_narrower_version_never_allows_what_was_refused(
    grants, scope, required, named, data
):
    narrower = [
        replace(g, version=g.version + 1, scopes=g.scopes & data.draw(some_scopes))
        for g in grants
    ]

    after = allowed(narrower, scope, required, named)

    assert after <= allowed(grants, scope, required, named)


@given(found, scopes, some_scopes, some_scopes, names)
def test_to_require_more_never_allows_more(grants, scope, required, more, named):
    after = allowed(grants, scope, required | more, named)

    assert after <= allowed(grants, scope, required, named)


@given(found, scopes, some_scopes, names)
def test_to_name_a_consent_never_allows_more_than_to_name_none(
    grants, scope, required, named
):
    by_name = allowed(grants, scope, required, named)

    assert by_name <= allowed(grants, scope, required, "")


@given(found, scopes, some_scopes, names, st.data())
def test_the_order_of_the_consents_changes_nothing(
    grants, scope, required, named, data
):
    other = data.draw(st.permutations(grants))

    assert decide(other, scope, required=required, named=named) == decide(
        grants, scope, required=required, named=named
    )
