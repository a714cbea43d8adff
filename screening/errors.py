"""The refusals of this app. ``pediscreen_site.api.errors`` turns them into HTTP."""

from __future__ import annotations

from wire.errors import Refusal


class ScreeningError(Refusal):
    """Base of the refusals of this app; never raised itself."""


class EmbeddingParseError(ScreeningError):
    """``embedding_b64`` is not base64 of finite float32 values."""

    code = "EMBEDDING_PARSE_ERROR"


class EmbeddingShapeMismatch(ScreeningError):
    """``shape`` does not match the number of values in ``embedding_b64``."""

    code = "EMBEDDING_SHAPE_MISMATCH"


class IdempotencyKeyReused(ScreeningError):
    """The idempotency key was used before, for a different request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyKeyBusy(ScreeningError):
    """The first request with this idempotency key is still being stored."""

    code = "IDEMPOTENCY_KEY_BUSY"


class InvalidTransition(ScreeningError):
    """The job is not in a state from which this step can be taken."""

    code = "CONFLICT"


class StalePage(ScreeningError):
    """Somebody has saved, taken over or signed the review since the page was opened."""

    code = "CONFLICT"


class NotYours(ScreeningError):
    """The review is another person's, or its clinic is none of the person's."""

    code = "FORBIDDEN"


class NotReady(ScreeningError):
    """Something is left to do before the review may be signed or released."""

    code = "CONFLICT"


class NotErasable(ScreeningError):
    """The case may not be erased: a hold stands, work goes on, or a review is open."""

    code = "CONFLICT"


class Erased(ScreeningError):
    """The case was erased: only the log knows of it."""

    code = "CONFLICT"


class HoldRefused(ScreeningError):
    """A legal hold stands already, or there is none to lift."""

    code = "CONFLICT"


class WrongPassword(ScreeningError):
    """The password is not right: nothing was signed."""

    code = "FORBIDDEN"


class CallbackRefused(ScreeningError):
    """The callback_url of a submission could not be told, or not signed."""

    code = "VALIDATION_ERROR"


class ReceiverRefused(ScreeningError):
    """No webhook may be sent to the URL, or to none at all."""

    code = "VALIDATION_ERROR"


class EndpointTaken(ScreeningError):
    """The clinic has a webhook endpoint of this URL already."""

    code = "CONFLICT"
