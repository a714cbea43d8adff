"""Counting what the database would not do, in whichever process and thread."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from django.db import DatabaseError, Error, IntegrityError
from django.db.utils import DatabaseErrorWrapper

from routing.counts import DATABASE_ERRORS, counts

LOCK_NOT_AVAILABLE = "55P03"


class CountedErrors(DatabaseErrorWrapper):
    """Sees each error of a driver once, when it is turned into one of Django's."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raise Django's error for the driver's, and count it."""
        try:
            super().__exit__(exc_type, exc_value, traceback)
        except Error as exc:
            if is_failure(exc):
                counts().add(DATABASE_ERRORS)
            raise


def is_failure(exc: Error) -> bool:
    """Say whether the database failed, or we did.

    A constraint that holds, and a row that another request has locked, are no failure:
    a client could make any number of them.
    """
    cause: Any = exc.__cause__
    is_expected = isinstance(exc, IntegrityError) or (
        isinstance(exc, DatabaseError)
        and getattr(cause, "sqlstate", "") == LOCK_NOT_AVAILABLE
    )
    return not is_expected
