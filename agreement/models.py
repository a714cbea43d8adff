"""Counts of signed reports by what draft, rules and clinician said; never a case."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agreement.ages import BANDS
from screening.models import Clinic, Risk
from screening.results import RISING, UNCLASSIFIED

SAID = ("draft_risk", "rules_risk", "signed_risk")
BY = ("day", "clinic", "model", "adapter", "prompt", "age_band", *SAID)


class Tally(models.Model):
    """How many reports of one day are alike in everything that is compared.

    Reckoned anew from the signatures by ``services.roll_up``, and written by nothing
    else.
    """

    day = models.DateField(help_text="When they were signed, in the desk's time zone.")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    model = models.CharField(max_length=64, blank=True, default="")
    adapter = models.CharField(max_length=64, blank=True, default="")
    prompt = models.CharField(max_length=64, blank=True, default="")
    age_band = models.CharField(max_length=12, choices=BANDS)
    draft_risk = models.CharField(max_length=12, choices=Risk)
    rules_risk = models.CharField(
        max_length=12,
        choices=Risk,
        blank=True,
        default="",
        help_text="Empty where the reference rules say nothing.",
    )
    signed_risk = models.CharField(max_length=12, choices=Risk)
    cases = models.PositiveIntegerField()

    class Meta:
        ordering = ["-day", "id"]
        default_permissions = ("view",)
        verbose_name_plural = "tallies"
        constraints = [
            models.UniqueConstraint(name="tally_once_per_kind", fields=BY),
            models.CheckConstraint(
                name="tally_counts_something", condition=Q(cases__gte=1)
            ),
            models.CheckConstraint(
                name="tally_of_known_risks",
                condition=Q(
                    draft_risk__in=[*RISING, UNCLASSIFIED],
                    rules_risk__in=["", *RISING],
                    signed_risk__in=RISING,
                ),
            ),
        ]
        indexes = [
            models.Index(name="tally_by_clinic_and_day", fields=["clinic", "day"])
        ]

    def __str__(self) -> str:
        return f"{self.cases} signed on {self.day:%Y-%m-%d}"


class RollUp(models.Model):
    """One run: which days were reckoned, and when it had ended."""

    first_day = models.DateField()
    last_day = models.DateField()
    cases = models.PositiveIntegerField(help_text="Signed on those days.")
    ended_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-ended_at", "-id"]
        default_permissions = ()
        verbose_name = "roll-up"

    def __str__(self) -> str:
        return f"{self.first_day:%Y-%m-%d} to {self.last_day:%Y-%m-%d}"
