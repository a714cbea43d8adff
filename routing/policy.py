"""Which model servers a job goes to, in which order, and why. It decides, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routing.errors import NoModelEndpoints, NoTargetAllowed, TargetsResting
from routing.targets import Target

POLICY_VERSION = "2026-11-24"
"""Kept with every decision; changes whenever an equal input may decide otherwise."""

RESTING = "resting after failures"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the submission says about where it may go."""

    preferred: str = "auto"
    strict: bool = False
    cloud_allowed: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The targets to try, in order, each with its reason; and those left out."""

    candidates: tuple[tuple[Target, str], ...]
    excluded: tuple[tuple[Target, str], ...]

    def explain(self) -> dict[str, Any]:
        """Put it into the words that are kept on the job."""
        return {
            "policy_version": POLICY_VERSION,
            "candidates": [
                {"target": target.name, "reason": reason}
                for target, reason in self.candidates
            ],
            "excluded": [
                {"target": target.name, "reason": reason}
                for target, reason in self.excluded
            ],
        }


def wish_of(payload: dict[str, Any]) -> Wish:
    """Read a submission's wish.

    No word about consent leaves both targets open. A consent refused, or one with
    scopes among which ``cloud_inference`` is not, keeps the data from the cloud.
    """
    consent = payload.get("consent")
    cloud_allowed = consent is None or bool(
        consent.get("consent_given")
        and ("scopes" not in consent or "cloud_inference" in consent["scopes"])
    )
    return Wish(
        preferred=payload.get("preferred_target", "auto"),
        strict=bool(payload.get("preferred_target_strict", False)),
        cloud_allowed=cloud_allowed,
    )


def choose_targets(
    targets: Sequence[Target], wish: Wish, resting: Mapping[str, float] | None = None
) -> Decision:
    """Order the targets for one job.

    Consent comes first: without it, no target outside the clinic is considered. Of
    the rest the preferred one leads, then the edge, so that data stays near; the
    others follow as fallbacks unless the preference is strict. ``resting`` names the
    targets that are left alone after failures, and for how many seconds yet.

    Raises:
        NoModelEndpoints: no target is configured at all.
        NoTargetAllowed: consent or a strict preference leaves none.
        TargetsResting: all that are left are resting.
    """
    if not targets:
        raise NoModelEndpoints(NoModelEndpoints.__doc__)

    resting = resting or {}
    allowed: list[tuple[Target, str]] = []
    excluded: list[tuple[Target, str]] = []
    in_order = sorted(targets, key=lambda t: (t.name != wish.preferred, not t.is_edge))
    for target in in_order:
        refusal = _refusal(target, wish)
        if refusal:
            excluded.append((target, refusal))
        elif target.name in resting:
            excluded.append((target, RESTING))
        else:
            allowed.append((target, _reason(target, wish, first=not allowed)))

    waits = [resting[target.name] for target, why in excluded if why == RESTING]
    if not allowed and waits:
        raise TargetsResting(TargetsResting.__doc__ or "", retry_after=min(waits))
    if not allowed:
        raise NoTargetAllowed(NoTargetAllowed.__doc__)
    return Decision(candidates=tuple(allowed), excluded=tuple(excluded))


def _refusal(target: Target, wish: Wish) -> str:
    """Say why the submission forbids the target; nothing if it does not."""
    if not target.is_edge and not wish.cloud_allowed:
        return "no consent for the cloud"
    if wish.strict and wish.preferred not in {"auto", target.name}:
        return "another target is demanded"
    return ""


def _reason(target: Target, wish: Wish, *, first: bool) -> str:
    if target.name == wish.preferred:
        return "preferred"
    if not first:
        return "fallback"
    return "edge first" if target.is_edge else "only choice left"
