"""The commands of the log, called as by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management import CommandError, call_command

from tests.audit.tampering import KEY


class Said(NamedTuple):
    status: int
    out: str
    err: str


def command(*words: Any, err: io.StringIO | None = None) -> Said:
    """Call a command; give how the process would have ended."""
    out, err = io.StringIO(), err or io.StringIO()
    try:
        call_command(*map(str, words), stdout=out, stderr=err)
    except CommandError as exc:
        return Said(exc.returncode, out.getvalue(), str(exc))
    except SystemExit as exc:
        return Said(int(exc.code or 0), out.getvalue(), err.getvalue())
    return Said(0, out.getvalue(), err.getvalue())


def believe(settings: Any, folder: Path) -> Path:
    """Have this installation believe the log's key, and sign nothing."""
    path = folder / "keys.txt"
    path.write_text(f"{KEY.verifier}  # of the log\n")
    settings.AUDIT_KEY = settings.AUDIT_KEY_FILE = ""
    settings.AUDIT_PUBLIC_KEYS_FILE = str(path)
    return path
