"""Persons and roles in the admin. Django finds the pages here."""

from __future__ import annotations

from django.contrib import admin
from django_otp.plugins.otp_totp.models import TOTPDevice

from people.admin import persons, roles

__all__ = ["persons", "roles"]

# Its page would show the secrets.
admin.site.unregister(TOTPDevice)
