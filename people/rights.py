"""What a person may do, and as what, asked of the database at once."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, User
from django.db.models import Value


class RightsBackend(ModelBackend):
    """Django's own log-in by name and password, which asks for rights in one query.

    Django asks for a person's own rights and for those of the roles one after another,
    on each page of the desk.
    """

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the rights as ``app.codename``; a superuser's as Django has them."""
        if not isinstance(user_obj, User) or not user_obj.is_active or obj is not None:
            return set()
        if user_obj.is_superuser:
            return super().get_all_permissions(user_obj)
        return read(user_obj).rights


class Rights(NamedTuple):
    """A person's roles by name, sorted, and all rights that come of them or beside."""

    roles: list[str]
    rights: set[str]


def read(person: User) -> Rights:
    """Read a person's roles and rights, once: a person is made for each request."""
    kept: Rights | None = getattr(person, "_rights", None)
    if kept is None:
        person._rights = kept = _read(person)  # type: ignore[attr-defined]
    return kept


def _read(person: User) -> Rights:
    own = person.user_permissions.order_by().values_list(
        Value(""), "content_type__app_label", "codename"
    )
    given = Group.objects.filter(user=person).values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    )
    found = list(own.union(given.order_by(), all=True))
    return Rights(
        roles=sorted({role for role, _, _ in found if role}),
        rights={f"{app}.{right}" for _, app, right in found if right},
    )
