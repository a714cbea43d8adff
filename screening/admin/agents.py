"""Agents and model servers in the admin, as a person sees them.

An agent sees the work of one clinic, and is that clinic's; one that may see any
clinic's work is shared, as configured servers are, and shown to all who run them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from routing.admin.agents import AgentAdmin, AllowanceForm, RegistrationForm
from routing.admin.targets import TargetHealthAdmin
from routing.models import Agent, TargetHealth
from routing.services.overview import Row
from screening.services.sight import agents_seen_by, slugs_of


class OwnClinic(AllowanceForm):
    """Takes a clinic of one's own; a superuser's any, or every clinic."""

    own: frozenset[str] | None = None
    """Slugs of the clinics that may be named; nothing for every one and for none."""

    def clean_clinic(self) -> str:
        """Let nobody show an agent what they cannot see themselves."""
        clinic: str = self.cleaned_data["clinic"]
        if self.own is None or clinic in self.own or clinic == self.initial_clinic():
            return clinic
        raise ValidationError("Name a clinic of your own.")

    def initial_clinic(self) -> str | None:
        """Return whose work the agent sees already, if it is there."""
        return self.instance.clinic if self.instance.pk else None


class OwnRegistration(RegistrationForm, OwnClinic):
    """A new agent, for a clinic of one's own."""


class OfOwnClinics:
    """Leaves out the agents of other clinics, and what was seen of them."""

    def rows(self, request: Any) -> dict[str, Row]:
        """Return how the targets do that the person may see."""
        if not hasattr(request, "rows_of_own"):
            rows: dict[str, Row] = super().rows(request)  # type: ignore[misc]
            seen = None if request.user.is_superuser else {"", *slugs_of(request.user)}
            request.rows_of_own = {
                name: row
                for name, row in rows.items()
                if seen is None or row.agent is None or row.agent.clinic in seen
            }
        found: dict[str, Row] = request.rows_of_own
        return found


admin.site.unregister(Agent)
admin.site.unregister(TargetHealth)


@admin.register(Agent)
class AgentOfClinicAdmin(OfOwnClinics, AgentAdmin):
    """Agents of the person's clinics, and those that are shared."""

    change_form_class, add_form_class = OwnClinic, OwnRegistration

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """Leave out what sees another clinic's work."""
        user: Any = request.user
        return agents_seen_by(user, super().get_queryset(request))

    def get_form(
        self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Take the person's clinics alone."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        user = request.user
        form.own = None if user.is_superuser else frozenset(slugs_of(user))
        return form


@admin.register(TargetHealth)
class ServerOfClinicAdmin(OfOwnClinics, TargetHealthAdmin):
    """Model servers, but the agents of other clinics."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[TargetHealth]:
        """Leave out the agents of other clinics."""
        user: Any = request.user
        servers: QuerySet[TargetHealth] = super().get_queryset(request)
        if user.is_superuser:
            return servers
        agents = Agent.objects.all()
        seen = agents_seen_by(user, agents).values("pk")
        others = agents.exclude(pk__in=seen)
        return servers.exclude(name__in=others.values("agent_id"))
