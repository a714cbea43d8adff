"""Where a call goes, and the secret that lets it in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from routing.errors import TargetMisconfigured
from routing.targets import Target

_TOKEN = re.compile(r"[!-~]+")


def headers(target: Target, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the Authorization header, if the target names a token.

    White space around the token is dropped: files that hold one end in a newline.

    Raises:
        TargetMisconfigured: the variable is not set, or its value is no token.
    """
    if not target.token_env:
        return {}
    token = secrets.get(target.token_env, "").strip()
    if not _TOKEN.fullmatch(token):
        reason = "holds no usable token" if token else "is not set"
        raise TargetMisconfigured(
            f"{target.token_env}, named by the target {target.name}, {reason}."
        )
    return {"Authorization": f"Bearer {token}"}


def model_of(target: Target) -> str:
    """Return the target's model.

    Raises:
        TargetMisconfigured: it names none, and the protocol cannot do without.
    """
    if not target.model:
        raise TargetMisconfigured(f"The target {target.name} names no model.")
    return target.model


def beside(url: str, path: str, *, ends: Sequence[str] = ()) -> str:
    """Return a URL with another path on the same server.

    What comes before the first of ``ends`` in the configured path is kept; without any
    of them the path is the server's root.
    """
    parts = urlsplit(url)
    found = (parts.path.find(end) for end in ends)
    start = next((place for place in found if place >= 0), 0)
    return urlunsplit(parts._replace(path=parts.path[:start] + path, query=""))


def joined(url: str, *, end: str, tails: Mapping[str, str]) -> str:
    """Complete the path of a configured URL; its query stays.

    A path that has the ``end`` is used as it is. Otherwise what follows the first of
    ``tails`` that it ends in is added.
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if path.endswith(end):
        return url
    tail = next(tail for had, tail in tails.items() if path.endswith(had))
    return urlunsplit(parts._replace(path=path + tail))
