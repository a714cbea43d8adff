"""The model servers a job may go to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One model server: where it is, and what it speaks."""

    name: str
    """``edge`` or ``cloud`` for the configured two, else the agent's id."""

    url: str
    """Used as it is, path included."""

    protocol: str = "native"

    model: str = ""
    """The server's name for the model, where it serves several."""

    token_env: str = ""
    """The environment variable with the server's token; never the token itself."""

    takes_images: bool = False

    takes_embeddings: bool = False

    is_agent: bool = False
    """Whether it registered itself: then it is called under the rules for endpoints."""
