"""Clinics, and the keys that open them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import ManyToManyField, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest

from audit.pages import ReadOnly
from screening.models import ApiKey, Clinic
from screening.services.keys import revoke_key
from screening.services.membership import members_changed, members_of
from screening.services.sight import clinics_seen_by, persons_seen_by, slugs_of


class ClinicFilter(admin.RelatedFieldListFilter):
    """Narrow a list by the clinics of whoever looks; none is offered beside them."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[str, Any]]:
        """Name the person's clinics."""
        user: Any = request.user
        own = Clinic.objects.filter(slug__in=slugs_of(user))
        return [(str(pk), name) for pk, name in own.values_list("pk", "name")]


@admin.register(Clinic)
class ClinicAdmin(admin.ModelAdmin):
    """The tenants."""

    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]
    formfield_overrides: ClassVar[Any] = {
        ManyToManyField: {"widget": CheckboxSelectMultiple}
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Clinic]:
        """Leave out the clinics to which the person does not belong."""
        user: Any = request.user
        return clinics_seen_by(user, super().get_queryset(request))

    def formfield_for_manytomany(
        self, db_field: Any, request: Any, **kwargs: Any
    ) -> Any:
        """Offer as members whom the person may see: all who are members already too."""
        persons: Any = User.objects.order_by("username")
        kwargs["queryset"] = persons_seen_by(request.user, persons)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A clinic's cases are kept, and so is it."""
        return False

    def save_related(
        self, request: Any, form: Any, formsets: Any, change: bool
    ) -> None:
        """Tell who came and who went, in the transaction in which they do.

        Whoever adds a clinic belongs to it, or would not see it any more.
        """
        before = members_of(form.instance)
        super().save_related(request, form, formsets, change)
        if not change and not request.user.is_superuser:
            form.instance.members.add(request.user)
        members_changed(form.instance, before=before, actor=f"user:{request.user.pk}")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    """Keys, newest first. They are made by ``manage.py create_api_key``."""

    list_display = [
        "name",
        "prefix",
        "clinic",
        "scope_list",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    list_filter: ClassVar[Any] = [("clinic", ClinicFilter)]
    list_select_related = ["clinic"]
    fields: ClassVar[Any] = list_display
    actions = ["revoke_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Leave out what opens another clinic."""
        user: Any = request.user
        keys: QuerySet[ApiKey] = super().get_queryset(request)
        return keys if user.is_superuser else keys.filter(clinic__members=user)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Ask for the right to change keys."""
        user: Any = request.user
        return bool(user.has_perm("screening.change_apikey"))

    @admin.action(description="Revoke the chosen keys", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke each; a revoked key opens nothing again."""
        for key in queryset.select_related("clinic"):
            revoke_key(key, actor=f"user:{request.user.pk}")
        self.message_user(request, "The keys open nothing from now on.")

    @admin.display(description="Scopes")
    def scope_list(self, key: ApiKey) -> str:
        """Name the scopes."""
        return ", ".join(key.scopes)
