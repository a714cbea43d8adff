"""What clinics were told, in the admin: the history, and sending again."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.pages import EMPTY, ReadOnly, link, tag
from claims.work import Status
from routing.admin.readable import since, until
from routing.admin.targets import below
from screening.admin.webhooks import name_of, state_of
from screening.errors import ScreeningError
from screening.models import WebhookDelivery
from screening.services.sight import deliveries_seen_by
from screening.services.webhooks.redelivery import redeliver

STATE_TAGS = {
    Status.PENDING: ("wait", ""),
    Status.RUNNING: ("machine", ""),
    Status.DONE: ("check", "is-ok"),
    Status.FAILED: ("stop", "is-bad"),
}
STATES = [
    (Status.PENDING, "Waiting"),
    (Status.RUNNING, "Being delivered"),
    (Status.DONE, "Delivered"),
    (Status.FAILED, "Given up"),
]
CODES = {
    "ADDRESS_NOT_ALLOWED": "No webhook may be sent to its address.",
    "ENDPOINT_DISABLED": "The endpoint was disabled before it was sent.",
    "REDIRECTED": "It sent us elsewhere, which is never followed.",
    "SECRET_LOST": "DJANGO_SECRET_KEY has changed: make a new secret.",
    "TIMEOUT": "It did not answer in time.",
    "TLS_FAILED": "Its certificate is not to be trusted.",
    "UNREACHABLE": "It could not be reached.",
    "WORKER_LOST": "Each worker that sent it was lost meanwhile.",
}


class StateFilter(admin.SimpleListFilter):
    """Narrow the list by the words that it shows."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """Offer every state."""
        return STATES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the state that was chosen."""
        chosen = self.value()
        return queryset.filter(status=chosen) if chosen else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly):
    """Deliveries to the person's clinics, newest first: ids and states, no bodies."""

    list_display = [
        "told",
        "state_tag",
        "receiver",
        "case",
        "tries",
        "last_status",
        "next_try",
        "made",
    ]
    list_display_links = None  # the first column is a link
    list_filter = [StateFilter, "event"]
    list_select_related = ["endpoint__clinic", "job__case"]
    search_fields = ["id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A webhook, job or case, exactly as it is written."
    exact_search: ClassVar[Any] = {
        "id": UUID,
        "job_id": UUID,
        "job__case__case_id": str,
    }
    fieldsets: ClassVar[Any] = [
        (None, {"fields": [("state_and_meaning", "event_words")]}),
        (
            "What it tells",
            {"fields": ["case", "job_link", "status_then", "review_then"]},
        ),
        ("Receiver", {"fields": ["receiver", "receiver_state", "where"]}),
        (
            "Tries",
            {"fields": ["tries", "last_status", "next_try", "made", "ended"]},
        ),
    ]
    actions = ["redeliver_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        """Keep to the person's clinics, without what jobs hold."""
        user: Any = request.user
        found = deliveries_seen_by(user, super().get_queryset(request))
        return found.select_related("endpoint__clinic", "job__case").defer(
            "job__payload", "job__result", "job__route"
        )

    def title_of(self, row: WebhookDelivery) -> tuple[str, str]:
        """Name the page after what is told."""
        return f"Webhook: {row.get_event_display()}", str(row.pk)

    # --- What can be done -----------------------------------------------------------

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        """Ask for the right to change deliveries before the action is offered."""
        user: Any = request.user
        return bool(user.has_perm("screening.change_webhookdelivery"))

    @admin.action(description="Send the chosen again", permissions=["redeliver"])
    def redeliver_selected(
        self, request: Any, queryset: QuerySet[WebhookDelivery]
    ) -> None:
        """Send each again under its id; one refusal does not stop the rest."""
        count = 0
        for row in queryset:
            try:
                redeliver(row, actor=f"user:{request.user.pk}")
            except ScreeningError as exc:
                self.message_user(request, f"{row.pk}: {exc}", messages.ERROR)
            else:
                count += 1
        if count:
            webhooks = "1 webhook is" if count == 1 else f"{count} webhooks are"
            self.message_user(request, f"{webhooks} sent again.", messages.SUCCESS)

    # --- What is shown --------------------------------------------------------------

    @admin.display(description="Told", ordering="event")
    def told(self, row: WebhookDelivery) -> SafeString:
        """Link to the webhook's page; below it the event's name."""
        return below(link(row, row.get_event_display()), row.event)

    @admin.display(description="Told")
    def event_words(self, row: WebhookDelivery) -> SafeString:
        """Name the event in words, and as it is sent."""
        return below(row.get_event_display(), row.event)

    @admin.display(description="State", ordering="status")
    def state_tag(self, row: WebhookDelivery) -> SafeString:
        """Show how far it has got, and by its code what stopped it."""
        name, kind = STATE_TAGS[Status(row.status)]
        shown = tag(name, kind, row.state)
        return below(shown, row.error_code) if row.error_code else shown

    @admin.display(description="State")
    def state_and_meaning(self, row: WebhookDelivery) -> SafeString:
        """Show how far it has got, and in words what stopped it."""
        meaning = CODES.get(row.error_code, "")
        if row.error_code.startswith("HTTP_"):
            meaning = f"The receiver answered {row.answered}."
        return format_html("{} {}", self.state_tag(row), meaning)

    @admin.display(description="Receiver")
    def receiver(self, row: WebhookDelivery) -> SafeString:
        """Link to the endpoint; below it whose it is."""
        endpoint = row.endpoint
        return below(link(endpoint, name_of(endpoint)), endpoint.clinic)

    @admin.display(description="Receiver is")
    def receiver_state(self, row: WebhookDelivery) -> SafeString:
        """Show whether it is told anything now."""
        return state_of(row.endpoint)

    @admin.display(description="Sent to")
    def where(self, row: WebhookDelivery) -> str:
        """Show the URL that it goes to."""
        return row.url or row.endpoint.url

    @admin.display(description="Case")
    def case(self, row: WebhookDelivery) -> str:
        """Name the case by its id."""
        return row.job.case.case_id if row.job else EMPTY

    @admin.display(description="Job")
    def job_link(self, row: WebhookDelivery) -> SafeString | str:
        """Link to the job."""
        return link(row.job, str(row.job.pk)) if row.job else EMPTY

    @admin.display(description="Job was")
    def status_then(self, row: WebhookDelivery) -> str:
        """Show the job's status, as it was told."""
        return str(Status(row.job_status).label) if row.job_status else EMPTY

    @admin.display(description="Review was")
    def review_then(self, row: WebhookDelivery) -> str:
        """Show the review's state, as it was told."""
        return row.review_state.replace("_", " ").capitalize() or EMPTY

    @admin.display(description="Tries", ordering="attempt")
    def tries(self, row: WebhookDelivery) -> int:
        """Count how often it was sent, also before it was sent again by hand."""
        return row.attempt

    @admin.display(description="Last status", ordering="answered")
    def last_status(self, row: WebhookDelivery) -> int | str:
        """Show what the receiver last answered, if it did."""
        return row.answered if row.answered is not None else EMPTY

    @admin.display(description="Next try")
    def next_try(self, row: WebhookDelivery) -> SafeString | str:
        """Say when it is sent next, if it is."""
        if row.status != Status.PENDING:
            return EMPTY
        return until(row.not_before, over="due for")

    @admin.display(description="Happened", ordering="created_at")
    def made(self, row: WebhookDelivery) -> SafeString | str:
        """Say how long ago what it tells of happened."""
        return since(row.created_at)

    @admin.display(description="Ended")
    def ended(self, row: WebhookDelivery) -> SafeString | str:
        """Say when it was received, or given up."""
        return since(row.finished_at)
