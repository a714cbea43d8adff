"""How a draft was made: who was asked, how long each took, and with what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from milestones.rules import MODEL_ID, adapter_id
from screening.admin.charts import Step, put_seconds, time_bars
from screening.admin.review_parts import PLACES
from screening.models import Job

ANSWERED = "answered"
SILENT = {"MODEL_TIMEOUT", "MODEL_UNREACHABLE"}
UNUSABLE = {
    *("MODEL_ANSWER_NOT_JSON", "MODEL_RESPONSE_TOO_LARGE", "MODEL_GAVE_NO_ANSWER"),
    *("MODEL_PROTOCOL_MISMATCH", "MODEL_ANSWER_CUT_OFF"),
}
MOST_TRIES = 4
SHORT_DIGEST = 8
SHORT_NAME = 18


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """The way to a draft: a picture of where the time went, and what was used."""

    total: str
    picture: SafeString | str
    words: list[str]
    used: list[tuple[str, SafeString | str]]


def making_of(job: Job) -> Making:
    """Gather how the draft of a job was made."""
    attempts = [way for way in job.route if isinstance(way, Mapping)]
    tries = [list(_tries_of(way)) for way in attempts]
    total = _total(job)
    steps = _steps(job, tries)
    return Making(
        total=f"{put_seconds(total)} in all" if total is not None else "",
        picture=time_bars(steps) if steps else "",
        words=_words([each for found in tries for each in found]),
        used=[
            (name, value)
            for name, value in _used(job, attempts, is_drawn=bool(steps))
            if value
        ],
    )


def _tries_of(way: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for each in way.get("tries") or []:
        if isinstance(each, Mapping):
            yield each


def _total(job: Job) -> float | None:
    if job.finished_at is None:
        return None
    return max((job.finished_at - job.created_at).total_seconds(), 0.0)


# --- Steps ------------------------------


def _steps(job: Job, tries: Sequence[Sequence[Mapping[str, Any]]]) -> list[Step]:
    """Lay the steps one after another; what no step took is named by its rest."""
    total = _total(job)
    if total is None or job.started_at is None:
        return []
    queued = max((job.started_at - job.created_at).total_seconds(), 0.0)
    before = [each for found in tries[:-1] for each in found]
    last = list(tries[-1]) if tries else []
    shown = [*before, *last][-MOST_TRIES:]
    before = shown[: max(len(shown) - len(last), 0)]
    last = shown[len(before) :]
    asked = sum(_seconds(each) for each in shown)
    rest = max(total - queued - asked, 0.0)
    planned = [("Queue", put_seconds(queued), queued, "wait")]
    planned += [_try(each) for each in before]
    if len(tries) > 1:
        planned.append(("Between tries", put_seconds(rest), rest, "wait"))
    planned += [_try(each) for each in last]
    if len(tries) <= 1:
        planned.append(("Checked and stored", put_seconds(rest), rest, "ok"))
    steps, start = [], 0.0
    for name, words, seconds, kind in planned:
        step = Step(name=name, words=words, start=start, seconds=seconds, kind=kind)
        steps.append(step)
        start += seconds
    return steps


def _try(tried: Mapping[str, Any]) -> tuple[str, str, float, str]:
    seconds, outcome = _seconds(tried), str(tried.get("outcome", ""))
    took = put_seconds(seconds)
    name = place_of(str(tried.get("target", "")))
    if outcome == ANSWERED:
        return name, f"answered in {took}", seconds, "ok"
    if outcome in SILENT:
        return name, f"no answer in {took}", seconds, "bad"
    if outcome in UNUSABLE:
        return name, f"no usable answer in {took}", seconds, "bad"
    return name, f"refused after {took}", seconds, "bad"


def _seconds(tried: Mapping[str, Any]) -> float:
    milliseconds = tried.get("milliseconds")
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0


def place_of(target: str) -> str:
    """Name a server as people at the desk do; an agent by its own name."""
    known = PLACES.get(target)
    if known:
        return known.capitalize()
    name = f"{target[:SHORT_NAME]}\u2026" if len(target) > SHORT_NAME + 1 else target
    return f"Agent {name}"


def _words(tries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say it in a sentence, where more than one was asked."""
    if not tries or (len(tries) == 1 and tries[0].get("outcome") == ANSWERED):
        return []
    first, last = tries[0], tries[-1]
    name, said, _, _ = _try(first)
    words = [f"{name} was asked first: {said}."]
    if last is not first:
        name, said, _, _ = _try(last)
        words.append(f"{name} was asked last: {said}.")
    hidden = len(tries) - MOST_TRIES
    if hidden > 0:
        words.append(f"Earlier tries that are not shown: {hidden}.")
    return words


# --- What was used ------------------------------


def _used(
    job: Job, attempts: Sequence[Mapping[str, Any]], *, is_drawn: bool
) -> list[tuple[str, SafeString | str]]:
    result = job.result or {}
    adapter = result.get("adapter_id")
    tries = [each for way in attempts for each in _tries_of(way)]
    made = tries[-1] if tries else {}
    wish = attempts[-1].get("wish") if attempts else None
    return [
        ("Model", job.model_id or "a model without a name"),
        ("Adapter", adapter if isinstance(adapter, str) else ""),
        ("Prompt", _version(made.get("prompt"), made.get("prompt_sha256"))),
        ("Input", _version(_inputs(job.payload), made.get("input_sha256"))),
        ("Rules", _version(MODEL_ID, adapter_id().removeprefix("cdc2022-"))),
        ("Made on", "" if tries and is_drawn else PLACES.get(job.target, job.target)),
        ("Consent", _consent(job.payload, wish if isinstance(wish, Mapping) else {})),
    ]


def _version(name: Any, digest: Any) -> SafeString | str:
    """Name a thing, and below it the first letters of its fingerprint."""
    if not isinstance(name, str) or not name:
        return ""
    if not isinstance(digest, str) or not digest:
        return name
    return format_html(
        '{} <span class="mono quiet">{}</span>', name, digest[:SHORT_DIGEST]
    )


def _inputs(payload: Mapping[str, Any]) -> str:
    given = {
        "text": (payload.get("observations") or "").strip(),
        "checklist": payload.get("milestones"),
        "flags": payload.get("flags"),
        "embedding": payload.get("embedding_b64"),
    }
    return ", ".join(name for name, value in given.items() if value) or "nothing"


def _consent(payload: Mapping[str, Any], wish: Mapping[str, Any]) -> str:
    """Say what was consented to, as it stood when the model was asked."""
    given = payload.get("consent") or {}
    said = given.get("consent_id") or ("in the ledger" if wish.get("consents") else "")
    if not said and not given.get("consent_given") and not wish.get("consent"):
        return "none given"
    said = said or "given"
    cloud = wish.get("cloud_allowed")
    return f"{said}, {'cloud included' if cloud else 'not the cloud'}" if wish else said
