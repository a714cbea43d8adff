"""How model servers are spoken to, by name. Nothing here sends or receives."""

from __future__ import annotations

from routing.errors import TargetMisconfigured
from routing.protocols import native, ollama, open_inference, openai, vertex
from routing.protocols.interface import Protocol, Request
from routing.targets import Target

__all__ = ["PROTOCOLS", "Protocol", "Request", "protocol_of"]

PROTOCOLS: dict[str, Protocol] = {
    "native": native,
    "openai": openai,
    "ollama": ollama,
    "vertex": vertex,
    "open_inference": open_inference,
}


def protocol_of(target: Target) -> Protocol:
    """Return the protocol that the target speaks.

    Raises:
        TargetMisconfigured: there is none of that name.
    """
    try:
        return PROTOCOLS[target.protocol]
    except KeyError:
        raise TargetMisconfigured(
            f"The target {target.name} names a protocol that is not known."
        ) from None
