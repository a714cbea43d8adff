"""Signatures for tests, made as a clinician makes them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection

from screening.models import Clinic, Review
from screening.services.keys import default_clinic
from screening.services.review import (
    approve_family_text,
    claim_review,
    reviews_of,
    save_review,
)
from screening.services.signing import release_report, sign_off

PASSWORD = "an-invented-password"
RIGHTS = (
    *("sign_off_review", "release_review", "view_review", "change_review"),
    "read_words",
)


def make_reader(
    name: str = "dr-osei", *, clinic: Clinic | None = None, rights: Any = RIGHTS
) -> User:
    """Make a person of a clinic with these rights."""
    user, is_new = User.objects.get_or_create(
        username=name, defaults={"is_staff": True, "first_name": name.title()}
    )
    if is_new:
        user.set_password(PASSWORD)
        user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    (clinic or default_clinic()).members.add(user)
    return User.objects.get(pk=user.pk)


def sign(
    review: Review,
    *,
    user: User | None = None,
    state: str = "SIGNED_OFF",
    **values: Any,
) -> Review:
    """Claim, write, approve and sign a review; release it if that is asked for."""
    user = user or make_reader(clinic=review.job.clinic)
    claim_review(review, user=user)
    version = reviews_of(user).get(pk=review.pk).version
    if values:
        version = save_review(review, user=user, version=version, values=values)
    if reviews_of(user).get(pk=review.pk).parent_text:
        version = approve_family_text(review, user=user, version=version)
    signed = sign_off(review, user=user, password=PASSWORD, version=version)
    if state == "DELIVERED":
        release_report(signed, user=user)
        signed.refresh_from_db()
    return signed


def unlock(table: str = "screening_review") -> None:
    """Take the locks off a table, for the rest of a test's transaction."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # What is deferred to the commit would keep the table from being altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            return
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
            [table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}")
