"""Which consents allow what, and what is said of it."""

from __future__ import annotations

import ast
import sys

import pytest

from consent import decision
from consent.decision import (
    EXPIRED,
    GIVEN,
    IN_FORCE,
    NAMED_UNKNOWN,
    NONE_KNOWN,
    NOT_A_SCOPE,
    NOT_ASKED_FOR,
    NOT_IN_SCOPES,
    NOT_YET,
    REVOKED,
    SCOPES,
    WHY_NOT,
    Grant,
    decide,
)
from consent.models import Scope, State
from tests.servers import ROOT

CLOUD = "cloud_inference"
NOTHING: list[str] = []


def grant(
    consent_id: str = "c-1", *scopes: str, state: str = IN_FORCE, version: int = 1
) -> Grant:
    return Grant(
        consent_id=consent_id,
        version=version,
        scopes=frozenset(scopes),
        state=state,
    )


def said(*args: object, **kwargs: object) -> tuple[bool, str, str]:
    verdict = decide(*args, **{"required": NOTHING, **kwargs})
    return verdict.allowed, verdict.reason, verdict.consent


def test_one_consent_in_force_with_the_scope_allows_it():
    grants = [
        grant("c-1", CLOUD, state=REVOKED),
        grant("c-2", "screening"),
        grant("c-3", "screening", CLOUD, version=4),
    ]

    assert said(grants, CLOUD) == (True, GIVEN, "c-3@4")


def test_of_several_that_allow_it_the_first_by_name_is_said():
    grants = [grant("c-2", CLOUD), grant("c-1", CLOUD), grant("c-3", CLOUD)]

    assert said(grants, CLOUD) == (True, GIVEN, "c-1@1")


@pytest.mark.parametrize("required", [NOTHING, [CLOUD]])
@pytest.mark.parametrize("state", [REVOKED, EXPIRED, NOT_YET])
def test_a_consent_that_is_not_in_force_refuses_and_says_why(state, required):
    found = said([grant("c-1", CLOUD, state=state)], CLOUD, required=required)

    assert found == (False, WHY_NOT[state], "c-1@1")


@pytest.mark.parametrize("required", [NOTHING, [CLOUD]])
def test_a_consent_to_other_things_refuses(required):
    found = said([grant("c-1", "screening")], CLOUD, required=required)

    assert found == (False, NOT_IN_SCOPES, "c-1@1")


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([NOT_YET, EXPIRED, REVOKED], REVOKED),
        ([NOT_YET, EXPIRED], EXPIRED),
        ([EXPIRED, REVOKED, NOT_YET], REVOKED),
        ([NOT_YET], NOT_YET),
    ],
)
def test_of_several_reasons_the_most_telling_is_said(states, told):
    grants = [
        *(grant(f"c-{state}", CLOUD, state=state) for state in states),
        grant("c-other", "screening"),
    ]

    assert said(grants, CLOUD) == (False, WHY_NOT[told], f"c-{told}@1")


def test_a_state_that_nobody_knows_refuses():
    assert said([grant("c-1", CLOUD, state="odd")], CLOUD)[0] is False


def test_a_consent_that_declines_everything_refuses():
    assert said([grant("c-1")], "screening") == (False, NOT_IN_SCOPES, "c-1@1")


def test_without_any_consent_only_what_is_required_is_refused():
    assert said([], CLOUD, required=["research"]) == (True, NOT_ASKED_FOR, "")
    assert said([], CLOUD, required=["research", CLOUD]) == (False, NONE_KNOWN, "")


def test_only_the_consent_named_counts():
    grants = [grant("c-1", CLOUD), grant("c-2", CLOUD, state=REVOKED)]

    assert said(grants, CLOUD, named="c-1") == (True, GIVEN, "c-1@1")
    assert said(grants, CLOUD, named="c-2") == (False, WHY_NOT[REVOKED], "c-2@1")


def test_an_unknown_name_is_refused_where_the_scope_is_required():
    grants = [grant("c-1", CLOUD)]

    assert said(grants, CLOUD, required=[CLOUD], named="c-9") == (
        *(False, NAMED_UNKNOWN),
        "",
    )
    assert said([], CLOUD, required=[CLOUD], named="c-9")[:2] == (False, NAMED_UNKNOWN)


def test_an_unknown_name_is_passed_over_where_nothing_is_required():
    refusing = [grant("c-1", "screening")]

    assert said([grant("c-1", CLOUD)], CLOUD, named="c-9") == (True, GIVEN, "c-1@1")
    assert said(refusing, CLOUD, named="c-9") == (False, NOT_IN_SCOPES, "c-1@1")
    assert said([], CLOUD, named="c-9") == (True, NOT_ASKED_FOR, "")


@pytest.mark.parametrize("scope", ["", "cloud", "CLOUD_INFERENCE", "screening "])
def test_what_is_no_scope_is_refused_even_if_a_consent_has_it(scope):
    assert said([], scope) == (False, NOT_A_SCOPE, "")
    assert said([grant("c-1", scope)], scope) == (False, NOT_A_SCOPE, "")


def test_the_ledger_has_the_scopes_and_states_that_are_decided_by():
    assert set(Scope.values) == set(SCOPES)
    assert set(State.values) == {IN_FORCE, REVOKED, EXPIRED, NOT_YET, State.REPLACED}


def test_deciding_needs_nothing_but_python():
    tree = ast.parse((ROOT / "consent" / "decision.py").read_text())
    imported = {
        node.module.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    }

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert imported <= sys.stdlib_module_names
    assert decision.SCOPES
