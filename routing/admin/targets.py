"""Model servers in the admin, agents among them: how each does."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Case, Q, QuerySet, Value, When
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from audit.pages import EMPTY, ReadOnly, link, tag
from routing.directory import DISABLED, NOT_ALLOWED, NOT_APPROVED, NOT_HEARD_OF, PULLS
from routing.models import TargetHealth
from routing.policy import ILL
from routing.services.overview import PROBED, READY, RESTING, Row, overview

NOT_IN_USE = "not in use"
STATE_TAGS = {
    NOT_APPROVED: ("person", "is-warn", "Not approved yet"),
    NOT_ALLOWED: ("stop", "is-bad", "Not allowed"),
    ILL: ("stop", "is-bad", "Ill"),
    RESTING: ("stop", "is-bad", "Resting"),
    NOT_HEARD_OF: ("question", "is-bad", "Not heard of"),
    PROBED: ("wait", "is-warn", "Being probed"),
    READY: ("check", "is-ok", "Ready"),
    PULLS: ("check", "is-ok", "Pulls its work"),
    DISABLED: ("dash", "", "Disabled"),
    NOT_IN_USE: ("dash", "", "Not in use"),
}
"""State -> icon, kind and words; what needs a person first."""

MEANINGS = {
    NOT_APPROVED: "It gets no work until somebody approves it.",
    NOT_ALLOWED: "Its endpoint is none that our workers may call.",
    ILL: "Its health checks fail: it gets no work while another can take it.",
    RESTING: "It failed several times in a row and is left alone for a while.",
    NOT_HEARD_OF: "It has been silent for too long to be given work.",
    PROBED: "It has rested after failures: one call a second goes through, to see.",
    READY: "It gets work.",
    PULLS: "It asks for its tasks and is never called.",
    DISABLED: "It was disabled here and gets no work.",
    NOT_IN_USE: "It is neither configured nor an agent any more.",
}
CIRCUITS = {
    "closed": "Closed: calls go through",
    "open": "Open: it rests after failures, and no call goes through",
    "half_open": "Half open: one call a second goes through, to see",
}


# --- What the overview says, and how it is shown --------------------------------------


def rows_of(request: Any) -> dict[str, Row]:
    """Return how every target does, by name: looked up once for a request."""
    if not hasattr(request, "rows_of_targets"):
        request.rows_of_targets = {row.name: row for row in overview()}
    found: dict[str, Row] = request.rows_of_targets
    return found


def age(moment: datetime) -> str:
    """Say how long ago something was, as exactly as anybody needs to know."""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if not minutes:
        return f"{seconds} s"
    if not hours:
        return f"{minutes} min"
    if not days:
        return f"{hours} h {minutes % 60:02} min"
    return f"{days} d {hours % 24} h" if days < 7 else f"{days} days"


def ago(moment: datetime | None, *, dated: bool = False) -> SafeString | str:
    """Show how long ago something was, and on request when."""
    if moment is None:
        return EMPTY
    local = timezone.localtime(moment)
    shown = format_html(
        '<time datetime="{}">{} ago</time>', local.isoformat("T", "seconds"), age(local)
    )
    if not dated:
        return shown
    return format_html("{}, {}", shown, date_format(local, "j M Y, H:i:s"))


def below(first: Any, second: Any) -> SafeString:
    """Show something, and something smaller below it."""
    return format_html('{}<span class="sub">{}</span>', first, second)


def milliseconds(value: float | None) -> str:
    """Show a time; there is none before enough calls were answered."""
    return EMPTY if value is None else f"{value:,.0f} ms"


class RowsOfTargets(ChangeList):
    """A list that knows how each of its targets does."""

    def get_results(self, request: HttpRequest) -> None:
        """Put to each row what the overview says of it."""
        super().get_results(request)
        page: Any = self.model_admin
        rows = page.rows(request)
        self.result_list = list(self.result_list)
        for found in self.result_list:
            found.row = rows.get(str(found))


class StateFilter(admin.SimpleListFilter):
    """Filter by how the targets do, with how many there are of each."""

    title = parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states that there are, what needs a person first."""
        self.key = model_admin.key
        self.names = model_admin.names_by_state(request)
        return [
            (state, f"{words} ({len(self.names[state])})")
            for state, (_, _, words) in STATE_TAGS.items()
            if state in self.names
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the targets in the chosen state."""
        if self.value() is None:
            return queryset
        names = self.names.get(str(self.value()), [])
        return queryset.filter(Q((f"{self.key}__in", names)))


class TargetAdmin(ReadOnly):
    """A page on targets, those first that need a person; ``key`` is their name."""

    key: ClassVar[str]
    list_filter: ClassVar[Any] = [StateFilter]
    list_display_links = None
    ordering: ClassVar[Any] = [
        "pk"
    ]  # else a column is marked as if it ordered the list
    show_facets = admin.ShowFacets.NEVER  # the filter counts already
    actions: Any = None

    def rows(self, request: HttpRequest) -> dict[str, Row]:
        """Return how each target does that the page may show, by name."""
        return rows_of(request)

    def names_by_state(self, request: HttpRequest) -> dict[str, list[str]]:
        """Sort the names of this page's targets by state."""
        found: dict[str, list[str]] = {}
        for row in self.rows(request).values():
            if self.listed(row) is not None:
                found.setdefault(row.state, []).append(row.name)
        return found

    def listed(self, row: Row) -> Any:
        """Return what this page has of a target, if anything."""
        raise NotImplementedError

    def health(self, target: Any) -> TargetHealth | None:
        """Return what the workers have seen of a target, if anything."""
        return target.row.health if target.row else None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows how each does."""
        return RowsOfTargets

    def get_ordering(self, request: HttpRequest) -> Any:
        """Put first what needs a person, and last what gets no work anyway."""
        names = self.names_by_state(request)
        places = [
            When(Q((f"{self.key}__in", names[state])), then=Value(place))
            for place, state in enumerate(STATE_TAGS)
            if state in names
        ]
        return [Case(*places, default=Value(len(STATE_TAGS))), Lower(self.key)]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Take one target from the overview, with what that says of it."""
        for row in self.rows(request).values():
            found = self.listed(row)
            if found is not None and str(found.pk) == object_id and not from_field:
                found.row = row
                return found
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.row = self.rows(request).get(str(found))
        return found

    @admin.display(description="State")
    def state(self, target: Any) -> SafeString:
        """Show whether it gets work now, or why not."""
        state = target.row.state if target.row else NOT_IN_USE
        unknown = ("question", "is-warn", capfirst(state))
        return tag(*STATE_TAGS.get(state, unknown))

    @admin.display(description="State")
    def state_and_meaning(self, target: Any) -> SafeString:
        """Show the state, and below it what it means."""
        state = target.row.state if target.row else NOT_IN_USE
        return below(self.state(target), MEANINGS.get(state, ""))

    @admin.display(description="Circuit")
    def circuit(self, target: Any) -> str:
        """Say whether calls go to it, in words."""
        return CIRCUITS.get(target.row.circuit, EMPTY) if target.row else EMPTY

    @admin.display(description="Time p50")
    def p50(self, target: Any) -> str:
        """Show within what time half of its answers came."""
        health = self.health(target)
        return milliseconds(health.p50_ms) if health else EMPTY

    @admin.display(description="Time p95")
    def p95(self, target: Any) -> str:
        """Show within what time nearly all of its answers came."""
        health = self.health(target)
        return milliseconds(health.p95_ms) if health else EMPTY

    @admin.display(description="Answered")
    def number_answered(self, target: Any) -> str:
        """Count the calls that it answered."""
        health = self.health(target)
        return f"{health.answered:,}" if health else "0"

    @admin.display(description="Failed")
    def number_failed(self, target: Any) -> str:
        """Count the calls that it did not answer as it should."""
        health = self.health(target)
        return f"{health.failed:,}" if health else "0"

    @admin.display(description="Last error")
    def latest_error(self, target: Any) -> SafeString | str:
        """Show the code of the last failure, and how long ago that was."""
        health = self.health(target)
        if health is None or not health.last_error:
            return EMPTY
        return below(health.last_error, ago(health.failed_at))

    @admin.display(description="Last health check")
    def last_check(self, target: Any) -> SafeString | str:
        """Say how the last health check went, and how long ago that was."""
        health = self.health(target)
        if health is None or health.checked_at is None:
            return EMPTY
        if not health.check_error:
            return below("Well", ago(health.checked_at))
        times = health.check_failures
        row = f", failed {times} times in a row" if times > 1 else ""
        return below(
            health.check_error, format_html("{}{}", ago(health.checked_at), row)
        )


@admin.register(TargetHealth)
class TargetHealthAdmin(TargetAdmin):
    """Every model server that was asked or checked, agent or not."""

    key = "name"
    list_display = [
        "server",
        "state_and_circuit",
        "location",
        "p50",
        "p95",
        "number_answered",
        "number_failed",
        "latest_error",
        "last_check",
    ]
    search_fields = ["name"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A model server, exactly as it is written."
    exact_search = {"name": str}

    def listed(self, row: Row) -> TargetHealth | None:
        """Leave out what has not been seen."""
        return row.health

    def health(self, target: Any) -> TargetHealth:
        """Return the row itself: it is there for what is not in use any more too."""
        assert isinstance(target, TargetHealth)
        return target

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show how it does, and in sections by what that was learnt from."""
        calls = ["p50", "p95", "number_answered", "number_failed", "answered_ago"]
        return [
            (None, {"fields": [("state_and_meaning", "location", "agent")]}),
            ("Calls", {"fields": ["circuit", *calls, "latest_error"]}),
            ("Health checks", {"fields": ["last_check"]}),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Name those of which nothing has been seen yet."""
        unseen = [
            row.name
            for row in self.rows(request).values()
            if row.health is None and not row.standing.unfit
        ]
        said = f"Neither asked nor checked yet: {', '.join(unseen)}" if unseen else None
        return super().changelist_view(
            request, {"subtitle": said, **(extra_context or {})}
        )

    @admin.display(description="Server", ordering="name")
    def server(self, target: TargetHealth) -> SafeString:
        """Link to its page."""
        return link(target, target.name)

    @admin.display(description="Agent")
    def agent(self, target: Any) -> SafeString | str:
        """Link to what the server says of itself, if it is an agent."""
        agent = target.row.agent if target.row else None
        return link(agent, "Open the agent") if agent else "It is no agent"

    @admin.display(description="Place")
    def location(self, target: Any) -> str:
        """Say where it is."""
        return target.row.standing.location if target.row else EMPTY

    @admin.display(description="State and circuit")
    def state_and_circuit(self, target: Any) -> SafeString:
        """Show the state, and below it in a word whether calls go through."""
        circuit = self.circuit(target).split(":")[0].lower()
        return below(self.state(target), f"circuit {circuit}" if target.row else "")

    @admin.display(description="Last answer")
    def answered_ago(self, target: TargetHealth) -> SafeString | str:
        """Say how long ago it answered a call."""
        return ago(target.answered_at, dated=True)
