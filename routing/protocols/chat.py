"""What the protocols for chat models share: the messages, and reading a completion."""

from __future__ import annotations

import re
from typing import Any

from routing.errors import (
    ModelAnswerCutOff,
    ModelAnswerNotJSON,
    ModelGaveNoAnswer,
    ProtocolMismatch,
    UnusableAnswer,
)
from routing.protocols import answers, prompt
from routing.protocols.interface import Request
from routing.targets import Target

MAX_TOKENS = 1024
"""Room for every field of the vocabulary filled with a few sentences."""

# Only data itself: a link would have the model server fetch what it is told to.
_IMAGE = re.compile(r"data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}")


def images(target: Target, payload: dict[str, Any]) -> list[str]:
    """Return the submission's images, as data URLs, that the target may be sent."""
    return _images(payload) if target.takes_images else []


def embedding(target: Target, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the embedding under the native protocol's names, if it may be sent.

    Chat completions have no field of their own for one.
    """
    if not target.takes_embeddings or payload.get("embedding_b64") is None:
        return {}
    return {
        "embedding_b64": payload["embedding_b64"],
        "shape": payload.get("shape", [1, 256]),
    }


def user_text(target: Target, payload: dict[str, Any]) -> str:
    """Render the record, naming what exists and is not sent with it."""
    not_given = []
    if payload.get("embedding_b64") is not None and not target.takes_embeddings:
        not_given.append("embedding")
    sent = len(images(target, payload))
    if len(payload.get("images") or []) > sent or payload.get("image_ref"):
        not_given.append("images")
    return prompt.user_message(payload, not_given=not_given)


def completion_request(text: str, pictures: list[str]) -> dict[str, Any]:
    """Build the part of a chat completion that is the same wherever it is sent."""
    content: str | list[dict[str, Any]] = text
    if pictures:
        content = [{"type": "text", "text": text}] + [
            {"type": "image_url", "image_url": {"url": url}} for url in pictures
        ]
    return {
        "messages": [
            {"role": "system", "content": prompt.system()},
            {"role": "user", "content": content},
        ],
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
        "response_format": prompt.response_format(),
    }


def is_worth_a_second(asked: Request, error: UnusableAnswer) -> bool:
    """Say whether another try may help: the text was no JSON, for the first time."""
    return isinstance(error, ModelAnswerNotJSON) and not asked.is_second


def told_again(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to the rules that the last answer could not be read.

    Not as a message of its own: some chat templates refuse two of one role in a row.
    """
    rules, *rest = messages
    content = f"{rules['content']}\n\n{prompt.again()}"
    return [rules | {"content": content}, *rest]


def answer_of_completion(body: dict[str, Any]) -> dict[str, Any]:
    """Read the result out of a chat completion.

    Raises:
        ModelAnswerCutOff, ModelGaveNoAnswer, ModelAnswerNotJSON, ProtocolMismatch:
            there is none in it.
    """
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ProtocolMismatch("The answer is no chat completion.")
    message, finish = choices[0].get("message"), choices[0].get("finish_reason")
    if finish == "content_filter":
        raise ModelGaveNoAnswer("The model server withheld the answer.")
    text = text_of(message, is_cut_off=finish == "length")
    return answers.named_by(body.get("model"), answers.object_in(text))


def text_of(message: Any, *, is_cut_off: bool) -> str:
    """Return the text of an assistant's message.

    Raises:
        ModelAnswerCutOff, ModelGaveNoAnswer, ProtocolMismatch: there is none to use.
    """
    if not isinstance(message, dict):
        raise ProtocolMismatch("The answer holds no message.")
    if is_cut_off:
        raise ModelAnswerCutOff("The model ran out of tokens before its answer ended.")
    if message.get("refusal"):
        raise ModelGaveNoAnswer("The model refused.")
    if message.get("tool_calls") or message.get("function_call"):
        raise ModelGaveNoAnswer("The model asked for a tool, and there are none.")
    content = message.get("content")
    if content is None or content == "":
        raise ModelGaveNoAnswer("The model answered with nothing.")
    if not isinstance(content, str):
        raise ProtocolMismatch("The message's content is not text.")
    if not content.strip():
        raise ModelGaveNoAnswer("The model answered with nothing.")
    return content


def _images(payload: dict[str, Any]) -> list[str]:
    return [
        url
        for url in payload.get("images") or []
        if isinstance(url, str) and _IMAGE.fullmatch(url)
    ]
