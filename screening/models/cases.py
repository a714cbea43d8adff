"""One child's screening episode."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from screening.models.clinics import Clinic


class Case(models.Model):
    """One child's screening episode, by the clinic's own identifier."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="cases")
    case_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                name="case_once_per_clinic", fields=["clinic", "case_id"]
            ),
            models.CheckConstraint(name="case_is_named", condition=~Q(case_id="")),
        ]

    def __str__(self) -> str:
        return self.case_id
