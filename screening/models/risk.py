"""The risk vocabulary, as it is stored."""

from __future__ import annotations

from django.db import models


class Risk(models.TextChoices):
    """What a draft says of a child, rising; and what it says if it is unusable."""

    ON_TRACK = "on_track", "On track"
    MONITOR = "monitor", "Monitor"
    DISCUSS = "discuss", "Discuss"
    REFER = "refer", "Refer"
    UNCLASSIFIED = "unclassified", "No usable answer"
