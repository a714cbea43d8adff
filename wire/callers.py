"""Whoever calls a route, as far as a route must know."""

from __future__ import annotations

from typing import Protocol


class Tenant(Protocol):
    """The clinic whose rows a caller may see."""

    @property
    def slug(self) -> str:
        """Return its name in addresses and in the audit."""


class Caller(Protocol):
    """Whoever holds the key of a request."""

    @property
    def actor(self) -> str:
        """Return what is written to the audit."""

    @property
    def clinic(self) -> Tenant:
        """Return the clinic that the key belongs to."""

    @property
    def scopes(self) -> frozenset[str]:
        """Return what the key may do."""
