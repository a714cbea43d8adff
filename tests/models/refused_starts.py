"""Starts the medgemma backend once for each folder, and prints why it would not.

Run by the Python that has torch, in one process, as its import takes seconds.
"""

from __future__ import annotations

import json
import sys

import django
from django.conf import settings
from django.core.management import CommandError, call_command


def refusal(folder: str) -> str:
    """Return what the command says; empty if it started and ended well."""
    settings.MEDGEMMA_MODEL_PATH = folder
    try:
        call_command("modelserver", backend="medgemma", port=0)
    except CommandError as exc:
        return str(exc)
    return ""


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps({path: refusal(path) for path in sys.argv[1:]}))
