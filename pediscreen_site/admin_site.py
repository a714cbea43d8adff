"""The reviewers' admin site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig


class DeskSite(admin.AdminSite):
    """Django's own admin, under our name."""

    site_title = "PediScreen"
    site_header = "PediScreen"
    index_title = "Review desk"
    enable_nav_sidebar = False


class DeskConfig(AdminConfig):
    """Make the desk the default admin site."""

    default_site = "pediscreen_site.admin_site.DeskSite"
