"""Views of the worklist that a person keeps: filters, and no words searched."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from screening.errors import NotReady
from screening.models import SavedView

MOST = 8


def keep_view(*, user: User, name: str, query: str) -> SavedView:
    """Store a choice of filters under a name; the same name again replaces it.

    Raises:
        NotReady: there is no name, it is too long, or the person keeps enough already.
    """
    name = name.strip()
    if not 1 <= len(name) <= 40:
        raise NotReady("Nothing was kept. A view needs a name of 1 to 40 characters.")
    with transaction.atomic(durable=True):
        others = SavedView.objects.filter(owner=user).exclude(name=name)
        if others.count() >= MOST:
            raise NotReady(f"Nothing was kept. {MOST} views are the most: drop one.")
        view, _ = SavedView.objects.update_or_create(
            owner=user, name=name, defaults={"query": query[:500]}
        )
    return view


def drop_view(*, user: User, name: str) -> None:
    """Forget a view of one's own. One that is not there is forgotten already."""
    SavedView.objects.filter(owner=user, name=name.strip()).delete()
