"""Vertex AI online prediction, with a chat completion as the one instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routing.errors import ProtocolMismatch, UnusableAnswer
from routing.protocols import access, chat, prompt
from routing.protocols.interface import Request
from routing.targets import Target

name = "vertex"


def request(
    target: Target,
    case_id: str,
    payload: dict[str, Any],
    secrets: Mapping[str, str],
) -> Request:
    """Build the prediction that drafts a note; ``case_id`` stays here.

    No model is named: the endpoint in the URL has one.
    """
    text = chat.user_text(target, payload)
    instance = {
        "@requestFormat": "chatCompletions",
        **chat.completion_request(text, chat.images(target, payload)),
        **chat.embedding(target, payload),
    }
    return Request(
        url=access.joined(target.url, end=":predict", tails={"": ":predict"}),
        headers=access.headers(target, secrets),
        body={"instances": [instance]},
        provenance=prompt.provenance(text),
    )


def health_url(target: Target) -> str:
    """Return nothing: an endpoint has no route but for its predictions."""
    return ""


def answer_of(body: dict[str, Any]) -> Any:
    """Take the result out of the one prediction, which is a chat completion.

    Endpoints answer it alone or as a list of one.
    """
    found = body.get("predictions")
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise ProtocolMismatch("The answer holds no single prediction.")
    return chat.answer_of_completion(found)


def ask_again(asked: Request, error: UnusableAnswer) -> Request | None:
    """Ask once more where the text was no JSON, and say so."""
    if not chat.is_worth_a_second(asked, error):
        return None
    [instance] = asked.body["instances"]
    told = instance | {"messages": chat.told_again(instance["messages"])}
    return replace(asked, body={"instances": [told]}, is_second=True)
