"""Keep every session within its rules, and lead who has no second factor to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from audit.context import Surroundings, surroundings
from people import facts
from people.forms import address_of
from people.rights import read
from people.services.ending import session_ended

ROLL_SECONDS = 60
OPEN_WITHOUT_FACTOR = {
    *("login", "logout", "jsi18n"),
    *("second_factor_begin", "second_factor_confirm"),
}
"""Pages of the desk that somebody sees who has no second factor yet."""


class PersonMiddleware:
    """Ends sessions that are too old, and rolls the others on, once a minute at most.

    How long one lasts without activity is the age of the stored session itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look at the session, if the browser says that it has one.

        What is audited meanwhile says from where the request came, and as what.
        """
        told = surroundings.set(surroundings_of(request))
        try:
            if settings.SESSION_COOKIE_NAME in request.COOKIES:
                keep_in_bounds(request)
            return self.get_response(request)
        finally:
            surroundings.reset(told)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Open no page of the desk without the second factor that is required."""
        match = request.resolver_match
        if match is None or "admin" not in match.app_names:
            return None
        if match.url_name in OPEN_WITHOUT_FACTOR or not facts.lacks_factor(
            request.user, request.session
        ):
            return None
        return HttpResponseRedirect(reverse("admin:second_factor_begin"))


def surroundings_of(request: HttpRequest) -> Surroundings:
    """Return the door, the address and the roles of who asks, which are read late."""
    is_desk = request.path_info.startswith(reverse("admin:index"))

    @functools.cache
    def role() -> str:
        user = request.user
        # A client of the API is no person, and has no groups.
        if not isinstance(user, User):
            return ""
        more = ["superuser"] if user.is_superuser else []
        return ", ".join([*read(user).roles, *more])

    return Surroundings(
        service="desk" if is_desk else "api", address=address_of(request), role=role
    )


def keep_in_bounds(request: HttpRequest) -> None:
    """End a session that is too old, or of nobody any more; else roll it on."""
    session = request.session
    if SESSION_KEY not in session:
        return
    if not request.user.is_authenticated:
        # The account is disabled or gone. Enabled again, it is not logged in again.
        session.flush()
        return
    now = facts.now()
    if facts.BEGAN not in session:
        session[facts.BEGAN] = session[facts.SEEN] = now
    elif now - session[facts.BEGAN] >= settings.SESSION_LIFE_SECONDS:
        session_ended(request.user, why="life")
        logout(request)
    elif now - session[facts.SEEN] >= roll_seconds():
        session[facts.SEEN] = now


def roll_seconds() -> float:
    """Return how often the time of the last request is stored at most."""
    return min(ROLL_SECONDS, settings.SESSION_IDLE_SECONDS / 4)
