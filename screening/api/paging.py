"""Pages by key: the next page begins after the last row of this one, at any depth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core import signing
from rest_framework.exceptions import ParseError

SALT = "jobs-cursor"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row seen, in the order newest first."""

    created_at: datetime
    id: UUID

    def write(self) -> str:
        """Return it as opaque text that only we can make."""
        plain = json.dumps([self.created_at.isoformat(), str(self.id)])
        return signing.dumps(plain, salt=SALT, compress=True)


def read_cursor(text: str) -> Cursor:
    """Read what `Cursor.write` wrote.

    Raises:
        ParseError: it is nothing that we wrote.
    """
    try:
        created_at, pk = json.loads(signing.loads(text, salt=SALT))
    except signing.BadSignature:
        raise ParseError("The cursor is not one that this server gave out.") from None
    return Cursor(datetime.fromisoformat(created_at), UUID(pk))
