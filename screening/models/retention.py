"""What may not be erased yet, and what was: legal holds and tombstones."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from screening.models.cases import Case

LONGEST_REASON = 200
NOBODY = -1
"""No tombstone has this number, so that what points at it cannot be committed."""


class LegalHold(models.Model):
    """Why a case may not be erased. It stands until it is lifted."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="legal_holds")
    reason = models.CharField(
        max_length=LONGEST_REASON,
        help_text="A reference, such as a file number. Never a name.",
    )
    placed_by = models.CharField(max_length=150)
    placed_at = models.DateTimeField(db_default=Now(), editable=False)
    lifted_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    lifted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                name="legal_hold_once_at_a_time",
                fields=["case"],
                condition=Q(lifted_at=None),
            ),
            models.CheckConstraint(
                name="legal_hold_has_reason_and_person",
                condition=~Q(reason="") & ~Q(placed_by=""),
            ),
            models.CheckConstraint(
                name="legal_hold_lifted_by_someone",
                condition=Q(lifted_at=None, lifted_by="")
                | (Q(lifted_at__isnull=False) & ~Q(lifted_by="")),
            ),
        ]

    def __str__(self) -> str:
        return f"legal hold {self.pk}"


class Tombstone(models.Model):
    """That a case was erased, and the proof of what went. Never a child's words.

    It begins unfinished, which opens the locks of what is signed in that case, and in
    no other. Unfinished it points at a row that cannot be, so that no transaction ends
    before it is finished; and that it can be only once, when the case is gone.
    """

    case_key = models.BigIntegerField(
        unique=True, help_text="The number that the row of the case had."
    )
    clinic = models.SlugField(max_length=64, db_index=False)
    case_digest = models.CharField(
        max_length=64,
        db_index=True,
        help_text="SHA-256 of the clinic, a line end and the case's identifier.",
    )
    reason = models.CharField(
        max_length=LONGEST_REASON,
        help_text="A reference, such as a file number. Never a name.",
    )
    erased_by = models.CharField(max_length=150)
    erased_at = models.DateTimeField(db_default=Now(), editable=False)
    manifest = models.JSONField(
        default=dict, help_text="Of each kind: how many, and the SHA-256 of which."
    )
    digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of the manifest, as the event has it.",
    )
    unfinished = models.ForeignKey(
        "self",
        null=True,
        default=NOBODY,
        on_delete=models.DO_NOTHING,
        related_name="+",
        editable=False,
    )

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="tombstone_numbered_from_one", condition=Q(id__gte=1)
            ),
            models.CheckConstraint(
                name="tombstone_unfinished_or_with_digest",
                condition=Q(unfinished=NOBODY, digest="")
                | (Q(unfinished=None) & ~Q(digest="")),
            ),
            models.CheckConstraint(
                name="tombstone_has_reason_and_person",
                condition=~Q(reason="") & ~Q(erased_by=""),
            ),
        ]

    def __str__(self) -> str:
        return f"tombstone {self.pk}"
