"""What a model server is asked, and how a question is refused. Plain Python.

The native call sends ``{case_id, age_months, observations, embedding_b64, shape,
max_new_tokens, temperature}`` and may add ``gestational_weeks``, ``milestones``,
``flags`` and ``images``. All are optional, null means absent, and unknown fields are
ignored; but raw media in a field that is not read is not passed over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from milestones.evidence import ANSWERS
from routing.media import RAW_MEDIA_KEYS

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_ID_CHARACTERS = 128
MAX_OBSERVATION_CHARACTERS = 20_000
MAX_ANSWERS = 1_000
MAX_NEW_TOKENS = 4_096
MAX_IMAGES = 4
IMAGE = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/]+={0,2}")
"""The data itself, never a link: nothing is fetched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One submission, checked; what was not sent has its default."""

    case_id: str = ""
    age_months: int | None = None
    """Chronological, 0 to 240."""
    gestational_weeks: int | None = None
    """Completed weeks, 22 to 44."""
    observations: str = ""
    milestones: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    embedding_b64: str = ""
    shape: tuple[int, int] | None = None
    images: tuple[str, ...] = ()
    """Data URLs, as `IMAGE` has them."""
    unread: tuple[str, ...] = ()
    """Fields that were sent, hold raw media, and are not read."""
    max_new_tokens: int = 256
    temperature: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """An agent's call: a question, and the id under which it is answered."""

    request_id: str | None
    question: Question


class InvalidQuestion(ValueError):
    """The request has fields of the wrong type or out of range."""

    def __init__(self, details: dict[str, list[str]]) -> None:
        super().__init__("The request has fields that are not valid.")
        self.details = details


def _text(limit: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= limit


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    )


def _is_temperature(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= 2


def _is_shape(value: Any) -> bool:
    fits = _whole(1, 1_000_000)
    return isinstance(value, list) and len(value) == 2 and all(map(fits, value))


def _are_images(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_IMAGES
        and all(isinstance(url, str) and IMAGE.fullmatch(url) for url in value)
    )


def _are_answers(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MAX_ANSWERS
        and all(isinstance(a, str) and a in ANSWERS for a in value.values())
    )


def _are_flags(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(f, bool) for f in value.values())


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


Fields = dict[str, tuple[Callable[[Any], bool], str]]

_QUESTION: Fields = {
    "case_id": (_text(MAX_ID_CHARACTERS), "A string of at most 128 characters."),
    "age_months": (_whole(0, 240), "A whole number from 0 to 240."),
    "gestational_weeks": (_whole(22, 44), "A whole number from 22 to 44."),
    "observations": (
        _text(MAX_OBSERVATION_CHARACTERS),
        "A string of at most 20,000 characters.",
    ),
    "milestones": (
        _are_answers,
        'An object of at most 1,000 answers: "yes", "not_yet" or "not_sure".',
    ),
    "flags": (_are_flags, "An object of true and false."),
    "embedding_b64": (_text(MAX_BODY_BYTES), "A string."),
    "shape": (_is_shape, "A list of two whole numbers above zero."),
    "images": (
        _are_images,
        "A list of at most 4 PNG or JPEG pictures, as data:image/png;base64,….",
    ),
    "max_new_tokens": (_whole(1, MAX_NEW_TOKENS), "A whole number from 1 to 4,096."),
    "temperature": (_is_temperature, "A number from 0 to 2."),
}
_ENVELOPE: Fields = {
    "request_id": (_text(MAX_ID_CHARACTERS), "A string of at most 128 characters."),
    "case_id": (_text(MAX_ID_CHARACTERS), "A string of at most 128 characters."),
    "payload": (_is_object, "An object."),
    "meta": (_is_object, "An object."),
}


def read_question(body: Mapping[str, Any], *, within: str = "") -> Question:
    """Check the fields of a native call.

    ``within`` is put before the names of fields in the details.

    Raises:
        InvalidQuestion: it says which fields, and never repeats a value.
    """
    given = _check(body, _QUESTION, within)
    for name in ("shape", "images"):
        if name in given:
            given[name] = tuple(given[name])
    media = {key.lower() for key, value in body.items() if value is not None}
    unread = sorted(media & RAW_MEDIA_KEYS - {"images"})
    return Question(**given, unread=tuple(unread))


def read_envelope(body: Mapping[str, Any]) -> Envelope:
    """Check an agent's call, and the question in its payload.

    Raises:
        InvalidQuestion: it says which fields, and never repeats a value.
    """
    given = _check(body, _ENVELOPE, "")
    question = read_question(given.get("payload", {}), within="payload.")
    return Envelope(request_id=given.get("request_id"), question=question)


def _check(body: Mapping[str, Any], fields: Fields, within: str) -> dict[str, Any]:
    """Return the known fields that were sent and are not null."""
    given = {name: body[name] for name in fields if body.get(name) is not None}
    wrong = {
        f"{within}{name}": [fields[name][1]]
        for name, value in given.items()
        if not fields[name][0](value)
    }
    if wrong:
        raise InvalidQuestion(wrong)
    return given
