"""What every protocol is: it builds a request, reads an answer, and sends nothing."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routing.errors import UnusableAnswer
from routing.targets import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One POST to a model server. Its repr shows no header and none of the body."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beside those that the client sends with every call."""

    body: dict[str, Any] = field(repr=False)

    provenance: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Versions and digests of what a general model was told; none for our own."""

    is_second: bool = False
    """The server's first answer could not be read."""


class Protocol(typing.Protocol):
    """One way of speaking to model servers; each is a module."""

    name: str

    def request(
        self,
        target: Target,
        case_id: str,
        payload: dict[str, Any],
        secrets: Mapping[str, str],
    ) -> Request:
        """Build the call for one submission.

        ``secrets`` are the environment variables that targets may name.

        Raises:
            TargetMisconfigured: the target lacks what the protocol needs.
        """

    def health_url(self, target: Target) -> str:
        """Return what a GET finds out the server's health by; empty if nothing does."""

    def answer_of(self, body: dict[str, Any]) -> Any:
        """Take the result out of the JSON object that the server answered.

        Raises:
            UnusableAnswer: there is none in it.
        """

    def ask_again(self, asked: Request, error: UnusableAnswer) -> Request | None:
        """Return a second call after ``answer_of`` raised, where one may do better.

        At most one: None for a second call's answer.
        """
