"""Where clinics are told, in the admin: endpoints and their secrets."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.pages import ReadOnly, link, tag
from routing.admin.readable import until
from routing.admin.targets import ago, below
from screening.errors import ScreeningError
from screening.models import Clinic, WebhookDelivery, WebhookEndpoint
from screening.services.sight import endpoints_seen_by
from screening.services.webhooks.endpoints import (
    add_endpoint,
    change_endpoint,
    disable_endpoint,
    enable_endpoint,
    rotate_secret,
    send_test,
)
from screening.webhooks import EVENTS

CALLBACKS = "Callback URLs of submissions"
STATE_TAGS = {
    WebhookEndpoint.State.ENABLED: ("check", "is-ok", "Enabled"),
    WebhookEndpoint.State.DISABLED: ("dash", "", "Disabled"),
    WebhookEndpoint.State.GONE: ("stop", "is-bad", "Gone"),
}
MEANINGS = {
    WebhookEndpoint.State.ENABLED: "It is told of what happens.",
    WebhookEndpoint.State.DISABLED: "It was disabled here, and is told nothing.",
    WebhookEndpoint.State.GONE: "It answered that it is gone (410), and is told "
    "nothing until it is enabled again.",
}


def name_of(endpoint: WebhookEndpoint) -> str:
    """Name an endpoint by where it is."""
    return CALLBACKS if endpoint.is_for_callbacks else endpoint.url


def state_of(endpoint: WebhookEndpoint) -> SafeString:
    """Show whether an endpoint is told anything."""
    return tag(*STATE_TAGS[WebhookEndpoint.State(endpoint.state)])


def _number(**wanted: Any) -> Any:
    """Count an endpoint's deliveries of a kind, in the list's own query."""
    rows = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), **wanted)
    counted = rows.order_by().values("endpoint").annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)


class EndpointForm(forms.ModelForm):
    """What a person says of an endpoint."""

    refusal = ""
    """Why the service did not take what was valid so far."""

    events = forms.MultipleChoiceField(
        choices=EVENTS,
        widget=forms.CheckboxSelectMultiple,
        initial=[name for name, _ in EVENTS],
        label="Is told when",
    )

    def clean(self) -> Any:
        """Show the refusal of the service, if there was one."""
        if self.refusal:
            raise ValidationError(self.refusal)
        return super().clean()


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnly):
    """Endpoints of the person's clinics. Services alone write."""

    list_display = ["name", "state_tag", "told_when", "waiting", "given_up", "received"]
    list_display_links = None  # the first column is a link
    list_filter = ["state"]
    list_select_related = ["clinic"]
    actions = [
        "test_selected",
        "rotate_selected",
        "enable_selected",
        "disable_selected",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """Keep to the person's clinics, and count what was told."""
        user: Any = request.user
        newest = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), status="DONE")
        return endpoints_seen_by(user, super().get_queryset(request)).annotate(
            number_waiting=_number(status="PENDING"),
            number_given_up=_number(status="FAILED"),
            last_received=Subquery(
                newest.order_by("-created_at").values("finished_at")[:1]
            ),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for what there is to say, or show all."""
        if obj is None:
            return [(None, {"fields": ["clinic", "url", "events"]})]
        where = "of_callbacks" if obj.is_for_callbacks else "url"
        when = "events" if self.has_change_permission(request) else "told_when"
        return [
            (None, {"fields": [("state_and_meaning",)]}),
            ("What it is told", {"fields": ["clinic_name", where, when]}),
            (
                "How it does",
                {"fields": ["waiting", "given_up", "received", "old_secret"]},
            ),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Take the URL and the events, where the person may."""
        if obj is None:
            return []
        shown = super().get_readonly_fields(request, obj)
        if not self.has_change_permission(request):
            return shown
        return [name for name in shown if name not in {"url", "events"}]

    def get_form(
        self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Use our form, with what was refused before."""
        if self.has_change_permission(request):
            kwargs["form"] = EndpointForm
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", "")
        if "clinic" in form.base_fields:
            # The form is about the endpoint alone.
            widget: Any = form.base_fields["clinic"].widget
            widget.can_add_related = widget.can_change_related = False
            widget.can_view_related = False
        if "url" in form.base_fields and obj is not None:
            form.base_fields["url"].required = True
            form.base_fields["url"].help_text = "An https URL on an allowed port."
        return form

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer the person's own clinics."""
        user: Any = request.user
        clinics = Clinic.objects.all()
        mine = clinics if user.is_superuser else clinics.filter(members=user)
        return super().formfield_for_foreignkey(
            db_field, request, **{**kwargs, "queryset": mine}
        )

    def title_of(self, row: WebhookEndpoint | None) -> tuple[str, str]:
        """Name the page after the endpoint, if there is one."""
        if row is None:
            return "Add a webhook endpoint", ""
        return "Webhook endpoint", name_of(row)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer one way to save."""
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    # --- What can be done -----------------------------------------------------------

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the right to add endpoints."""
        user: Any = request.user
        return bool(user.has_perm("screening.add_webhookendpoint"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the right to change endpoints, for the actions too."""
        user: Any = request.user
        return bool(user.has_perm("screening.change_webhookendpoint"))

    def changeform_view(
        self,
        request: Any,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a refusal of the service as an error of the form.

        Without the transaction that is usual here: the services have their own.
        """
        stock: Any = self
        view = partial(stock._changeform_view, request, object_id, form_url)
        response: HttpResponse
        try:
            response = view(extra_context)
        except ScreeningError as exc:
            request.refusal = str(exc)
            response = view(extra_context)
        return response

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        """Hand over to the service, which alone writes."""
        actor = f"user:{request.user.pk}"
        said = {"url": obj.url, "events": form.cleaned_data["events"], "actor": actor}
        if change:
            change_endpoint(self.model.objects.get(pk=obj.pk), **said)
            return
        made, request.secret = add_endpoint(clinic=obj.clinic, **said)
        obj.pk = made.pk

    def response_add(
        self, request: Any, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret, this once."""
        return self._secret_page(request, obj, request.secret, is_new=True)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Say what was done, and show the endpoint."""
        self.message_user(request, "Saved.", messages.SUCCESS)
        where = reverse("admin:screening_webhookendpoint_change", args=[obj.pk])
        return HttpResponseRedirect(where)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Leave it to the audit log, which the service writes."""

    log_change = log_addition

    @admin.action(description="Send a test webhook", permissions=["change"])
    def test_selected(
        self, request: Any, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse | None:
        """Send each one that tells of nothing."""
        self._each(request, queryset, send_test, "sent a test")
        return None

    @admin.action(description="Make a new secret", permissions=["change"])
    def rotate_selected(
        self, request: Any, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse | None:
        """Make a new secret for one, and show it this once."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            words = "Choose one endpoint: a secret is shown once, on a page of its own."
            self.message_user(request, words, messages.ERROR)
            return None
        secret = rotate_secret(chosen[0], actor=f"user:{request.user.pk}")
        return self._secret_page(request, chosen[0], secret, is_new=False)

    @admin.action(description="Enable", permissions=["change"])
    def enable_selected(self, request: Any, queryset: Any) -> None:
        """Tell each again of what happens."""
        self._each(request, queryset, enable_endpoint, "enabled")

    @admin.action(description="Disable", permissions=["change"])
    def disable_selected(self, request: Any, queryset: Any) -> None:
        """Tell each nothing more, and give up what waits."""
        self._each(request, queryset, disable_endpoint, "disabled")

    def _each(self, request: Any, queryset: Any, step: Any, done: str) -> None:
        count = 0
        for endpoint in queryset.select_related("clinic"):
            try:
                step(endpoint, actor=f"user:{request.user.pk}")
            except ScreeningError as exc:
                words = f"{name_of(endpoint)}: {exc}"
                self.message_user(request, words, messages.ERROR)
            else:
                count += 1
        if count:
            endpoints = "1 endpoint" if count == 1 else f"{count} endpoints"
            self.message_user(request, f"{endpoints} {done}.", messages.SUCCESS)

    def _secret_page(
        self,
        request: HttpRequest,
        endpoint: WebhookEndpoint,
        secret: str,
        *,
        is_new: bool,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "The secret of the endpoint",
            "subtitle": name_of(endpoint),
            "opts": self.model._meta,
            "secret": secret,
            "is_new": is_new,
            "back": reverse("admin:screening_webhookendpoint_changelist"),
        }
        response = TemplateResponse(
            request, "admin/screening/webhookendpoint/secret.html", context
        )
        response["Cache-Control"] = "no-store"
        return response

    # --- What is shown --------------------------------------------------------------

    @admin.display(description="Endpoint", ordering="url")
    def name(self, endpoint: WebhookEndpoint) -> SafeString:
        """Link to the endpoint's page; below it whose it is."""
        return below(link(endpoint, name_of(endpoint)), endpoint.clinic)

    @admin.display(description="State", ordering="state")
    def state_tag(self, endpoint: WebhookEndpoint) -> SafeString:
        """Show whether it is told anything."""
        return state_of(endpoint)

    @admin.display(description="State")
    def state_and_meaning(self, endpoint: WebhookEndpoint) -> SafeString:
        """Show the state, and what it means."""
        meaning = MEANINGS[WebhookEndpoint.State(endpoint.state)]
        return format_html("{} {}", state_of(endpoint), meaning)

    @admin.display(description="Is told when")
    def told_when(self, endpoint: WebhookEndpoint) -> str:
        """Name the events in words."""
        chosen = [words for name, words in EVENTS if name in endpoint.events]
        return "; ".join(chosen) or "Never"

    @admin.display(description="Clinic")
    def clinic_name(self, endpoint: WebhookEndpoint) -> str:
        """Name the clinic."""
        return str(endpoint.clinic)

    @admin.display(description="Told")
    def of_callbacks(self, endpoint: WebhookEndpoint) -> str:
        """Say what stands for a URL."""
        return "What each submission names as its callback_url"

    @admin.display(description="Waiting")
    def waiting(self, endpoint: Any) -> int:
        """Count what it has not taken yet."""
        return int(endpoint.number_waiting)

    @admin.display(description="Given up")
    def given_up(self, endpoint: Any) -> int:
        """Count what it was not told in the end."""
        return int(endpoint.number_given_up)

    @admin.display(description="Last received")
    def received(self, endpoint: Any) -> SafeString | str:
        """Say how long ago it last took something."""
        return ago(endpoint.last_received)

    @admin.display(description="Secret before")
    def old_secret(self, endpoint: WebhookEndpoint) -> SafeString | str:
        """Say until when the secret before this one is signed with too."""
        if endpoint.earlier_until is None:
            return "There was none"
        return until(endpoint.earlier_until, over="no longer signed with, for")
