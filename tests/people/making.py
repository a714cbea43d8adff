"""Invented people with a second factor, and how they log in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import Audit
from people.services.factors import begin_factor, confirm_factor

PASSWORD = "an-invented-password-1"
LOG_IN = "/admin/login/"
OWN = "/admin/second-factor/"


def make_person(name: str = "dr-osei", **given: Any) -> User:
    """Make a person of the desk without a second factor."""
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True, **given)
    return User.objects.get(pk=user.pk)


def code_of(user: User, *, steps: int = 0) -> str:
    """Return what the person's app shows, or will show some steps later."""
    device = TOTPDevice.objects.filter(user=user).latest("pk")
    code = totp(device.bin_key, drift=device.drift + steps)
    return f"{code:06}"


def add_factor(user: User) -> list[str]:
    """Set a second factor up; return the recovery codes. The last code was used."""
    begin_factor(user, password=PASSWORD)
    codes = confirm_factor(user, code=code_of(user))
    # As if a while had passed: the code that the app shows now is a fresh one.
    TOTPDevice.objects.filter(user=user).update(last_t=-1)
    return codes


def log_in(client: Client, name: str = "dr-osei", code: str = "", **given: Any) -> Any:
    """Fill in the form and send it."""
    form = {"username": name, "password": PASSWORD, "code": code, "next": "/admin/"}
    extra = {"REMOTE_ADDR": given.pop("address", "192.0.2.7")}
    return client.post(LOG_IN, form | given, **extra)


def is_in(client: Client) -> bool:
    """Say whether the desk opens."""
    return client.get("/admin/password_change/").status_code == 200


def told(*nouns: str) -> list[tuple[str, str]]:
    """List what the audit log has of these nouns, with who did it."""
    events = Audit.objects.order_by("id").values_list("action", "actor")
    return [(a, who) for a, who in events if a.partition(".")[0] in nouns]


def detail_of(action: str) -> dict[str, Any]:
    """Return the detail of the last event of an action."""
    found: dict[str, Any] = Audit.objects.filter(action=action).latest("id").detail
    return found
