"""Whether the consents of a case allow a thing, and which one says so.

It decides, no more: all that it decides by is in its arguments. Any doubt refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

SCREENING = "screening"
CLOUD_INFERENCE = "cloud_inference"
RAW_MEDIA = "raw_media"
RESEARCH = "research"
SCOPES = (SCREENING, CLOUD_INFERENCE, RAW_MEDIA, RESEARCH)

IN_FORCE = "in_force"
EXPIRED = "expired"
REVOKED = "revoked"
NOT_YET = "not_yet"

GIVEN = "a consent allows it"
NOT_ASKED_FOR = "no consent is asked for"
NONE_KNOWN = "no consent is known"
NAMED_UNKNOWN = "the consent named is not known for the case"
NOT_A_SCOPE = "there is no such scope"
NOT_IN_SCOPES = "not in the scopes of the consent"
WHY_NOT = {
    REVOKED: "the consent has been revoked",
    EXPIRED: "the consent has expired",
    NOT_YET: "the consent does not hold yet",
}
"""State -> reason; what tells most comes first."""

MOST_TELLING = {state: place for place, state in enumerate([IN_FORCE, *WHY_NOT])}


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """The newest version of one consent, and how it stands now."""

    consent_id: str
    version: int
    scopes: frozenset[str]
    state: str
    """``in_force``, ``expired``, ``revoked`` or ``not_yet``."""

    def __str__(self) -> str:
        return f"{self.consent_id}@{self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a thing is allowed, and by what."""

    allowed: bool
    reason: str
    consent: str = ""
    """``consent_id@version`` of the consent that it rests on, if it rests on one."""


def decide(
    grants: Sequence[Grant], scope: str, *, required: Collection[str], named: str = ""
) -> Verdict:
    """Say whether the scope is allowed by the consents of one case.

    One consent in force with the scope allows it. Where there are consents and none
    does, it is refused; where there are none at all, only if it is required. If the
    work names a consent, that one alone counts; a name that is not known is refused
    for a required scope, and passed over for another.
    """
    if scope not in SCOPES:
        return Verdict(allowed=False, reason=NOT_A_SCOPE)
    counting = [grant for grant in grants if named in {"", grant.consent_id}]
    if not counting and named:
        if scope in required:
            return Verdict(allowed=False, reason=NAMED_UNKNOWN)
        counting = list(grants)
    if not counting:
        is_required = scope in required
        reason = NONE_KNOWN if is_required else NOT_ASKED_FOR
        return Verdict(allowed=not is_required, reason=reason)

    having = [grant for grant in counting if scope in grant.scopes]
    chosen = min(having or counting, key=_telling)
    allowed = bool(having) and chosen.state == IN_FORCE
    if allowed:
        reason = GIVEN
    elif having:
        reason = WHY_NOT.get(chosen.state, NONE_KNOWN)
    else:
        reason = NOT_IN_SCOPES
    return Verdict(allowed=allowed, reason=reason, consent=str(chosen))


def _telling(grant: Grant) -> tuple[int, str]:
    return MOST_TELLING.get(grant.state, len(MOST_TELLING)), grant.consent_id
