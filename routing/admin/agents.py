"""Agents in the admin: how each does, and whether it may work."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.pages import link
from routing.admin.targets import TargetAdmin, ago, below, milliseconds
from routing.models import Agent, Capability
from routing.registrations import (
    AGENT_ID,
    LOCATION,
    PULL,
    TOKEN_ENV,
    WORD,
    check_endpoint,
)
from routing.services.overview import Row
from routing.services.registration import (
    Registration,
    allow_agent,
    approve_agent,
    disable_agent,
    enable_agent,
    register_agent,
)
from wire.errors import Refusal

RULES: dict[str, Any] = {
    "agent_id": AGENT_ID,
    "endpoint": check_endpoint,
    "location": LOCATION,
    "model": WORD,
    "version": WORD,
    "clinic": validate_slug,
    "token_env": TOKEN_ENV,
}


IN_WORDS = {
    "capabilities": "can_do",
    "supports_raw_media": "raw_media",
    "gpu": "has_gpu",
}
"""Field -> what shows it without code or picture."""


def protocols() -> list[tuple[str, str]]:
    """List the ways in which work gets to an agent."""
    return [(name, name) for name in (*settings.MODEL_PROTOCOLS, PULL)]


def yes_or_no(value: bool) -> str:
    """Put a tick into a word."""
    return "Yes" if value else "No"


def page_of(agent: Agent) -> str:
    """Return where an agent's own page is."""
    return reverse("admin:routing_agent_change", args=[agent.pk])


class AllowanceForm(forms.ModelForm):
    """What we allow an agent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, rule in RULES.items():
            if name in self.fields:
                self.fields[name].validators.append(rule)


class RegistrationForm(AllowanceForm):
    """What an agent would say of itself, by the rules that hold over HTTP too."""

    refusal = ""
    """Why the service did not take what was valid so far."""

    capabilities = forms.MultipleChoiceField(
        choices=Capability, widget=forms.CheckboxSelectMultiple, label="Can do"
    )
    protocol = forms.ChoiceField(choices=protocols)

    class Meta:
        error_messages = {
            "agent_id": {"unique": "An agent of this name is registered already."}
        }
        help_texts = {
            "agent_id": "Its name, which stays.",
            "endpoint": "An https URL on an allowed port; none is needed for pull.",
            "location": "Such as edge-room-2 or cloud-west. At the edge, data stays in "
            "the clinic.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["endpoint"].required = False

    def clean(self) -> Any:
        """Show the refusal of the service, if there was one.

        Only an agent that pulls needs no endpoint.
        """
        if self.refusal:
            raise ValidationError(self.refusal)
        found = super().clean() or self.cleaned_data
        given = "endpoint" in self.errors or found.get("endpoint")
        if not given and found.get("protocol") != PULL:
            field = self.fields["endpoint"]
            self.add_error("endpoint", field.error_messages["required"])
        return found


@admin.register(Agent)
class AgentAdmin(TargetAdmin):
    """Agents: how each does, and whether it may work. Most register themselves."""

    key = "agent_id"
    list_display = [
        "agent",
        "state_and_heard",
        "clinic_or_any",
        "location",
        "can_do",
        "p50",
        "p95",
        "load",
        "latest_error",
    ]
    search_fields = ["agent_id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "An agent or a clinic's slug, exactly as it is written."
    exact_search = {"agent_id": str, "clinic": str}
    actions = ["approve_selected", "enable_selected", "disable_selected"]
    allowance = ["clinic", "token_env"]
    described = ["endpoint", "capabilities", "location", "supports_raw_media", "gpu"]
    described += ["protocol", "model", "version"]
    change_form_class: type[AllowanceForm] = AllowanceForm
    add_form_class: type[AllowanceForm] = RegistrationForm

    def listed(self, row: Row) -> Agent | None:
        """Leave the configured targets to the page on model servers."""
        return row.agent

    def get_fieldsets(self, request: HttpRequest, obj: Agent | None = None) -> Any:
        """Ask for what an agent would say, or show all that there is."""
        if obj is None:
            return [(None, {"fields": ["agent_id", *self.described, "clinic"]})]
        said = [IN_WORDS.get(name, name) for name in self.described]
        said += ["health_status", "load", "told_latency"]
        allowed = [*self.allowance, "approved", "enabled", "registered"]
        does = ["circuit", "p50", "p95", "number_answered", "number_failed"]
        return [
            (None, {"fields": [("state_and_meaning", "heard")]}),
            ("What it says of itself", {"fields": said}),
            ("What we allow it", {"fields": allowed}),
            ("How it does", {"fields": [*does, "latest_error", "last_check"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Take for an agent that is there no more than what we allow it."""
        if obj is None:
            return []
        shown = super().get_readonly_fields(request, obj)
        return [name for name in shown if name not in self.allowance]

    def get_form(
        self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Use the form of what is to be done, with what was refused before."""
        kwargs["form"] = self.change_form_class if change else self.add_form_class
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", "")
        return form

    def title_of(self, row: Agent | None) -> tuple[str, str]:
        """Name the page after the agent, if there is one."""
        return super().title_of(row) if row else ("Register an agent", "")

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer one way to save."""
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    # --- What can be done -----------------------------------------------------------

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the right to add agents."""
        user: Any = request.user
        return bool(user.has_perm("routing.add_agent"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the right to change agents, for the actions too."""
        user: Any = request.user
        return bool(user.has_perm("routing.change_agent"))

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
        except Refusal as exc:
            request.refusal = str(exc)
            response = view(extra_context)
        return response

    def save_model(self, request: Any, obj: Agent, form: Any, change: bool) -> None:
        """Hand over to the service, which alone writes."""
        actor = f"user:{request.user.pk}"
        if change:
            allow_agent(obj, clinic=obj.clinic, token_env=obj.token_env, actor=actor)
            return
        said = {name: getattr(obj, name) for name in self.described}
        said["capabilities"] = tuple(obj.capabilities)
        registration = Registration(agent_id=obj.agent_id, **said)
        obj.pk = register_agent(registration, clinic=obj.clinic, actor=actor).pk

    def response_add(
        self, request: HttpRequest, obj: Agent, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Say what comes next, and show the agent."""
        words = f"{obj} is registered. It gets no work until it is approved."
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(
            reverse("admin:routing_agent_change", args=[obj.pk])
        )

    def response_change(self, request: HttpRequest, obj: Agent) -> HttpResponse:
        """Say what was done, and show the agent."""
        self.message_user(request, f"{obj}: saved.", messages.SUCCESS)
        return HttpResponseRedirect(
            reverse("admin:routing_agent_change", args=[obj.pk])
        )

    @admin.action(description="Approve the chosen agents", permissions=["change"])
    def approve_selected(self, request: Any, queryset: QuerySet[Agent]) -> None:
        """Let each be given work, as it describes itself now."""
        self._each(
            request, queryset.filter(approved_at=None), approve_agent, "approved"
        )

    @admin.action(description="Enable", permissions=["change"])
    def enable_selected(self, request: Any, queryset: QuerySet[Agent]) -> None:
        """Give each work again."""
        self._each(request, queryset.filter(is_enabled=False), enable_agent, "enabled")

    @admin.action(description="Disable", permissions=["change"])
    def disable_selected(self, request: Any, queryset: QuerySet[Agent]) -> None:
        """Give each no work for now."""
        self._each(request, queryset.filter(is_enabled=True), disable_agent, "disabled")

    def _each(
        self, request: Any, queryset: QuerySet[Agent], step: Any, done: str
    ) -> None:
        count = 0
        for agent in queryset:
            step(agent, actor=f"user:{request.user.pk}")
            count += 1
        if not count:
            self.message_user(request, f"Each was {done} already.", messages.INFO)
            return
        agents = "1 agent" if count == 1 else f"{count} agents"
        self.message_user(request, f"{agents} {done}.", messages.SUCCESS)

    # --- What is shown --------------------------------------------------------------

    @admin.display(description="Agent", ordering="agent_id")
    def agent(self, agent: Agent) -> SafeString:
        """Link to the agent's page; below it where it is called."""
        host = re.sub(r"^https?://", "", agent.endpoint).split("/")[0]
        return below(link(agent, agent.agent_id), host)

    @admin.display(description="Clinic", ordering="clinic")
    def clinic_or_any(self, agent: Agent) -> str:
        """Name the one clinic whose work it may see."""
        return agent.clinic or "any"

    @admin.display(description="Can do")
    def can_do(self, agent: Agent) -> str:
        """Name its capabilities in short."""
        return ", ".join(str(name).replace("_", " ") for name in agent.capabilities)

    @admin.display(description="Load", ordering="load_score")
    def load(self, agent: Agent) -> str:
        """Show the load, by its own word."""
        return f"{agent.load_score:.0%}"

    @admin.display(description="State, last heard of", ordering="heard_at")
    def state_and_heard(self, agent: Agent) -> SafeString:
        """Show the state, and below it how long ago the agent was heard of."""
        return below(self.state(agent), ago(agent.heard_at))

    @admin.display(description="Last heard of")
    def heard(self, agent: Agent) -> SafeString | str:
        """Say how long ago it was heard of, and when."""
        return ago(agent.heard_at, dated=True)

    @admin.display(description="Time p95, by its own word")
    def told_latency(self, agent: Agent) -> str:
        """Show within what time it says that it answers."""
        return milliseconds(agent.told_latency_ms)

    @admin.display(description="Approved")
    def approved(self, agent: Agent) -> SafeString | str:
        """Say who approved it, and when."""
        if agent.approved_at is None:
            return "Not yet: it gets no work"
        when = ago(agent.approved_at, dated=True)
        return format_html("by {}, {}", agent.approved_by, when)

    @admin.display(description="Registered")
    def registered(self, agent: Agent) -> SafeString:
        """Say who registered it, and when."""
        when = ago(agent.registered_at, dated=True)
        return format_html("by {}, {}", agent.registered_by, when)

    @admin.display(description="Takes raw media")
    def raw_media(self, agent: Agent) -> str:
        """Say whether it takes pictures and sounds."""
        return yes_or_no(agent.supports_raw_media)

    @admin.display(description="Has a GPU")
    def has_gpu(self, agent: Agent) -> str:
        """Say whether it has a GPU."""
        return yes_or_no(agent.gpu)

    @admin.display(description="Enabled")
    def enabled(self, agent: Agent) -> str:
        """Say whether it may be given work at all."""
        return yes_or_no(agent.is_enabled)
