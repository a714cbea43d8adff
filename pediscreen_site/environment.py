"""Reading one environment variable, so that a mistake names it and says the fix."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()


def number(
    name: str, default: float, *, minimum: float, maximum: float, whole: bool = False
) -> Any:
    """Read a number within bounds; an int where ``whole``, else a float.

    Raises:
        ImproperlyConfigured: it is not a number, or out of bounds.
    """
    text = env.str(name, default=str(default)).strip()
    try:
        value: float = int(text) if whole else float(text)
    except ValueError:
        kind = "a whole number" if whole else "a number"
        raise ImproperlyConfigured(
            f"{name} must be {kind}. Set it to one, or leave it out for {default}."
        ) from None
    if not minimum <= value <= maximum:
        raise ImproperlyConfigured(
            f"{name} must lie between {minimum} and {maximum}. "
            f"Set it within that, or leave it out for {default}."
        )
    return value


def whole_number(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """Read an integer within bounds."""
    return int(number(name, default, minimum=minimum, maximum=maximum, whole=True))


def flag(name: str, *, default: bool) -> bool:
    """Read true or false.

    Raises:
        ImproperlyConfigured: it is neither.
    """
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False, "": default}
    text = env.str(name, default="").strip().lower()
    if text not in words:
        raise ImproperlyConfigured(f"{name} must be true or false.")
    return words[text]


def url(name: str, default: str, *, schemes: tuple[str, ...]) -> str:
    """Read a URL with one of these schemes; an empty one means not configured.

    Raises:
        ImproperlyConfigured: it has another scheme, or no host or path.
    """
    text = env.str(name, default=default).strip()
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and bool(parts.netloc or parts.path)
        if parts.scheme in {"http", "https"}:
            usable = usable and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        wanted = " or ".join(f"{scheme}://…" for scheme in schemes)
        raise ImproperlyConfigured(f"{name} must be a URL such as {wanted}.")
    return text


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Read one of a few words, in upper case.

    Raises:
        ImproperlyConfigured: it is none of them.
    """
    text = env.str(name, default=default).strip().upper()
    if text not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}.")
    return text


def database(name: str, default: str) -> dict[str, Any]:
    """Read a database URL as Django's settings for it.

    Raises:
        ImproperlyConfigured: it is not the URL of SQLite or PostgreSQL.
    """
    engines = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
    try:
        found: dict[str, Any] = env.db(name, default=default)
        usable = found.get("ENGINE") in engines and bool(found.get("NAME"))
    except (ValueError, KeyError, ImproperlyConfigured):
        usable = False
    if not usable:
        raise ImproperlyConfigured(
            f"{name} must be a sqlite:/// or postgresql:// URL, such as "
            "sqlite:///./orchestrator_dev.db or postgresql://user:password@host/name."
        )
    return found
