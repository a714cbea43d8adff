"""Which targets a piece of work goes to, in which order, and why. It decides, no more.

Everything it decides by is in its arguments, and all of those are kept with the
decision: the same inputs give the same decision again, next year too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from routing.errors import (
    ConsentMissing,
    NoModelEndpoints,
    NoTargetAllowed,
    RoutingError,
    TargetsResting,
)

POLICY_VERSION = "2026-11-24.3"
"""Kept with every decision; changes whenever an equal input may decide otherwise."""

SCREEN = "screen"
"""The capability of reading a screening."""

DEFAULT_P95_MS = 500.0
LOOK_AGAIN_SECONDS = 15.0

NO_CONSENT = "no consent"
NO_CAPABILITY = "has none of the capabilities"
NO_CLOUD = "no consent for the cloud"
NOT_DEMANDED = "another target is demanded"
NO_MEDIA_CONSENT = "no consent for raw media"
NO_MEDIA = "takes no raw media"
RESTING = "resting after failures"
ILL = "ill by its health check"
SPARE = "beyond the first {}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How one target stands at the moment of a decision."""

    name: str
    location: str
    capabilities: tuple[str, ...] = (SCREEN,)
    gpu: bool = False
    raw_media: bool = False
    p95_ms: float = DEFAULT_P95_MS
    load: float = 0.0
    """0 (idle) to 1, by its own word."""

    unfit: str = ""
    """Why it gets no work for now: not approved, disabled, not heard of."""

    ill: bool = False
    """Its health check fails."""

    resting: float = 0.0
    """Seconds for which it is left alone yet, after failures."""

    @property
    def is_edge(self) -> bool:
        """Say whether the child's data stays in the clinic."""
        return self.location.startswith("edge")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the work asks for, and where it may go."""

    wanted: tuple[str, ...] = (SCREEN,)
    priority: str = "normal"
    preferred: str = "auto"
    """``edge``, ``cloud``, ``auto`` (the edge before the cloud), or nothing: then the
    score alone decides."""

    strict: bool = False
    consent: bool = False
    cloud_allowed: bool = True
    raw_media: bool = False
    media_allowed: bool = True
    permitted: bool = True
    """Whether the child's consents allow the work at all, wherever it goes."""

    consents: str = ""
    """What the ledger says of it, each consent with its version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One target that the work may go to."""

    name: str
    reason: str
    score: float
    terms: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The targets to try, in order, those left out, and all that it rests on."""

    wish: Wish
    standings: tuple[Standing, ...]
    top: int
    candidates: tuple[Candidate, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    error: RoutingError | None = None
    """Why there is no candidate."""

    def standing(self, name: str) -> Standing:
        """Return how a target stood."""
        return next(found for found in self.standings if found.name == name)

    def explain(self) -> dict[str, Any]:
        """Put it into the words that are kept with the work."""
        return {
            "policy_version": POLICY_VERSION,
            "wish": _said(self.wish),
            "top": self.top,
            "targets": [_said(standing) for standing in self.standings],
            "candidates": [
                {
                    "target": candidate.name,
                    "reason": candidate.reason,
                    "score": _plain(candidate.score),
                    "terms": {n: _plain(term) for n, term in candidate.terms.items()},
                }
                for candidate in self.candidates
            ],
            "excluded": [
                {"target": name, "reason": reason}
                for name, reason in self.excluded.items()
            ],
        }


def _said(inputs: Wish | Standing) -> dict[str, Any]:
    """Name each field and its value. None holds another dataclass, nor is changed."""
    return {each.name: _plain(getattr(inputs, each.name)) for each in fields(inputs)}


def _plain(value: Any) -> Any:
    """Write what is whole without a point, as the audit log's bytes of it are."""
    is_whole = type(value) is float and value.is_integer()
    return int(value) if is_whole else value


def choose_targets(
    standings: Sequence[Standing], wish: Wish, *, top: int = 3
) -> Decision:
    """Order the targets for one piece of work; at most ``top`` are tried.

    What the work forbids comes first: capability, consent, a strict preference, raw
    media. Then what passes: not approved, not heard of, resting, ill. Of the rest those
    at the preferred place lead, so that with ``auto`` data stays near; in one place the
    score decides, then the lower load, the edge, the name.

    A health check may be wrong: where it would leave no target at all, it is ignored.
    """
    excluded: dict[str, str] = {}
    left: list[Standing] = []
    for standing in standings:
        if refusal := refusal_of(standing, wish):
            excluded[standing.name] = refusal
        else:
            left.append(standing)
    allowed = left
    left = _without(excluded, left, {s.name: s.unfit for s in left if s.unfit})
    left = _without(excluded, left, {s.name: RESTING for s in left if s.resting})
    ill = {s.name: ILL for s in left if s.ill}
    if len(ill) < len(left):
        left = _without(excluded, left, ill)

    in_order = sorted(left, key=lambda standing: _rank(standing, wish))
    excluded |= {standing.name: SPARE.format(top) for standing in in_order[top:]}
    return Decision(
        wish=wish,
        standings=tuple(standings),
        top=top,
        candidates=tuple(
            Candidate(
                name=standing.name,
                reason=_reason(standing, wish, first=place == 0),
                score=round(score(standing, wish), 6),
                terms=terms(standing, wish),
            )
            for place, standing in enumerate(in_order[:top])
        ),
        excluded=excluded,
        error=None if in_order else _error(standings, allowed, wish),
    )


def replay(explained: Mapping[str, Any]) -> Decision:
    """Decide once more by what was kept of a decision.

    Raises:
        KeyError: it was kept without its inputs, as before policy 2026-11-24.2.
    """
    standings = [
        Standing(**kept | {"capabilities": tuple(kept["capabilities"])})
        for kept in explained["targets"]
    ]
    wish = explained["wish"] | {"wanted": tuple(explained["wish"]["wanted"])}
    return choose_targets(standings, Wish(**wish), top=explained["top"])


def refusal_of(standing: Standing, wish: Wish) -> str:
    """Say why the work may never go to the target as it is; nothing if it may."""
    if not set(standing.capabilities) & set(wish.wanted):
        return NO_CAPABILITY
    if not wish.permitted:
        return NO_CONSENT
    if not standing.is_edge and not wish.cloud_allowed:
        return NO_CLOUD
    if wish.strict and not _is_preferred(standing, wish):
        return NOT_DEMANDED
    if wish.raw_media and not standing.raw_media:
        return NO_MEDIA
    if wish.raw_media and not (wish.consent and wish.media_allowed):
        return NO_MEDIA_CONSENT
    return ""


def score(standing: Standing, wish: Wish) -> float:
    """Return how well the target suits the work; more is better (CONTRACT 3).

    The share of the wanted capabilities, half as much again for triage in a hurry,
    divided by the costs: slowness beyond 200 ms, and data leaving without consent.
    """
    found = terms(standing, wish)
    gain = found["capabilities"] * found["triage"]
    return gain / (1 + found["slowness"] + found["privacy"])


def terms(standing: Standing, wish: Wish) -> dict[str, float]:
    """Return the terms of the score, each by its name.

    ``slowness`` is that of the 95th percentile, in units of two seconds; on a GPU it
    counts half as much again, since what is slow there will be dearer.
    """
    overlap = len(set(standing.capabilities) & set(wish.wanted))
    hurried = wish.priority in {"urgent", "high"} and "triage" in standing.capabilities
    slowness = max(0.0, (standing.p95_ms - 200) / 2000) * (1.5 if standing.gpu else 1)
    return {
        "capabilities": round(overlap / len(set(wish.wanted)), 6),
        "triage": 1.5 if hurried else 1.0,
        "slowness": round(slowness, 6),
        "privacy": 0.5 if not standing.is_edge and not wish.consent else 0.0,
    }


def wish_of(payload: Mapping[str, Any], *, priority: str = "normal") -> Wish:
    """Read a submission's wish.

    No word about consent leaves both places open. A consent refused, or one with
    scopes among which ``cloud_inference`` is not, keeps the data from the cloud.
    """
    consent = payload.get("consent")
    given = bool(consent and consent.get("consent_given"))
    in_scope = not consent or "cloud_inference" in consent.get(
        "scopes", ["cloud_inference"]
    )
    return Wish(
        priority=priority,
        preferred=payload.get("preferred_target", "auto"),
        strict=bool(payload.get("preferred_target_strict", False)),
        consent=given,
        cloud_allowed=consent is None or (given and in_scope),
    )


def _without(
    excluded: dict[str, str], standings: list[Standing], reasons: dict[str, str]
) -> list[Standing]:
    """Note the reasons; return the standings that none is given for."""
    excluded |= reasons
    return [standing for standing in standings if standing.name not in reasons]


def _rank(standing: Standing, wish: Wish) -> tuple[Any, ...]:
    far = not _is_preferred(standing, wish) if wish.preferred else False
    near_first = wish.preferred == "auto" and not standing.is_edge
    return (
        far,
        near_first,
        -round(score(standing, wish), 6),
        standing.load,
        not standing.is_edge,
        standing.name,
    )


def _is_preferred(standing: Standing, wish: Wish) -> bool:
    if wish.preferred not in {"edge", "cloud"}:
        return True
    return standing.is_edge == (wish.preferred == "edge")


def _reason(standing: Standing, wish: Wish, *, first: bool) -> str:
    if wish.preferred in {"edge", "cloud"} and _is_preferred(standing, wish):
        return "preferred"
    if not first:
        return "fallback"
    if not wish.preferred:
        return "best score"
    return "edge first" if standing.is_edge else "only choice left"


def _error(
    standings: Sequence[Standing], allowed: list[Standing], wish: Wish
) -> RoutingError:
    """Say why there is none: for good, or for now."""
    if not any(set(s.capabilities) & set(wish.wanted) for s in standings):
        return NoModelEndpoints(NoModelEndpoints.__doc__)
    if not wish.permitted:
        return ConsentMissing(ConsentMissing.__doc__)
    if not allowed:
        return NoTargetAllowed(NoTargetAllowed.__doc__)
    waits = [LOOK_AGAIN_SECONDS if s.unfit else s.resting for s in allowed]
    return TargetsResting(TargetsResting.__doc__ or "", retry_after=min(waits))
