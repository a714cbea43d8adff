"""What Django looks for in a database's package."""

from __future__ import annotations

from django.db.backends.postgresql import base
from django.utils.functional import cached_property

from pediscreen_site.databases.counted import CountedErrors


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own in all else."""

    @cached_property
    def wrap_database_errors(self) -> CountedErrors:
        """Stand around every call of the driver."""
        return CountedErrors(self)
