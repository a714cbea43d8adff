"""What the ledger does not write down."""

from __future__ import annotations

from wire.errors import Refusal


class ConsentOfAnotherCase(Refusal):
    """The clinic has given this identifier to the consent of another case."""

    code = "CONFLICT"


class ConsentOver(Refusal):
    """The consent would have expired before it is given."""

    code = "CONFLICT"
