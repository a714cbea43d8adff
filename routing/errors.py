"""What can go wrong with a target, sorted by what to do about it, and with agents."""

from __future__ import annotations

from typing import ClassVar

from wire.errors import Refusal


class RoutingError(Exception):
    """Base of every refusal; never raised itself."""

    code: ClassVar[str]


class NoModelEndpoints(RoutingError):
    """No model endpoints configured (EDGE_MODEL_URL/CLOUD_MODEL_URL)"""

    code = "NO_MODEL_ENDPOINTS"


class NoTargetAllowed(RoutingError):
    """The submission's consent or preference leaves no model server to ask."""

    code = "NO_TARGET_ALLOWED"


class ModelServerRejected(RoutingError):
    """The model server refused the request; asking again would change nothing."""

    code = "MODEL_REJECTED"


class TryAnother(RoutingError):
    """Base of failures after which another server, or a later try, may succeed."""

    retry_after: float | None = None
    """Seconds the server asked to be left alone, if it did."""


class TargetMisconfigured(TryAnother):
    """The model server's configuration lacks a token, a model or a known protocol."""

    code = "MODEL_TARGET_MISCONFIGURED"


class ModelUnreachable(TryAnother):
    """The model server could not be connected to, or hung up."""

    code = "MODEL_UNREACHABLE"


class ModelTimeout(TryAnother):
    """The model server did not answer in full within the total deadline."""

    code = "MODEL_TIMEOUT"


class ModelServerError(TryAnother):
    """The model server answered that it cannot serve now (408, 429 or 5xx)."""

    code = "MODEL_SERVER_ERROR"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TargetsResting(TryAnother):
    """Every model server that may be asked rests for now, is silent or disabled."""

    code = "TARGETS_RESTING"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnusableAnswer(TryAnother):
    """Base of answers that came whole and are no answer: few tries are worth it."""


class ModelRedirected(UnusableAnswer):
    """The model server sent the caller elsewhere, which is never followed."""

    code = "MODEL_REDIRECTED"


class ModelAnswerNotJSON(UnusableAnswer):
    """The model server's answer is not a JSON object."""

    code = "MODEL_ANSWER_NOT_JSON"


class ModelResponseTooLarge(UnusableAnswer):
    """The model server's answer is larger than allowed."""

    code = "MODEL_RESPONSE_TOO_LARGE"


class ProtocolMismatch(UnusableAnswer):
    """The answer is not in the shape of the protocol that the server is to speak."""

    code = "MODEL_PROTOCOL_MISMATCH"


class ModelGaveNoAnswer(UnusableAnswer):
    """The model refused, asked for a tool, or answered with nothing."""

    code = "MODEL_GAVE_NO_ANSWER"


class ModelAnswerCutOff(UnusableAnswer):
    """The model's answer ended before it was whole, for want of tokens."""

    code = "MODEL_ANSWER_CUT_OFF"


class AgentReportedFailure(UnusableAnswer):
    """The agent answered that it did not succeed."""

    code = "AGENT_REPORTED_FAILURE"


class ConsentMissing(RoutingError):
    """The consent that the work needs is not given, or not any more."""

    code = "CONSENT_MISSING"


class AgentTaken(Refusal):
    """Another key has registered an agent of this name."""

    code = "CONFLICT"


class TooManyAgents(Refusal):
    """The clinic has as many agents as it may have."""

    code = "CONFLICT"


class NoAgent(Refusal):
    """No agent that may take the work is there now."""

    code = "E_NO_AGENT"
    detail = "No agents available"


class AgentCallFailed(Refusal):
    """The agent that was chosen did not answer as it should."""

    code = "AGENT_CALL_FAILED"


class InvalidTaskType(Refusal):
    """The task type is none that is known."""

    code = "E_INVALID_TASK_TYPE"
    detail = "E_INVALID_TASK_TYPE"


class ConsentRequired(Refusal):
    """The payload carries raw media, and no consent is given."""

    code = "E_CONSENT_REQUIRED"
    detail = "E_CONSENT_REQUIRED"


def codes() -> frozenset[str]:
    """Return the code of every error that there is."""
    found, left = set(), [RoutingError]
    while left:
        left += (error := left.pop()).__subclasses__()
        found.add(getattr(error, "code", ""))
    return frozenset(found - {""})
