"""Invented people of the desk, and how they log in."""

from __future__ import annotations

import requests

PASSWORD = "an-invented-password"
"""What tests.screening.signing gives to everybody; nothing here loads Django."""


def log_in(url: str, name: str) -> str:
    """Log in over HTTP; return the session's id."""
    session = requests.Session()
    page = f"{url}/admin/login/"
    session.get(page, timeout=10)
    form = {
        "username": name,
        "password": PASSWORD,
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
        "next": "/admin/password_change/",
    }
    answer = session.post(page, form, timeout=10)
    assert answer.url.endswith("/admin/password_change/"), answer.url
    return str(session.cookies["sessionid"])
