"""Giving one piece of work to the best agent, and waiting for its answer."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from audit.actions import Action
from audit.services import Event, record
from consent.configured import required_scopes
from consent.services import grants_of
from routing.errors import AgentCallFailed, ConsentRequired, NoAgent, RoutingError
from routing.media import carries_raw_media
from routing.permissions import permit
from routing.policy import Wish
from routing.protocols import envelope
from routing.services.desk import Desk, desk
from routing.targets import Target
from routing.tried import Tried
from wire import tracing


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One piece of work for an agent, as it came over HTTP."""

    request_id: str
    case_id: str
    capabilities: tuple[str, ...]
    priority: str
    seconds: float
    """For the whole call."""

    payload: dict[str, Any]
    meta: dict[str, Any]
    consent_id: str = ""


def call_best_agent(
    call: Call, *, clinic: str, actor: str
) -> tuple[str, dict[str, Any]]:
    """Call the best agent once; return its id and the object that it answered.

    An audit event names the agent before anything leaves, another one its failure.

    Raises:
        ConsentRequired: raw media without consent, or the ledger refuses; nothing
            leaves.
        NoAgent: none of the clinic's agents may take it now.
        AgentCallFailed: the one that was asked did not answer as it should.
    """
    raw_media = carries_raw_media(call.payload)
    if raw_media and not call.consent_id:
        raise ConsentRequired("Raw media needs a consent: name it in consent_id.")
    wish = Wish(
        wanted=call.capabilities,
        priority=call.priority,
        preferred="",
        consent=bool(call.consent_id),
        raw_media=raw_media,
    )
    wish = permit(
        wish,
        grants_of([(clinic, call.case_id)])[clinic, call.case_id],
        named=call.consent_id,
        required=required_scopes(),
    )
    if not wish.permitted or (raw_media and not wish.media_allowed):
        raise ConsentRequired("The case's consents do not allow this.")
    ours = desk()
    choice = ours.choose(wish, clinic=clinic)
    if not choice.targets:
        raise NoAgent("No agent that can do this may be called now.")
    target = choice.targets[0]
    _record(Action.AGENT_CALLED, call, clinic, actor, agent=target.name)
    begun = time.monotonic()
    try:
        with tracing.model_call(target.name):
            answer = _asked(ours, target, call)
    except RoutingError as exc:
        ours.note([Tried.of(target, begun, error=exc)])
        _record(
            Action.AGENT_FAILED, call, clinic, actor, agent=target.name, code=exc.code
        )
        raise AgentCallFailed(
            "The agent did not answer as it should.",
            agent_id=target.name,
            reason=exc.code,
        ) from None
    ours.note([Tried.of(target, begun)])
    return target.name, answer


def _asked(ours: Desk, target: Target, call: Call) -> dict[str, Any]:
    request = envelope.request(
        target,
        request_id=call.request_id,
        case_id=call.case_id,
        payload=call.payload,
        meta=call.meta,
        secrets=os.environ,
    )
    work = ours.client.call(
        request,
        seconds=call.seconds,
        max_bytes=settings.MODEL_RESPONSE_MAX_BYTES,
        guarded=target.is_agent,
    )
    return ours.client.start(work).result()


def _record(action: Action, call: Call, clinic: str, actor: str, **detail: str) -> None:
    event = Event(
        action=action, actor=actor, clinic=clinic, case_id=call.case_id, detail=detail
    )
    record([event])
