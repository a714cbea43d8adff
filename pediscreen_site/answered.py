"""What an answer is to the audit log: a reading, a refusal, or nothing more to say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, reverse

from audit import meaning
from audit.actions import Action
from audit.entries import Event
from audit.memory import Crowd
from audit.reading import READ_SECONDS, REFUSED_SECONDS, Note
from pediscreen_site.api.errors import CODE_BY_STATUS
from pediscreen_site.listed import Listed, listed_by_client, listed_in_desk
from pediscreen_site.naming import Named, model_of, named_in, named_row
from people.address import household
from people.forms import address_of
from screening.services.keys import Client

SHOWS_NOTHING = {
    *("health", "livez", "readyz", "metrics", "schema", "docs", "home"),
    *("admin:login", "admin:logout", "admin:jsi18n"),
}
"""Routes that show no record. What they refuse is accounted for all the same."""

BROKEN = {"SAFE_ERROR", "SERVICE_UNAVAILABLE"}
"""Codes of answers that refuse nobody: something of ours broke, and the log has it."""

SAFE_METHODS = {"GET", "HEAD"}
STRANGERS = Crowd(most=100, seconds=REFUSED_SECONDS)
"""Where those come from whom nobody knows; a flood of them is not a flood of events."""


class Answered:
    """One request with its answer, and what was recorded meanwhile."""

    def __init__(
        self,
        request: HttpRequest,
        response: HttpResponse,
        done: tuple[str, ...],
        is_noted: bool,
    ) -> None:
        self.request = request
        self.response = response
        self.done = done
        self.is_read = is_noted or any(meaning.operation(a) == "R" for a in done)
        self.is_refused = any(meaning.outcome(a) != "success" for a in done)
        self.is_safe = request.method in SAFE_METHODS

    @cached_property
    def match(self) -> ResolverMatch | None:
        """Return the route, if the address is one."""
        return self.request.resolver_match

    @cached_property
    def name(self) -> str:
        """Return the name of the route; nothing for what only looks like one."""
        return (self.match and self.match.url_name) or ""

    @cached_property
    def is_desk(self) -> bool:
        """Say whether the route is one of the desk's."""
        return self.match is not None and "admin" in self.match.app_names

    @cached_property
    def path(self) -> dict[str, Any]:
        """Return the parameters of the path."""
        return self.match.kwargs if self.match else {}

    @cached_property
    def client(self) -> Client | None:
        """Return the key that was recognised."""
        user: Any = getattr(self.request, "user", None)
        return user if isinstance(user, Client) else None

    @cached_property
    def actor(self) -> str:
        """Return who asked, or that nobody knows."""
        if self.client:
            return self.client.actor
        user: Any = getattr(self.request, "user", None)
        if user is not None and user.is_authenticated:
            return f"user:{user.pk}"
        return "user:unknown" if self.is_desk else "key:unknown"

    @property
    def is_stranger(self) -> bool:
        """Say whether nobody knows who asked."""
        return self.actor.endswith(":unknown")

    @property
    def clinic(self) -> str:
        """Return the clinic of the key; a person may have several."""
        return self.client.clinic.slug if self.client else ""

    @property
    def where(self) -> dict[str, Any]:
        """Name the page or the route."""
        return {"page" if self.is_desk else "route": self.name}

    @property
    def body(self) -> Any:
        """Return what a route of the API answers, before it is written as JSON."""
        return getattr(self.response, "data", None)

    def named(self) -> Named | None:
        """Look up what the path names, whoever may see it."""
        if not self.is_desk:
            return named_in(self.path, clinic=self.clinic)
        model = model_of(self.name)
        pk = self.path.get("object_id") or self.path.get("id")
        return named_row(model, str(pk)) if model is not None and pk else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """What kind of refusal an answer is."""

    action: Action
    code: str


def missing(answered: Answered) -> list[Note]:
    """Return what is still to be recorded of a request."""
    if answered.match is None:
        return []
    refused = refusal_of(answered)
    if refused is not None:
        return [] if answered.is_refused else [_note_of_refusal(answered, refused)]
    if answered.response.status_code >= 500:
        return []
    if answered.response.status_code == 207:
        return [_note_of_lines(answered)]
    if answered.match.view_name in SHOWS_NOTHING:
        return []
    is_page = answered.response.status_code < 300
    if answered.is_desk and is_page and answered.name:
        return [] if answered.is_read else [_note_of_page(answered)]
    if answered.done or answered.is_read:
        return []
    if answered.is_safe:
        return [] if answered.is_desk else [_note_of_route(answered)]
    return [_note(answered, (), partial(_event, answered, Action.REQUEST_ANSWERED))]


# --- Refusals -------------------------------------------------------------------------


def refusal_of(answered: Answered) -> Refused | None:
    """Say what was refused, if anything was."""
    status, name = answered.response.status_code, answered.name
    if status >= 400:
        if answered.is_desk and not name and status == 404:
            return None  # no page at all
        code = _code_of(answered)
        if code in BROKEN:
            return None
        denied = status in {401, 403, 404}
        return Refused(
            action=Action.ACCESS_DENIED if denied else Action.REQUEST_REFUSED, code=code
        )
    if not answered.is_desk:
        return None
    code = _turned_away(answered) if 300 <= status < 400 else ""
    if not code and _asks_for_more(answered):
        code = "NOT_OFFERED"
    return Refused(action=Action.ACCESS_DENIED, code=code) if code else None


def _code_of(answered: Answered) -> str:
    body = answered.body
    if isinstance(body, dict) and isinstance(body.get("code"), str):
        return str(body["code"])
    status = answered.response.status_code
    # It is set once the token of a form was looked at and found good.
    seen = getattr(answered.request, "csrf_processing_done", False)
    if status == 403 and answered.is_desk and not seen:
        return "CSRF"
    return CODE_BY_STATUS.get(status, "REFUSED")


def _turned_away(answered: Answered) -> str:
    """Say why the desk leads somewhere else than it was asked: the stock ways of no."""
    to = answered.response.headers.get("Location", "").partition("?")[0]
    if to == reverse("admin:login"):
        return "LOG_IN" if answered.name != "logout" else ""
    if to == reverse("admin:second_factor_begin"):
        return "" if answered.name.startswith("second_factor") else "SECOND_FACTOR"
    has_row = "object_id" in answered.path or "id" in answered.path
    if to == reverse("admin:index") and has_row and not answered.done:
        return "NOT_FOUND"
    return ""


def _asks_for_more(answered: Answered) -> bool:
    """Say whether a step was asked for that the list does not offer to the person."""
    request: Any = answered.request
    page: Any = getattr(answered.match and answered.match.func, "model_admin", None)
    if page is None or answered.is_safe or not answered.name.endswith("_changelist"):
        return False
    asked = set(request.POST.getlist("action")) - {""}
    return bool(asked - set(page.get_actions(request)))


def _note_of_refusal(answered: Answered, refused: Refused) -> Note:
    if answered.is_stranger:
        address = household(address_of(answered.request))
        place = STRANGERS.place(address, now=time.monotonic())
        return Note(
            key=(refused.action, answered.actor, refused.code, place),
            event=partial(_event_of_refusal, answered, refused, None),
            seconds=REFUSED_SECONDS,
        )

    def event() -> Event:
        return _event_of_refusal(answered, refused, answered.named())

    return _note(answered, (refused.code,), event, seconds=REFUSED_SECONDS)


def _event_of_refusal(
    answered: Answered, refused: Refused, named: Named | None
) -> Event:
    action = refused.action
    is_own = named is not None and answered.client and named.clinic == answered.clinic
    if is_own and refused.code == "NOT_FOUND":
        # It is the caller's, and there is nothing of it to show yet.
        action = Action.RECORD_READ
    detail = {"code": refused.code}
    if not answered.is_safe:
        detail["method"] = str(answered.request.method)
    if named is not None and answered.client and not is_own:
        detail["of"] = answered.clinic
    return _event(answered, action, named=named, **detail)


def _note_of_lines(answered: Answered) -> Note:
    """Make a note of the lines of a bulk request that were refused, once a request."""
    codes = Counter(line["error"]["code"] for line in answered.body if "error" in line)

    def event() -> Event:
        return _event(
            answered,
            Action.REQUEST_REFUSED,
            method=str(answered.request.method),
            lines=len(answered.body),
            refused=codes.total(),
            codes=dict(codes),
        )

    return _note(answered, tuple(codes.items()), event, seconds=0.0)


# --- Readings -------------------------------------------------------------------------


def _note_of_page(answered: Answered) -> Note:
    query = answered.request.META.get("QUERY_STRING", "")

    def event() -> Event:
        listed = listed_in_desk(getattr(answered.response, "context_data", None) or {})
        if listed is not None:
            return _event_of_list(answered, listed)
        return _event(answered, Action.PAGE_OPENED, named=answered.named())

    return _note(answered, (query,), event)


def _note_of_route(answered: Answered) -> Note:
    body = answered.body
    if isinstance(body, list):
        query = answered.request.META.get("QUERY_STRING", "")
        listed = listed_by_client(answered.request.GET, body)
        return _note(answered, (query,), partial(_event_of_list, answered, listed))

    def event() -> Event:
        named: Named | None
        if "job_id" in answered.path and isinstance(body, dict) and "case_id" in body:
            # The most frequent of all: it has all that is needed.
            named = Named(case_id=body["case_id"], job_id=body["job_id"])
        else:
            named = answered.named()
        return _event(answered, Action.RECORD_READ, named=named)

    return _note(answered, (), event)


def _event_of_list(answered: Answered, listed: Listed) -> Event:
    return _event(answered, Action.LIST_READ, named=listed.named, **listed.detail)


def _note(
    answered: Answered,
    more: tuple[Hashable, ...],
    event: Callable[[], Event],
    *,
    seconds: float = READ_SECONDS,
) -> Note:
    """Make a note under what makes it the same again: who, how, where, and more."""
    request = answered.request
    method = "GET" if answered.is_safe else request.method
    return Note(
        key=(answered.actor, method, request.path, *more), event=event, seconds=seconds
    )


def _event(
    answered: Answered, action: Action, *, named: Named | None = None, **detail: Any
) -> Event:
    found = named or Named()
    return Event(
        action=action,
        actor=answered.actor,
        clinic=found.clinic or answered.clinic,
        case_id=found.case_id,
        job_id=found.job_id,
        detail={**answered.where, **found.detail, **detail},
    )
