"""Coming in: name, password and code together, and nothing told of which was wrong."""

from __future__ import annotations

import unicodedata

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction

from audit.actions import Action
from audit.services import Event, record
from people.address import household
from people.errors import LogInRefused
from people.services.doors import Way, knock, pass_through, refuse
from people.services.factors import has_factor, use_code

MOST_OF_AN_ACCOUNT = 5
MOST_OF_AN_ADDRESS = 20
"""Many work behind one address."""
UNKNOWN = "user:unknown"


def come_in(*, name: str, password: str, code: str, address: str) -> tuple[User, bool]:
    """Return the person, and whether a code was given and taken.

    Each try is counted at the account of that name, whether there is one or not, and
    at the address. Audited either way, by the person's id and never by what was typed;
    what comes to a shut door is not looked at, and not audited one by one.

    Raises:
        LogInRefused: something was wrong, or the door is shut. It does not say what.
    """
    own = Way(kind="account", whose=_folded(name), most=MOST_OF_AN_ACCOUNT)
    others = []
    if address:
        place = household(address)
        others = [Way(kind="address", whose=place, most=MOST_OF_AN_ADDRESS)]
    passage = knock([own, *others])
    if passage.is_open:
        code_taken, why, user = _looked_at(name, password, code)
        detail = {"address": address}
        if user is not None and not why:
            detail["factor"] = "code" if code_taken else "none"
            with transaction.atomic(durable=True):
                pass_through(own, others)
                record([_event(Action.LOGIN_SUCCEEDED, f"user:{user.pk}", detail)])
            return user, code_taken
        actor = _actor(name)
        failed = _event(Action.LOGIN_FAILED, actor, detail | {"code": why})
        refuse(passage, [failed], actor=actor)
    raise LogInRefused(
        "That did not work. Check the name, the password and the code. "
        f"{passage.tries_left} tries left.",
        tries_left=passage.tries_left,
    )


def _looked_at(name: str, password: str, code: str) -> tuple[bool, str, User | None]:
    """Say whether a code was taken, what was wrong, and who it is."""
    found = authenticate(None, username=name, password=password)
    if not isinstance(found, User):
        return False, "WRONG_PASSWORD", None
    if not found.is_staff:
        return False, "NOT_OF_THE_DESK", None
    if not has_factor(found):
        return False, "", found
    if not use_code(found, code):
        return False, "WRONG_CODE", None
    return True, "", found


def _actor(name: str) -> str:
    known = User.objects.filter(username=name).values_list("pk", flat=True).first()
    return UNKNOWN if known is None else f"user:{known}"


def _event(action: Action, actor: str, detail: dict[str, str]) -> Event:
    return Event(action=action, actor=actor, detail=dict(detail))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
