"""Open Inference Protocol v2 (KServe, Triton, MLServer): one text in, one text out.

For a model packaged to read screenings itself: the text is the native protocol's JSON.
Tensors have no chat template, so a prompt would reach no general model as it should.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from routing.errors import ProtocolMismatch, UnusableAnswer
from routing.protocols import access, answers, native
from routing.protocols.interface import Request
from routing.targets import Target

name = "open_inference"
INPUT = "request"
OUTPUT = "result"


def request(
    target: Target,
    case_id: str,
    payload: dict[str, Any],
    secrets: Mapping[str, str],
) -> Request:
    """Build the inference; an embedding that is not sent is named in ``not_given``.

    Raises:
        TargetMisconfigured: neither the URL nor the target names the model.
    """
    asked = native.request_body(case_id, payload)
    if asked["embedding_b64"] is not None and not target.takes_embeddings:
        asked |= {"embedding_b64": None, "shape": None, "not_given": ["embedding"]}
    text = json.dumps(asked, ensure_ascii=False, separators=(",", ":"))
    tensor = {"name": INPUT, "datatype": "BYTES", "shape": [1], "data": [text]}
    return Request(
        url=_url(target),
        headers=access.headers(target, secrets),
        body={"inputs": [tensor], "outputs": [{"name": OUTPUT}]},
    )


def health_url(target: Target) -> str:
    """Return the server's readiness."""
    return access.beside(target.url, "/v2/health/ready", ends=["/v2"])


def answer_of(body: dict[str, Any]) -> Any:
    """Take the result out of the text of the output ``result``, or of the only one."""
    outputs = body.get("outputs")
    if not isinstance(outputs, list):
        raise ProtocolMismatch("The answer has no outputs.")
    tensors = [tensor for tensor in outputs if isinstance(tensor, dict)]
    named = [tensor for tensor in tensors if tensor.get("name") == OUTPUT]
    chosen = named or tensors
    if len(chosen) != 1:
        raise ProtocolMismatch("The answer has no single output to read.")
    text = chosen[0].get("data")
    while isinstance(text, list) and len(text) == 1:
        [text] = text
    if not isinstance(text, str):
        raise ProtocolMismatch("The output is not one text.")
    found = native.answer_of(answers.object_in(text))
    return (
        answers.named_by(_model_of(body), found) if isinstance(found, dict) else found
    )


def ask_again(asked: Request, error: UnusableAnswer) -> Request | None:
    """Return None: there is no prompt to say it in."""
    return None


def _url(target: Target) -> str:
    if urlsplit(target.url).path.rstrip("/").endswith("/infer"):
        return target.url
    model = quote(access.model_of(target), safe="")
    tails = {"/v2": f"/models/{model}/infer", "": f"/v2/models/{model}/infer"}
    return access.joined(target.url, end="/infer", tails=tails)


def _model_of(body: dict[str, Any]) -> str:
    parts = [body.get("model_name"), body.get("model_version")]
    return ":".join(part for part in parts if isinstance(part, str) and part)
