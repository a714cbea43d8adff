"""The consent ledger. Rows are added, and revoked once; nothing else changes them."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from consent import decision
from wire.texts import CASE_ID, NO_TAGS

REVOCATION = {"revoked_at", "revoked_by"}


class ConsentIsKept(Exception):
    """Consents are kept as they were given: one may be revoked, and no more."""


class Scope(models.TextChoices):
    """What a consent may allow. Values are stored and never change."""

    SCREENING = decision.SCREENING, "Screening"
    CLOUD_INFERENCE = decision.CLOUD_INFERENCE, "Model servers outside of the clinic"
    RAW_MEDIA = decision.RAW_MEDIA, "Raw pictures and sounds"
    RESEARCH = decision.RESEARCH, "Research"


class State(models.TextChoices):
    """How one version of a consent stands now; none but the first allows anything."""

    IN_FORCE = decision.IN_FORCE, "In force"
    REVOKED = decision.REVOKED, "Revoked"
    REPLACED = "replaced", "Replaced"
    EXPIRED = decision.EXPIRED, "Expired"
    NOT_YET = decision.NOT_YET, "Not yet"


def check_identifier(identifier: str) -> None:
    """Check an identifier, of a consent or of a case.

    Raises:
        ValidationError: not all of its characters can be seen.
    """
    CASE_ID(identifier)
    NO_TAGS(identifier)


def check_scopes(scopes: Any) -> None:
    """Check a list of scopes.

    Raises:
        ValidationError: it is no list, or one of them is not known or there twice.
    """
    if not isinstance(scopes, list) or not all(
        isinstance(scope, str) and scope in Scope.values for scope in scopes
    ):
        raise ValidationError(f"Scopes are some of {', '.join(Scope.values)}.")
    if len(set(scopes)) < len(scopes):
        raise ValidationError("Each scope is named once.")


class ConsentQuerySet(models.QuerySet["Consent"]):
    """Reading the ledger by the database's clock, and adding to it."""

    def of_case(self, clinic: str, case_id: str) -> Self:
        """Keep the consents of one case, all their versions."""
        return self.filter(clinic=clinic, case_id=case_id)

    def newest(self) -> Self:
        """Keep the newest version of each consent: no other counts.

        Versions are compared whatever case they name, so that a row that got in past
        the services allows nothing more.
        """
        return self.exclude(_is_replaced())

    def with_state(self) -> Self:
        """Tell the ``state`` of each."""
        return self.annotate(
            state=models.Case(
                models.When(revoked_at__isnull=False, then=models.Value(State.REVOKED)),
                models.When(_is_replaced(), then=models.Value(State.REPLACED)),
                models.When(expires_at__lte=Now(), then=models.Value(State.EXPIRED)),
                models.When(given_at__gt=Now(), then=models.Value(State.NOT_YET)),
                default=models.Value(State.IN_FORCE),
                output_field=models.CharField(),
            )
        )

    def in_force(self) -> Self:
        """Keep those that allow something now, with their ``state``."""
        return self.with_state().filter(state=State.IN_FORCE)

    def update(self, **kwargs: Any) -> int:
        """Revoke.

        Raises:
            ConsentIsKept: something else was to be changed.
        """
        if set(kwargs) != REVOCATION:
            raise ConsentIsKept
        return super().update(**kwargs)

    def delete(self) -> NoReturn:
        """Refuse: see `ConsentIsKept`."""
        raise ConsentIsKept

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: see `ConsentIsKept`."""
        raise ConsentIsKept


class Consent(models.Model):
    """One version of one consent: what it allows for a case, and until when.

    A change of scopes or expiry is another row with the next version. The case is named
    by value, as in the audit log: a consent may be known before its case is.
    """

    class GivenBy(models.TextChoices):
        """Who gave it: a role, never a name."""

        PARENT = "parent", "Parent"
        GUARDIAN = "guardian", "Guardian"
        SELF = "self", "Self"
        CLINICIAN = "clinician", "Clinician"

    clinic = models.SlugField(max_length=64, db_index=False, help_text="By its slug.")
    case_id = models.CharField("case", max_length=128, validators=[check_identifier])
    consent_id = models.CharField(
        "consent",
        max_length=128,
        validators=[check_identifier],
        help_text="The clinic's own identifier of it.",
    )
    version = models.PositiveIntegerField(default=1)
    scopes = models.JSONField(default=list, blank=True, validators=[check_scopes])
    given_by = models.CharField(max_length=16, choices=GivenBy)
    recorded_by = models.CharField(
        max_length=150, help_text="user:…, key:… or system:…"
    )
    given_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.CharField(max_length=150, blank=True, editable=False)

    state: str
    """Set by `ConsentQuerySet.with_state`."""

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(name="consent_by_case", fields=["clinic", "case_id"]),
        ]
        constraints = [
            models.UniqueConstraint(
                name="consent_once_per_version",
                fields=["clinic", "consent_id", "version"],
            ),
            models.CheckConstraint(
                name="consent_names_clinic_case_and_itself",
                condition=~Q(clinic="") & ~Q(case_id="") & ~Q(consent_id=""),
            ),
            models.CheckConstraint(
                name="consent_versions_from_one", condition=Q(version__gte=1)
            ),
            models.CheckConstraint(
                name="consent_given_by_known",
                condition=Q(given_by__in=["parent", "guardian", "self", "clinician"]),
            ),
            models.CheckConstraint(
                name="consent_recorded_by_someone", condition=~Q(recorded_by="")
            ),
            models.CheckConstraint(
                name="consent_expires_after_given",
                condition=Q(expires_at=None) | Q(expires_at__gt=models.F("given_at")),
            ),
            models.CheckConstraint(
                name="consent_revoked_by_someone",
                condition=Q(revoked_at=None, revoked_by="")
                | (Q(revoked_at__isnull=False) & ~Q(revoked_by="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consent_id}@{self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add a new row.

        Raises:
            ConsentIsKept: the row is stored already.
        """
        if not self._state.adding:
            raise ConsentIsKept
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: see `ConsentIsKept`."""
        raise ConsentIsKept


def _is_replaced() -> Exists:
    newer = Consent._base_manager.filter(
        clinic=OuterRef("clinic"),
        consent_id=OuterRef("consent_id"),
        version__gt=OuterRef("version"),
    )
    return Exists(newer)
