"""Roles: named sets of rights, which are Django's groups."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest

from people.services.persons import rights_of, role_changed

admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """Django's own pages, with what they change told in the audit log."""

    filter_horizontal = ()

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Offer the rights as boxes to tick."""
        kwargs["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let no role go that somebody has: that would change what they may do."""
        if obj is not None and obj.user_set.exists():
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Delete roles one at a time alone."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: Any, obj: Group, form: Any, change: bool) -> None:
        """Note what the role could do before."""
        request.rights_before = rights_of(obj.pk)
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: Any, form: Any, formsets: Any, change: bool
    ) -> None:
        """Tell of the change once all of it is stored, in the same transaction."""
        super().save_related(request, form, formsets, change)
        role_changed(form.instance, before=request.rights_before, by=request.user)
