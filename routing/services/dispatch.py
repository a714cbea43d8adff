"""Giving one piece of work to the best agent, and waiting for its answer."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError

from audit.actions import Action
from audit.services import Event, record
from routing.circuits import Circuits
from routing.client import ModelClient
from routing.configured import endpoint_rules
from routing.connection import connect
from routing.directory import Directory
from routing.errors import AgentCallFailed, ConsentRequired, NoAgent, RoutingError
from routing.policy import Wish
from routing.protocols import envelope
from routing.services.observation import Tallies
from routing.targets import Target

logger = logging.getLogger(__name__)

CONNECTIONS = 64
STORE_SECONDS = 5.0
RAW_MEDIA_KEYS = frozenset(
    {"image_ref", "images", "image", "image_b64", "video", "video_ref", "audio"}
    | {"audio_ref", "raw_media", "media", "media_ref", "photo", "photo_ref"}
)


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


@dataclass(kw_only=True)
class Desk:
    """What one process needs to call agents: made once, and shared by its threads."""

    client: ModelClient
    circuits: Circuits
    directory: Directory
    tallies: Tallies
    lock: threading.Lock
    stored_at: float = 0.0


@lru_cache(maxsize=1)
def desk() -> Desk:
    """Return this process's own, made when it is first needed."""
    return Desk(
        client=ModelClient(connections=CONNECTIONS, rules=endpoint_rules()),
        circuits=Circuits(connect()),
        directory=Directory(),
        tallies=Tallies(),
        lock=threading.Lock(),
    )


def carries_raw_media(document: Any) -> bool:
    """Say whether a payload holds a picture, a sound or a reference to one.

    Looked for by their keys, at any depth.
    """
    if isinstance(document, dict):
        return any(
            key.lower() in RAW_MEDIA_KEYS or carries_raw_media(value)
            for key, value in document.items()
        )
    return isinstance(document, list) and any(map(carries_raw_media, document))


def call_best_agent(
    call: Call, *, clinic: str, actor: str
) -> tuple[str, dict[str, Any]]:
    """Call the best agent once; return its id and the object that it answered.

    An audit event names the agent before anything leaves, another one its failure.

    Raises:
        ConsentRequired: raw media without consent; nothing leaves.
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
    ours = desk()
    with ours.lock:
        choice = ours.directory.choose(
            wish, clinic=clinic, circuits=ours.circuits, agents_only=True
        )
    if not choice.targets:
        raise NoAgent("No agent that can do this may be called now.")
    target = choice.targets[0]
    _record(Action.AGENT_CALLED, call, clinic, actor, agent=target.name)
    begun = time.monotonic()
    try:
        answer = _asked(ours, target, call)
    except RoutingError as exc:
        _note(ours, target, begun, error=exc)
        _record(
            Action.AGENT_FAILED, call, clinic, actor, agent=target.name, code=exc.code
        )
        raise AgentCallFailed(
            "The agent did not answer as it should.",
            agent_id=target.name,
            reason=exc.code,
        ) from None
    _note(ours, target, begun)
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


def _note(
    ours: Desk, target: Target, begun: float, *, error: RoutingError | None = None
) -> None:
    """Tell the circuits and the tallies; store these now and then."""
    ours.circuits.note(target.name, error=error)
    ours.tallies.note(target.name, seconds=time.monotonic() - begun, error=error)
    now = time.monotonic()
    if now - ours.stored_at < STORE_SECONDS:
        return
    ours.stored_at = now
    try:
        ours.tallies.store()
    except (OperationalError, InterfaceError) as exc:
        logger.warning("What was seen is kept for later (%s)", type(exc).__name__)


def _record(action: Action, call: Call, clinic: str, actor: str, **detail: str) -> None:
    event = Event(
        action=action, actor=actor, clinic=clinic, case_id=call.case_id, detail=detail
    )
    record([event])
