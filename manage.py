"""Run a management command: ``python manage.py help`` lists them."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError

from pediscreen_site.logs import refuse

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pediscreen_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        refuse(f"Configuration error: {exc}")
    except (OperationalError, ProgrammingError) as exc:
        refuse(
            f"The database cannot be used ({type(exc).__name__}). See that it is where "
            "DATABASE_URL says, then run: python manage.py migrate"
        )
