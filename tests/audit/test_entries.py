"""An event's text, written piece by piece, is what writing all of it gives."""

from __future__ import annotations

import socket
import time
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import meaning
from audit.actions import Action
from audit.context import NOWHERE, Surroundings
from audit.entries import Event, new_event_id, text_of
from audit.proofs import canonical

ID = "00000000-0000-7000-8000-000000000001"
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", "\0", "\x1e", "\n", '"', "\\", "\ud800", "é", "%s", '","v":1}']
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)
EVENTS = st.builds(
    Event,
    action=st.sampled_from(Action),
    actor=st.sampled_from(["key:a", "user:7", "worker:h", "system:x", ""]) | TEXTS,
    clinic=TEXTS,
    case_id=TEXTS,
    job_id=st.none() | st.uuids(),
    attempt=st.none() | st.integers(0, 9),
    detail=st.dictionaries(TEXTS, VALUES, max_size=4),
)
AROUND = st.builds(
    Surroundings,
    service=st.sampled_from(["", "api", "desk"]),
    address=TEXTS,
    role=TEXTS.map(lambda role: lambda: role),
)


def all_at_once(event: Event, request_id: str, around: Surroundings) -> str:
    """Write the same event as docs/audit.md lists its fields, with a time of x."""
    kind = event.actor.partition(":")[0]
    role = around.role() if kind == "user" else ""
    entity = {
        "clinic": event.clinic,
        "case_id": event.case_id,
        "job_id": str(event.job_id) if event.job_id else "",
        "attempt": "" if event.attempt is None else event.attempt,
    }
    fields: dict[str, Any] = {
        "v": 1,
        "event_id": ID,
        "occurred_at": "x",
        "type": event.action.value,
        "action": meaning.operation(event.action),
        "outcome": meaning.outcome(event.action),
        "purpose": meaning.purpose(event.action),
        "actor": {"id": event.actor, "kind": kind, **({"role": role} if role else {})},
        "network": around.address,
        "source": {
            "service": around.service or ("worker" if kind == "worker" else "command"),
            "version": "1.2",
            "host": socket.gethostname(),
        },
        "entity": {name: value for name, value in entity.items() if value != ""},
        "request_id": request_id,
        "detail": event.detail,
    }
    return canonical.encode({k: v for k, v in fields.items() if v not in ("", {})})


def piece_by_piece(event: Event, request_id: str, around: Surroundings) -> str:
    return "x".join(
        text_of(event, event_id=ID, request_id=request_id, around=around, version="1.2")
    )


def written(write: Any, *told: Any) -> str:
    """Return the text, or that there is none."""
    try:
        return str(write(*told))
    except canonical.NotCanonical:
        return "not canonical"


@given(EVENTS, TEXTS, AROUND)
def test_an_event_is_written_as_its_fields_are_all_at_once(event, request_id, around):
    told = (event, request_id, around)

    assert written(piece_by_piece, *told) == written(all_at_once, *told)


@pytest.mark.parametrize("depth", [14, 15, 16])
def test_a_detail_is_as_deep_as_the_event_that_it_stands_in(depth):
    detail: dict[str, Any] = {}
    for _ in range(depth):
        detail = {"in": detail}
    event = Event(action=Action.JOB_FAILED, actor="worker:h", detail=detail)

    told = (event, "", NOWHERE)
    assert written(piece_by_piece, *told) == written(all_at_once, *told)
    assert (written(piece_by_piece, *told) == "not canonical") == (depth > 14)


@pytest.mark.parametrize(
    "told",
    [
        {"actor": "user:\0"},
        {"clinic": "\ud800"},
        {"case_id": "a\0"},
        {"detail": {"é": 1}},
        {"detail": {"a": 0.5}},
    ],
    ids=str,
)
def test_what_no_event_may_hold_is_refused_wherever_it_stands(told):
    event = Event(**{"action": Action.JOB_FAILED, "actor": "user:1", **told})

    assert written(piece_by_piece, event, "", NOWHERE) == "not canonical"


def test_ids_of_events_grow_with_the_time_and_none_is_made_twice():
    begun = time.time_ns() // 1_000_000
    made = [new_event_id() for _ in range(20_000)]
    ended = time.time_ns() // 1_000_000

    ids = [UUID(each) for each in made]
    assert [str(each) for each in ids] == made
    assert {(each.version, each.variant) for each in ids} == {(7, RFC_4122)}
    assert len(set(ids)) == len(ids)
    at = [each.int >> 80 for each in ids]
    assert at == sorted(at)
    assert begun <= at[0] <= at[-1] <= ended
    varying = 0
    for each in ids:
        varying |= each.int ^ ids[0].int
    assert varying & ((1 << 62) - 1) == (1 << 62) - 1, "62 bits of chance at its end"
