"""Persons and roles in the admin. Django finds the pages here."""

from __future__ import annotations

from django.contrib import admin
from django_otp.plugins.otp_totp import admin as otp_pages
from django_otp.plugins.otp_totp.models import TOTPDevice

from people.admin import persons, roles

__all__ = ["otp_pages", "persons", "roles"]

# Its page, which is registered by the import above, would show the secrets.
admin.site.unregister(TOTPDevice)
