"""The consent ledger in the admin: to read, never to write."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.pages import EMPTY, ReadOnly, bullets, tag
from consent.models import Consent, ConsentQuerySet, Scope, State

STATE_TAGS = {
    State.IN_FORCE: ("check", "is-ok"),
    State.REVOKED: ("stop", "is-bad"),
    State.REPLACED: ("dash", ""),
    State.EXPIRED: ("wait", "is-warn"),
    State.NOT_YET: ("wait", ""),
}
"""State -> icon and kind."""


def words_of(scopes: list[str]) -> list[str]:
    """Put scopes into words, and one that is not known as it is."""
    words = dict(Scope.choices)
    return [str(words.get(scope, scope)) for scope in scopes]


class StateFilter(admin.SimpleListFilter):
    """Narrow the list by what is told of each row."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """Offer every state."""
        return State.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the state that was chosen."""
        chosen = self.value()
        return queryset.filter(state=chosen) if chosen else queryset


@admin.register(Consent)
class ConsentAdmin(ReadOnly):
    """Consents, newest first, each of their versions. Services write them."""

    list_display = [
        "consent_id",
        "version",
        "case_id",
        "clinic",
        "state_tag",
        "scopes_in_a_line",
        "given_by",
        "given_at",
        "expires_at",
    ]
    list_filter = [StateFilter, "clinic"]
    search_fields = ["case_id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A case or a consent, exactly as it is written."
    exact_search = {"case_id": str, "consent_id": str}
    actions: Any = None
    fields: ClassVar[Any] = [
        "state_tag",
        "case_id",
        "clinic",
        "consent_id",
        "version",
        "scopes_in_words",
        "given_by",
        "given_at",
        "recorded_by",
        "expires_at",
        "revoked_at",
        "revoked_by",
    ]

    def get_queryset(self, request: HttpRequest) -> ConsentQuerySet:
        """Tell of each row how it stands."""
        return Consent.objects.with_state().order_by("-id")

    @admin.display(description="State")
    def state_tag(self, consent: Consent) -> SafeString:
        """Show how it stands, as icon and word."""
        state = State(consent.state)
        name, kind = STATE_TAGS[state]
        return tag(name, kind, str(state.label))

    @admin.display(description="Allows")
    def scopes_in_a_line(self, consent: Consent) -> str:
        """Name what it allows, in short."""
        return ", ".join(words_of(consent.scopes)) or EMPTY

    @admin.display(description="Allows")
    def scopes_in_words(self, consent: Consent) -> SafeString | str:
        """Name what it allows, one a line."""
        return bullets(words_of(consent.scopes))
