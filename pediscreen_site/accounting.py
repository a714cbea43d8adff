"""Nothing is read or refused without its event: every door goes through here.

What a view or a service has recorded or noted stands. What they have not is seen by
the answer: so a page that is new is accounted for before anybody thinks of it.
docs/audit-reads.md has what is recorded for what.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from audit.context import recorded
from audit.reading import Note, notes, write
from pediscreen_site.answered import Answered, missing
from pediscreen_site.api.errors import unavailable

logger = logging.getLogger(__name__)


class AccountingMiddleware:
    """Writes what was noted, and notes what was not, before an answer is sent.

    It stands innermost: the notes are written under the id, address and role of the
    request, and what it answers itself has every header that answers have.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, unless what must be recorded cannot be."""
        done: list[str] = []
        noted: list[Note] = []
        told, taken = recorded.set(done), notes.set(noted)
        try:
            response = self.get_response(request)
        finally:
            recorded.reset(told)
            notes.reset(taken)
        try:
            found = missing(Answered(request, response, tuple(done), bool(noted)))
            if response.status_code < 500:  # nothing is shown by one that broke
                found = [*noted, *found]
            write(found)
        except (OperationalError, InterfaceError) as exc:
            kind = type(exc).__name__  # and no more: its text may quote what was asked
            logger.error("A reading cannot be recorded (%s)", kind)  # noqa: TRY400
            response.close()
            return unavailable(request)
        return response
