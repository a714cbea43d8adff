"""OpenAI-compatible chat completions: vLLM, llama.cpp, Ollama, TGI and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routing.errors import UnusableAnswer
from routing.protocols import access, chat, prompt
from routing.protocols.interface import Request
from routing.targets import Target

name = "openai"
TAILS = {"/v1": "/chat/completions", "": "/v1/chat/completions"}


def request(
    target: Target,
    case_id: str,
    payload: dict[str, Any],
    secrets: Mapping[str, str],
) -> Request:
    """Build the completion that drafts a note; ``case_id`` stays here."""
    text = chat.user_text(target, payload)
    body = chat.completion_request(text, chat.images(target, payload))
    if target.model:
        body["model"] = target.model
    return Request(
        url=access.joined(target.url, end="/chat/completions", tails=TAILS),
        headers=access.headers(target, secrets),
        body=body | chat.embedding(target, payload),
        provenance=prompt.provenance(text),
    )


def health_url(target: Target) -> str:
    """Return the list of models: the one other route that all such servers have."""
    return access.beside(target.url, "/v1/models", ends=["/v1", "/chat/completions"])


def answer_of(body: dict[str, Any]) -> Any:
    """Take the result out of the first choice's text."""
    return chat.answer_of_completion(body)


def ask_again(asked: Request, error: UnusableAnswer) -> Request | None:
    """Ask once more where the text was no JSON, and say so."""
    if not chat.is_worth_a_second(asked, error):
        return None
    messages = chat.told_again(asked.body["messages"])
    return replace(asked, body=asked.body | {"messages": messages}, is_second=True)
