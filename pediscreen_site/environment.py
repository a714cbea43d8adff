"""Reading one environment variable, so that a mistake names it and says the fix.

A variable that is empty counts as left out.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

from audit.proofs.keys import KeyRefused, SignerKey

env = environ.Env()
DATABASE_SCHEMES = {"sqlite", "postgres", "postgresql"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}
MOST_FILES = 10


def text(name: str, default: str = "") -> str:
    """Read a text, without the white space around it, such as a file's last line end.

    Not by way of django-environ, which takes a text that begins with ``$`` for the
    name of another variable.
    """
    return os.environ.get(name, "").strip() or default


def number(
    name: str, default: float, *, minimum: float, maximum: float, whole: bool = False
) -> Any:
    """Read a number within bounds; an int where ``whole``, else a float.

    Raises:
        ImproperlyConfigured: it is not a number, or out of bounds.
    """
    given = text(name, str(default))
    try:
        value: float = int(given) if whole else float(given)
    except ValueError:
        kind = "a whole number" if whole else "a number"
        raise ImproperlyConfigured(
            f"{name} must be {kind}. Set it to one, or leave it out for {default:g}."
        ) from None
    if not minimum <= value <= maximum:
        raise ImproperlyConfigured(
            f"{name} must lie between {minimum} and {maximum}. "
            f"Set it within that, or leave it out for {default:g}."
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
    words |= {"false": False, "0": False, "no": False, "off": False}
    given = text(name, str(default)).lower()
    if given not in words:
        raise ImproperlyConfigured(
            f"{name} must be true or false. "
            f"Set it to one, or leave it out for {str(default).lower()}."
        )
    return words[given]


def url(name: str, default: str, *, schemes: tuple[str, ...], path: str = "") -> str:
    """Read a URL with one of these schemes; none at all means not configured.

    With ``path``, such as /v1/traces, it must have one.

    Raises:
        ImproperlyConfigured: it has another scheme, or no usable host, port or path.
    """
    given = text(name, default)
    if given and not _is_url(given, schemes):
        wanted = " or ".join(f"{scheme}://…" for scheme in schemes)
        raise ImproperlyConfigured(
            f"{name} must be a URL such as {wanted}. Set it to one, or leave it out"
            + (f" for {default}." if default else ".")
        )
    if given and path and urlsplit(given).path in {"", "/"}:
        raise ImproperlyConfigured(
            f"{name} must be a whole URL, path included. Set it to one that ends in "
            f"such as {path}, or leave it out."
        )
    return given


def _is_url(given: str, schemes: tuple[str, ...]) -> bool:
    if not given.isprintable() or " " in given or "\\" in given:
        return False
    try:
        parts = urlsplit(given)
        if parts.scheme not in schemes or "://" not in given or parts.port == 0:
            return False
        if parts.scheme in REDIS_SCHEMES:
            parse_url(given)  # type: ignore[no-untyped-call]
        (parts.hostname or "").encode("idna")
    except ValueError:
        return False
    return bool(parts.path if parts.scheme == "unix" else parts.hostname)


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks such as 10.20.0.0/16, between commas.

    Raises:
        ImproperlyConfigured: one is no network, or has bits beyond its prefix.
    """
    try:
        return tuple(ip_network(part) for part in names(name, []))
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} must be networks between commas, such as 10.20.0.0/16. "
            "Set it to some, or leave it out for none."
        ) from None


def ports(name: str, default: str) -> frozenset[int]:
    """Read port numbers between commas.

    Raises:
        ImproperlyConfigured: one is no port.
    """
    given = names(name, default.split(","))
    if not all(re.fullmatch("[1-9][0-9]{0,4}", part) for part in given) or any(
        int(part) > 65_535 for part in given
    ):
        raise ImproperlyConfigured(
            f"{name} must be ports between commas, each from 1 to 65535. "
            f"Set it to some, or leave it out for {default}."
        )
    return frozenset(map(int, given))


def domains(name: str) -> tuple[str, ...]:
    """Read host names between commas; one with a dot before it means all below it.

    Raises:
        ImproperlyConfigured: one is no host name.
    """
    found = tuple(part.lower() for part in names(name, []))
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if not all(re.fullmatch(rf"\.?{label}(\.{label})*", part) for part in found):
        raise ImproperlyConfigured(
            f"{name} must be host names between commas, such as agents.example.org or "
            ".example.org. Set it to some, or leave it out for any."
        )
    return found


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Read one of a few words, in capitals or not.

    Raises:
        ImproperlyConfigured: it is none of them.
    """
    given = text(name, default).lower()
    words = {word.lower(): word for word in allowed}
    if given not in words:
        raise ImproperlyConfigured(
            f"{name} must be one of {', '.join(allowed)}. "
            f"Set it to one, or leave it out for {default}."
        )
    return words[given]


def choices(name: str, allowed: tuple[str, ...]) -> frozenset[str]:
    """Read some of a few words, between commas, in capitals or not.

    Raises:
        ImproperlyConfigured: one is none of them.
    """
    found = frozenset(part.lower() for part in names(name, []))
    if not found <= set(allowed):
        raise ImproperlyConfigured(
            f"{name} must be some of {', '.join(allowed)}, between commas. "
            "Set it to some, or leave it out for none."
        )
    return found


def word(name: str, pattern: str, example: str) -> str:
    """Read a word of a certain form; an empty one means not configured.

    Raises:
        ImproperlyConfigured: it has another form.
    """
    given = text(name)
    if given and not re.fullmatch(pattern, given):
        raise ImproperlyConfigured(
            f"{name} is not such a word as it should be. "
            f"Set it to one like {example}, or leave it out."
        )
    return given


def names(name: str, default: list[str]) -> list[str]:
    """Read a list of texts between commas."""
    given = [part.strip() for part in text(name).split(",")]
    return [part for part in given if part] or default


def hosts(name: str, default: list[str], *, any_host: bool) -> list[str]:
    """Read the host names that are answered; ``*`` for all only if ``any_host``.

    Raises:
        ImproperlyConfigured: one of them is no host name.
    """
    given = names(name, default)
    for host in given:
        if host == "*" and not any_host:
            raise ImproperlyConfigured(
                f"{name} must not be *: anybody's host name would be answered. Set it "
                "to the names that the service has, such as screening.example.org."
            )
        if "/" in host or " " in host or not host.isascii():
            raise ImproperlyConfigured(
                f"{name} must be host names between commas, with neither scheme nor "
                "path. Set it to such as screening.example.org,localhost."
            )
    return given


def origins(name: str) -> list[str]:
    """Read the origins whose forms are taken, each with its scheme.

    Raises:
        ImproperlyConfigured: one of them has no scheme or no host, or is for all.
    """
    given = names(name, [])
    for origin in given:
        host = urlsplit(origin).hostname if _is_url(origin, ("https", "http")) else None
        if not host or host == "*" or urlsplit(origin).path.strip("/"):
            raise ImproperlyConfigured(
                f"{name} must be origins between commas, each with its scheme and "
                "without a path. Set it to such as https://screening.example.org."
            )
    return given


def key(name: str) -> str:
    """Read a key that clients send in a header; none means not configured.

    Raises:
        ImproperlyConfigured: no header could carry it.
    """
    given = text(name)
    if not given.isascii() or not given.isprintable() or " " in given:
        raise ImproperlyConfigured(
            f"{name} must be visible ASCII characters without spaces. Set it to the "
            "output of: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return given


def signing_keys(name: str) -> str:
    """Read the private keys of the audit log, between commas; none means no sealing.

    Raises:
        ImproperlyConfigured: one is malformed. It is not quoted.
    """
    given = text(name)
    try:
        for each in given.replace(",", " ").split():
            SignerKey.parse(each)
    except KeyRefused as exc:
        raise ImproperlyConfigured(
            f"{name} must be private keys of the audit log, between commas: {exc}. "
            "Set it to the output of: python manage.py audit_key NAME"
        ) from None
    return given


def file(name: str, *, is_there: bool) -> str:
    """Read the path of a file that is there, or in whose folder one can be made.

    Raises:
        ImproperlyConfigured: there is no such file, or no such folder.
    """
    given = text(name)
    if not given:
        return ""
    path = Path(given)
    found = path.is_file() if is_there else path.parent.is_dir() and not path.is_dir()
    if not found:
        wanted = "a file that is there" if is_there else "a file in a folder that is"
        raise ImproperlyConfigured(
            f"{name} must be the path of {wanted}. Set it to one, or leave it out."
        )
    return given


def files(name: str) -> tuple[str, ...]:
    """Read the paths of files, between commas; one that is not there is said later.

    Raises:
        ImproperlyConfigured: one is no absolute path, or there are too many.
    """
    given = names(name, [])
    if len(given) > MOST_FILES or not all(Path(path).is_absolute() for path in given):
        raise ImproperlyConfigured(
            f"{name} must be up to {MOST_FILES} absolute paths between commas. "
            "Set it to some, or leave it out for none."
        )
    return tuple(given)


def folder(name: str) -> str:
    """Read the path of a folder; whether it is there is found out by who needs it.

    Raises:
        ImproperlyConfigured: it is a URL, or no path at all.
    """
    given = text(name)
    if "://" in given or not given.isprintable():
        raise ImproperlyConfigured(
            f"{name} must be the path of a folder on this machine. "
            "Set it to one, or leave it out."
        )
    return given


def time_zone(name: str, default: str) -> str:
    """Read the name of a time zone.

    Raises:
        ImproperlyConfigured: there is none of this name.
    """
    given = text(name, default)
    try:
        ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(
            f"{name} must be the name of a time zone, such as Europe/London. "
            f"Set it to one, or leave it out for {default}."
        ) from None
    return given


def database(name: str, default: str) -> dict[str, Any]:
    """Read a database URL as Django's settings for it.

    Raises:
        ImproperlyConfigured: it is not the URL of an SQLite file or of PostgreSQL.
    """
    given = text(name, default)
    found: dict[str, Any] = {}
    try:
        if urlsplit(given).scheme in DATABASE_SCHEMES:
            found = env.db_url_config(given)
    except (ValueError, KeyError, ImproperlyConfigured):
        found = {}
    # A database in memory would be another one in each process.
    if found.get("NAME", "") in {"", ":memory:"}:
        raise ImproperlyConfigured(
            f"{name} must be a sqlite:/// or postgresql:// URL. Set it to one such as "
            "sqlite:///./orchestrator_dev.db or postgresql://user:password@host/name."
        )
    return found
