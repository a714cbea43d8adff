"""``run secrets``: make what must be secret, once, for a machine that has none of it.

settings    settings.env, which ENV_FILE names, and the audit log's public key
audit       audit.key, which seals the audit log, for the sequencer alone
passwords   what the servers beside ours read: postgres, redis.acl, grafana, api_key

All of it is made together. Where settings.env is there already, nothing is touched.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from audit.proofs.keys import SignerKey

ONLY_US = 0o600
EVERYBODY = 0o444
"""Whoever the folder is given to; servers beside ours run as users of their own."""

ACL = """\
user default on nopass -@all +ping
user {user} on >{password} ~* &* +@all -@admin -@dangerous {also}
"""
ALSO_ALLOWED = "+info +client|list +client|setname"


def with_password(url: str, password: str) -> str:
    """Put a password into a URL that has a user and none yet."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


def user_of(url: str) -> str:
    """Return the user of a URL.

    Raises:
        SystemExit: it has none.
    """
    found = urlsplit(url).username
    if not found:
        sys.exit(f"{url} names no user. Give it as scheme://user@host:port/name.")
    return found


def files(
    *, settings: Path, audit: Path, passwords: Path, database: str, redis: str, log: str
) -> Iterator[tuple[Path, int, str]]:
    """Yield path, mode and text of each file; settings.env, which settles it, last."""
    user_of(database)
    user = user_of(redis)
    postgres, bell, grafana = (secrets.token_urlsafe(32) for _ in range(3))
    api_key = f"first_{secrets.token_urlsafe(32)}"
    signer = SignerKey.generate(log)
    acl = ACL.format(user=user, password=bell, also=ALSO_ALLOWED)
    yield passwords / "postgres", EVERYBODY, postgres
    yield passwords / "redis.acl", EVERYBODY, acl
    yield passwords / "grafana", EVERYBODY, grafana
    yield passwords / "api_key", EVERYBODY, api_key
    yield audit / "audit.key", ONLY_US, f"{signer.secret_text()}\n"
    yield settings / "audit.pub", ONLY_US, f"{signer.verifier}\n"
    values = {
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
        "API_KEY": api_key,
        "DATABASE_URL": with_password(database, postgres),
        "REDIS_URL": with_password(redis, bell),
    }
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    yield settings / "settings.env", ONLY_US, text


def write(path: Path, mode: int, text: str) -> None:
    """Write a file that only shows once it is whole."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY), "w") as new:
        os.fchmod(new.fileno(), mode)
        new.write(text)
    beside.replace(path)


def main(words: list[str]) -> None:
    """Make all that is not there yet, and say so without saying what it is."""
    parser = argparse.ArgumentParser(prog="secrets", description="Make secrets, once.")
    for folder in ("settings", "audit", "passwords"):
        parser.add_argument(f"--{folder}", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--database", required=True, help="postgresql://user@host/name")
    parser.add_argument("--redis", required=True, help="redis://user@host:6379/0")
    parser.add_argument("--log", default="pediscreen.local/audit", help="its name")
    options = parser.parse_args(words)
    settled = options.settings / "settings.env"
    if settled.exists():
        sys.stdout.write(f"{settled} is there: nothing is changed.\n")
        return
    for path, mode, text in files(**vars(options)):
        write(path, mode, text)
    sys.stdout.write(f"{settled} and what belongs to it are made.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
