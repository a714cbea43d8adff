"""Lists taken away as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from screening.documents.table import csv_lines
from screening.errors import NotYours
from screening.services.listing import MOST_ROWS, Listing, export_cases

CUT = f"Only the first {MOST_ROWS} rows are here: narrow the list to have the others."


def cases_as_csv(admin: Any) -> Callable[..., HttpResponseBase]:
    """Return the view that gives the list of cases, narrowed as its address says."""

    @require_safe
    def view(request: HttpRequest) -> HttpResponseBase:
        user: Any = request.user
        if not admin.has_view_permission(request):
            raise PermissionDenied
        try:
            cases = admin.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:screening_case_changelist"))
        try:
            listing = export_cases(cases, user=user)
        except NotYours:
            raise PermissionDenied from None
        return table(listing, "cases")

    guarded: Callable[..., HttpResponseBase] = admin.admin_site.admin_view(view)
    return guarded


def table(listing: Listing, kind: str) -> StreamingHttpResponse:
    """Send a list line by line; one that was cut says so in its last line."""
    response = StreamingHttpResponse(
        _lines(listing), content_type="text/csv; charset=utf-8"
    )
    name = f"{kind}-{timezone.localdate():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _lines(listing: Listing) -> Iterator[str]:
    yield from csv_lines(listing.head, listing.rows)
    if listing.is_cut:
        yield from islice(csv_lines([], [[CUT]]), 1, None)
