"""Ollama's own chat route, where the schema is the ``format``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routing.errors import UnusableAnswer
from routing.protocols import access, answers, chat, prompt
from routing.protocols.interface import Request
from routing.targets import Target

name = "ollama"
TAILS = {"/api": "/chat", "": "/api/chat"}
CONTEXT_TOKENS = 16_384
"""Stated, because the server's own default is less and cuts a long note silently."""


def request(
    target: Target,
    case_id: str,
    payload: dict[str, Any],
    secrets: Mapping[str, str],
) -> Request:
    """Build the chat that drafts a note; ``case_id`` stays here.

    Raises:
        TargetMisconfigured: the target names no model.
    """
    text = chat.user_text(target, payload)
    user: dict[str, Any] = {"role": "user", "content": text}
    if pictures := chat.images(target, payload):
        user["images"] = [url.partition(",")[2] for url in pictures]
    body = {
        "model": access.model_of(target),
        "messages": [{"role": "system", "content": prompt.system()}, user],
        "stream": False,
        "format": prompt.schema(),
        "options": {
            "temperature": 0,
            "num_predict": chat.MAX_TOKENS,
            "num_ctx": CONTEXT_TOKENS,
        },
    }
    return Request(
        url=access.joined(target.url, end="/api/chat", tails=TAILS),
        headers=access.headers(target, secrets),
        body=body | chat.embedding(target, payload),
        provenance=prompt.provenance(text),
    )


def health_url(target: Target) -> str:
    """Return the route that says which Ollama it is."""
    return access.beside(target.url, "/api/version", ends=["/api"])


def answer_of(body: dict[str, Any]) -> Any:
    """Take the result out of the message's text."""
    is_cut_off = body.get("done_reason") == "length" or body.get("done") is False
    text = chat.text_of(body.get("message"), is_cut_off=is_cut_off)
    return answers.named_by(body.get("model"), answers.object_in(text))


def ask_again(asked: Request, error: UnusableAnswer) -> Request | None:
    """Ask once more where the text was no JSON, and say so."""
    if not chat.is_worth_a_second(asked, error):
        return None
    messages = chat.told_again(asked.body["messages"])
    return replace(asked, body=asked.body | {"messages": messages}, is_second=True)
