"""Persons and roles: what was changed of them is told, and old sessions end."""

from __future__ import annotations

from django.contrib.auth.models import Group, User

from audit.actions import Action
from audit.services import Event, record
from people.services.ending import end_sessions
from people.standing import Change, Standing, changes, ends_sessions

DETAILS = ("username", "first_name", "last_name", "email")
ACTIONS = {
    "added": Action.PERSON_ADDED,
    "changed": Action.PERSON_CHANGED,
    "disabled": Action.PERSON_DISABLED,
    "enabled": Action.PERSON_ENABLED,
    "role_changed": Action.PERSON_ROLE_CHANGED,
    "password_changed": Action.PERSON_PASSWORD_CHANGED,
}


def standing_of(pk: int | None) -> Standing | None:
    """Read what is stored of a person; nothing of one who is new."""
    person = User.objects.filter(pk=pk).first() if pk else None
    if person is None:
        return None
    rights = person.user_permissions.values_list("content_type__app_label", "codename")
    return Standing(
        is_active=person.is_active,
        is_staff=person.is_staff,
        is_superuser=person.is_superuser,
        roles=frozenset(person.groups.values_list("name", flat=True)),
        rights=frozenset(f"{app}.{name}" for app, name in rights),
        password=person.password,
        details=tuple((name, getattr(person, name)) for name in DETAILS),
    )


def person_changed(
    person: User, *, before: Standing | None, by: User, but: str | None = None
) -> list[Change]:
    """Audit what differs from before, and end the sessions that it must end.

    Inside the caller's transaction, after the change. ``but`` is the key of a session
    that goes on.
    """
    after = standing_of(person.pk)
    assert after is not None
    found = changes(before, after)
    record(
        Event(
            action=ACTIONS[change.verb],
            actor=f"user:{by.pk}",
            detail={"person": person.pk, **change.detail},
        )
        for change in found
    )
    if ends_sessions(found):
        end_sessions(person, but=but)
    return found


def rights_of(group_pk: int | None) -> frozenset[str]:
    """Read what a role may do."""
    group = Group.objects.filter(pk=group_pk).first() if group_pk else None
    if group is None:
        return frozenset()
    found = group.permissions.values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{name}" for app, name in found)


def role_changed(group: Group, *, before: frozenset[str], by: User) -> None:
    """Audit what a role may do from now on; who has the role logs in again.

    Inside the caller's transaction, after the change.
    """
    after = rights_of(group.pk)
    if after == before:
        return
    record(
        [
            Event(
                action=Action.ROLE_CHANGED,
                actor=f"user:{by.pk}",
                detail={
                    "role": group.name,
                    "rights_added": sorted(after - before),
                    "rights_removed": sorted(before - after),
                },
            )
        ]
    )
    for person in User.objects.filter(groups=group):
        end_sessions(person)
