"""Consents in the admin: recorded and revoked by the services, which stop work too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from consent.admin import ConsentAdmin
from consent.models import Consent, ConsentQuerySet, Scope
from screening.models import Clinic
from screening.services.consents import give_consent, revoke_consent
from screening.services.sight import slugs_of
from wire.errors import Refusal

GIVEN = ["clinic", "case_id", "consent_id", "scopes", "given_by", "until"]


def clinics_of(user: Any) -> list[tuple[str, str]]:
    """List the person's clinics by their slugs."""
    own = Clinic.objects.filter(slug__in=slugs_of(user))
    return list(own.values_list("slug", "name"))


class ConsentForm(forms.ModelForm):
    """What was allowed for a case, and by whom."""

    refusal = ""
    """Why the service did not take what was valid so far."""

    clinics: Sequence[tuple[str, str]] = ()
    """Those of the person who records it."""

    clinic = forms.ChoiceField()
    scopes = forms.MultipleChoiceField(
        choices=Scope,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Allows",
        help_text="None of them: everything is declined.",
    )
    until = forms.DateTimeField(
        required=False,
        # One field with a name; the stock pair has none that is read aloud.
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Empty: until it is revoked.",
    )

    class Meta:
        help_texts = {
            "consent_id": "The clinic's own identifier of it. One that is known "
            "already gets its next version."
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["clinic"]
        field.choices = self.clinics

    def clean(self) -> Any:
        """Show the refusal of the service, if there was one."""
        if self.refusal:
            raise ValidationError(self.refusal)
        return super().clean()

    def validate_unique(self) -> None:
        """Leave it to the service: one that is known gets its next version."""


admin.site.unregister(Consent)


@admin.register(Consent)
class ConsentDesk(ConsentAdmin):
    """The ledger, with what may be done to it."""

    actions = ["revoke_selected"]

    def get_queryset(self, request: HttpRequest) -> ConsentQuerySet:
        """Leave out what is another clinic's."""
        user: Any = request.user
        consents = super().get_queryset(request)
        if user.is_superuser:
            return consents
        return consents.filter(clinic__in=slugs_of(user))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the right to add consents."""
        user: Any = request.user
        return bool(user.has_perm("consent.add_consent"))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Ask for the right to change consents."""
        user: Any = request.user
        return bool(user.has_perm("consent.change_consent"))

    @admin.action(description="Revoke the chosen consents", permissions=["revoke"])
    def revoke_selected(self, request: Any, queryset: QuerySet[Consent]) -> None:
        """Revoke each, and stop what nothing allows any more."""
        jobs = tasks = 0
        chosen = set(queryset.values_list("clinic", "consent_id"))
        for slug, consent_id in sorted(chosen):
            revoked = revoke_consent(
                clinic=Clinic.objects.get(slug=slug),
                consent_id=consent_id,
                actor=f"user:{request.user.pk}",
            )
            jobs, tasks = jobs + revoked.jobs, tasks + revoked.tasks
        words = "1 consent" if len(chosen) == 1 else f"{len(chosen)} consents"
        self.message_user(
            request,
            f"{words} revoked. Stopped: {jobs} jobs, {tasks} tasks.",
            messages.SUCCESS,
        )

    # --- Recording one -------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for what is given, or show all that there is."""
        return GIVEN if obj is None else super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Take nothing for a consent that is there."""
        return [] if obj is None else super().get_readonly_fields(request, obj)

    def get_form(
        self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Use our form for a new one, with what was refused before."""
        if change:
            return super().get_form(request, obj, change, **kwargs)
        kwargs["form"], kwargs["fields"] = ConsentForm, GIVEN
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", "")
        form.clinics = clinics_of(request.user)
        return form

    def title_of(self, row: Consent | None) -> tuple[str, str]:
        """Name the page after the consent, if there is one."""
        return super().title_of(row) if row else ("Record a consent", "")

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer one way to save."""
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

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

    def save_model(self, request: Any, obj: Consent, form: Any, change: bool) -> None:
        """Hand over to the service, which alone writes."""
        said = form.cleaned_data
        given = give_consent(
            clinic=Clinic.objects.get(slug=said["clinic"]),
            case_id=said["case_id"],
            consent_id=said["consent_id"],
            scopes=said["scopes"],
            given_by=said["given_by"],
            expires_at=said["until"],
            actor=f"user:{request.user.pk}",
        )
        obj.pk, obj.version = given.pk, given.version

    def response_add(
        self, request: HttpRequest, obj: Consent, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Say which version it is, and show it."""
        words = f"Consent {obj.consent_id} is recorded, version {obj.version}."
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(
            reverse("admin:consent_consent_change", args=[obj.pk])
        )
