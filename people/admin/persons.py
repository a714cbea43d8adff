"""The pages on which persons are added, changed and disabled; nobody is deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.pages import tag
from people.errors import NotAllowed
from people.pages import password_changed
from people.services.factors import remove_factor
from people.services.persons import person_changed, standing_of

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Django's own pages, with what they change told in the audit log."""

    list_display = (
        "username",
        "first_name",
        "last_name",
        "role_names",
        "factor_tag",
        "is_active",
        "last_login",
    )
    list_filter = ("is_active", "is_superuser", "groups")
    filter_horizontal = ()  # of which axe-core finds that not everybody can use it
    actions = ["take_factor_away"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Read with each person whether there is a second factor."""
        own = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        found: QuerySet[User] = super().get_queryset(request)
        return found.annotate(has_factor=Exists(own)).prefetch_related("groups")

    def formfield_for_manytomany(
        self, db_field: Any, request: Any, **kwargs: Any
    ) -> Any:
        """Offer roles and rights as boxes to tick."""
        kwargs["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let administrators alone make administrators, and give rights singly."""
        given = (
            *super().get_readonly_fields(request, obj),
            "last_login",
            "date_joined",
        )
        if _is_administrator(request):
            return given
        return (*given, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep those with a right to change persons from raising themselves."""
        if obj is not None and not _is_administrator(request):
            user: Any = request.user
            if obj.is_superuser or obj.pk == user.pk:
                return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What somebody signed is kept, and so is who it was: disable instead."""
        return False

    def has_factor_permission(self, request: HttpRequest) -> bool:
        """Ask for the right to take a second factor away."""
        user: Any = request.user
        return bool(user.has_perm("people.remove_second_factor"))

    def save_model(self, request: Any, obj: User, form: Any, change: bool) -> None:
        """Note how the person stood before."""
        request.standing_before = standing_of(obj.pk)
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: Any, form: Any, formsets: Any, change: bool
    ) -> None:
        """Tell of the change once all of it is stored, in the same transaction."""
        super().save_related(request, form, formsets, change)
        person_changed(form.instance, before=request.standing_before, by=request.user)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Set somebody's password, who then logs in anew."""
        person = self.get_object(request, id)
        stock: Any = super()
        if person is None:
            missing: HttpResponse = stock.user_change_password(request, id, form_url)
            return missing
        response: HttpResponse = password_changed(
            request, person, lambda: stock.user_change_password(request, id, form_url)
        )
        return response

    @admin.action(description="Take the second factor away", permissions=["factor"])
    def take_factor_away(self, request: Any, queryset: QuerySet[User]) -> None:
        """Take it from each who has one; they set up another at the next log-in."""
        taken = 0
        for person in queryset:
            try:
                taken += remove_factor(person, by=request.user)
            except NotAllowed as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
        noun = "person has" if taken == 1 else "persons have"
        self.message_user(request, f"{taken} {noun} no second factor any more.")

    @admin.display(description="Roles")
    def role_names(self, person: User) -> str:
        """Name the roles."""
        return ", ".join(group.name for group in person.groups.all()) or "-"

    @admin.display(description="Second factor")
    def factor_tag(self, person: Any) -> SafeString:
        """Say whether there is one."""
        if person.has_factor:
            return tag("check", "is-ok", "Set up")
        return tag("dash", "", "None")


def _is_administrator(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_superuser)
