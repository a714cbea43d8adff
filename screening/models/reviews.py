"""Reviews: what the clinician makes of a draft, until it is signed and after."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from screening.models.clinics import Clinic
from screening.models.jobs import Job
from screening.models.risk import Risk
from screening.results import UNCLASSIFIED

SIGNED = ("SIGNED_OFF", "DELIVERED")


def _person(**options: object) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        **options,  # type: ignore[arg-type]
    )


class Reason(models.TextChoices):
    """Why a clinician changed the risk."""

    CHECKLIST = "checklist", "Checklist weighs more"
    FINDING = "finding", "Finding not in the draft"
    CONCERN = "concern", "Caregiver's concern"
    SENSES = "senses", "Hearing or vision"
    BORN_EARLY = "born_early", "Born early"
    OTHER = "other", "Other"


class Review(models.Model):
    """The clinician's side of a job. It begins as a copy of the draft.

    ``version`` counts what was saved: who saves or signs must have seen the newest.
    Once signed it is never changed; what comes later is an `Addendum`.
    """

    class State(models.TextChoices):
        """Nothing automatic goes past needing review (DOMAIN: human in the loop)."""

        REQUIRES_REVIEW = "REQUIRES_REVIEW", "Needs review"
        SIGNED_OFF = "SIGNED_OFF", "Signed"
        DELIVERED = "DELIVERED", "Released"

    class Outcome(models.TextChoices):
        """What the signature means: computed from the differences, never claimed."""

        APPROVED = "approved", "Signed as drafted"
        MODIFIED = "modified", "Signed with changes"
        OVERRODE = "overrode", "Signed with a different risk"

    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="review")
    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, related_name="reviews", editable=False
    )
    state = models.CharField(
        max_length=15, choices=State, default=State.REQUIRES_REVIEW, editable=False
    )
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    due_at = models.DateTimeField(null=True, editable=False)
    assignee = _person(db_index=True)
    claimed_at = models.DateTimeField(null=True, editable=False)
    had_by = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="+",
        editable=False,
        help_text="Who has it, had it or saw it open, and so cannot read it second.",
    )

    risk = models.CharField(max_length=12, choices=Risk)
    reason_code = models.CharField(
        max_length=12, choices=Reason, blank=True, default="", db_default=""
    )
    reason_text = models.CharField(
        max_length=1000, blank=True, default="", db_default=""
    )
    summary = models.JSONField(default=list, blank=True)
    recommendations = models.JSONField(default=list, blank=True)
    parent_text = models.TextField(blank=True)
    note = models.TextField(
        blank=True, default="", db_default="", help_text="Not in the report."
    )
    acknowledged = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        editable=False,
        help_text="Safety flags that were acknowledged: which, by whom, when.",
    )
    family_approved_by = _person()
    family_approved_at = models.DateTimeField(null=True, editable=False)
    second_read_for = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Why a second reader is asked: never shown to them.",
    )

    # What the worklist asks of each row without reading the child's words.
    listed_risk = models.CharField(
        max_length=12, blank=True, default="", db_default="", editable=False
    )
    draft_risk = models.CharField(
        max_length=12, blank=True, default="", db_default="", editable=False
    )
    age_months = models.PositiveSmallIntegerField(null=True, editable=False)
    gestational_weeks = models.PositiveSmallIntegerField(null=True, editable=False)
    has_lost_skill = models.BooleanField(db_default=False, editable=False)
    has_concern = models.BooleanField(db_default=False, editable=False)
    is_text_only = models.BooleanField(db_default=False, editable=False)
    confidence = models.FloatField(null=True, editable=False)
    window_months = models.PositiveSmallIntegerField(null=True, editable=False)
    window_closes_on = models.DateField(null=True, editable=False)
    escalated_at = models.DateTimeField(null=True, editable=False)

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    signed_off_by = _person()
    signed_off_at = models.DateTimeField(null=True, blank=True, editable=False)
    signer_name = models.CharField(
        max_length=300, blank=True, default="", db_default="", editable=False
    )
    outcome = models.CharField(
        max_length=8,
        choices=Outcome,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    changes = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        editable=False,
        help_text="Field by field: the draft's and the signed text.",
    )
    meaning = models.TextField(blank=True, default="", db_default="", editable=False)
    content_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="SHA-256 of exactly what was signed.",
    )
    released_at = models.DateTimeField(null=True, editable=False)
    released_by = _person()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("sign_off_review", "Can sign off a review"),
            ("release_review", "Can release a signed report"),
            ("adjudicate_review", "Can decide between two readers"),
            ("export_lists", "Can export lists as CSV"),
        ]
        indexes = [
            models.Index(name="review_by_state", fields=["state", "-id"]),
            models.Index(
                name="review_by_due_time",
                fields=["due_at", "id"],
                condition=Q(state="REQUIRES_REVIEW"),
            ),
            models.Index(
                name="review_open_of_clinic",
                fields=["clinic", "due_at"],
                condition=Q(state="REQUIRES_REVIEW"),
            ),
            models.Index(
                name="review_signed_of_clinic",
                fields=["clinic", "-signed_off_at"],
                condition=~Q(state="REQUIRES_REVIEW"),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="review_signed_off_by_someone",
                condition=Q(
                    state__in=SIGNED,
                    signed_off_by__isnull=False,
                    signed_off_at__isnull=False,
                )
                | Q(
                    state="REQUIRES_REVIEW",
                    signed_off_by__isnull=True,
                    signed_off_at__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="review_signed_with_a_usable_risk",
                condition=Q(state="REQUIRES_REVIEW") | ~Q(risk=UNCLASSIFIED),
            ),
            models.CheckConstraint(
                name="review_signed_with_meaning_and_digest",
                condition=Q(
                    state="REQUIRES_REVIEW", outcome="", meaning="", content_digest=""
                )
                | (
                    Q(state__in=SIGNED)
                    & ~Q(outcome="")
                    & ~Q(meaning="")
                    & ~Q(content_digest="")
                ),
            ),
            models.CheckConstraint(
                name="review_released_with_family_text_approved",
                condition=~Q(state="DELIVERED")
                | Q(parent_text="")
                | Q(family_approved_by__isnull=False, family_approved_at__isnull=False),
            ),
            models.CheckConstraint(
                name="review_released_only_if_signed",
                condition=Q(
                    state="DELIVERED",
                    released_at__isnull=False,
                    released_by__isnull=False,
                )
                | (
                    ~Q(state="DELIVERED")
                    & Q(released_at__isnull=True, released_by__isnull=True)
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.job_id} ({self.state})"


class Signature(models.Model):
    """One signature under exactly one content. The database asks for it.

    A review becomes signed only where its signature is there already, with the same
    digest and person: no other path signs.
    """

    review = models.OneToOneField(
        Review, on_delete=models.PROTECT, related_name="signature"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    content = models.JSONField(help_text="Exactly what was signed.")
    content_digest = models.CharField(max_length=64)
    signed_at = models.DateTimeField(editable=False)

    def __str__(self) -> str:
        return f"signature under review {self.review_id}"


class SecondRead(models.Model):
    """A second reader's own view, given without having seen any other."""

    review = models.OneToOneField(
        Review, on_delete=models.PROTECT, related_name="second_read"
    )
    first_reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    risk = models.CharField(max_length=12, choices=Risk)
    why = models.CharField(max_length=1000)
    sent_at = models.DateTimeField(db_default=Now(), editable=False)
    adjudicator = _person()
    adjudicated_risk = models.CharField(
        max_length=12, choices=Risk, blank=True, default=""
    )
    adjudicated_why = models.CharField(max_length=1000, blank=True, default="")
    adjudicated_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="second_read_by_another_person",
                condition=~Q(reader=F("first_reader")),
            ),
            models.CheckConstraint(
                name="second_read_decided_by_a_third_person",
                condition=Q(adjudicator__isnull=True)
                | (~Q(adjudicator=F("first_reader")) & ~Q(adjudicator=F("reader"))),
            ),
            models.CheckConstraint(
                name="second_read_gives_a_usable_risk",
                condition=~Q(risk=UNCLASSIFIED),
            ),
        ]

    def __str__(self) -> str:
        return f"second read of review {self.review_id}"


class Addendum(models.Model):
    """What was added to a signed report: signed by itself, and never changed."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="addenda")
    number = models.PositiveIntegerField()
    text = models.TextField()
    signed_off_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    signer_name = models.CharField(max_length=300)
    signed_off_at = models.DateTimeField(db_default=Now(), editable=False)
    content_digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["number"]
        verbose_name_plural = "addenda"
        constraints = [
            models.UniqueConstraint(
                name="addendum_numbered_once", fields=["review", "number"]
            )
        ]

    def __str__(self) -> str:
        return f"addendum {self.number} to review {self.review_id}"
