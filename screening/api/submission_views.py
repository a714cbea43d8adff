"""The routes that accept jobs, one or many at a time."""

from __future__ import annotations

import hashlib
import uuid
from functools import lru_cache
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from screening.api.base import ClinicViewSet
from screening.api.serializers import (
    IDEMPOTENCY_KEY_PATTERN,
    AcceptedSerializer,
    BulkLineSerializer,
    SubmissionSerializer,
)
from screening.models import Job, Scope
from screening.services.submission import Accepted, Submission, submit_jobs
from wire.errors import Refusal
from wire.parsers import NDJSONParser, StrictJSONListParser, StrictJSONParser

MOST_IN_BULK = 1000
BULK_BODY = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/SubmissionRequest"},
    "minItems": 1,
    "maxItems": MOST_IN_BULK,
}
IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN.pattern},
    OpenApiParameter.HEADER,
    description="The same key and body again are answered with the first answer.",
)
REPLAYED_HEADER = OpenApiParameter(
    "Idempotent-Replayed",
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    response=[200],
    description="Present when the answer is that of an earlier request.",
)


class SubmissionViewSet(ClinicViewSet):
    """Accept jobs; answer before they have run."""

    scopes = {"create": Scope.JOBS_WRITE, "bulk": Scope.JOBS_WRITE}
    body_required = frozenset({"create", "bulk"})
    serializer_class = SubmissionSerializer

    @extend_schema(
        operation_id="submit",
        summary="Submit one screening job",
        request=SubmissionSerializer,
        responses={200: AcceptedSerializer},
        parameters=[IDEMPOTENCY_HEADER, REPLAYED_HEADER],
    )
    def create(self, request: Request) -> Response:
        """Store one job. The answer does not depend on Redis or a model server."""
        key = _idempotency_key(request)
        submission = _read_submission(request.data, key=key)
        [answer] = submit_jobs(
            clinic=self.client.clinic,
            client=self.client.actor,
            submissions=[submission],
        )
        if isinstance(answer, Refusal):
            raise answer
        return _accepted(_accepted_body(answer), replayed=answer.replayed)

    @extend_schema(
        operation_id="submit_bulk",
        summary="Submit up to 1,000 screening jobs",
        request={
            "application/json": BULK_BODY,
            "application/x-ndjson": SubmissionSerializer,
        },
        responses={
            200: BulkLineSerializer(many=True),
            207: BulkLineSerializer(many=True),
        },
        parameters=[IDEMPOTENCY_HEADER, REPLAYED_HEADER],
    )
    def bulk(self, request: Request) -> Response:
        """Store all valid lines in one transaction; answer each in its place.

        200 when all were accepted, 207 otherwise. With an `Idempotency-Key` each line
        is known by the key and its place.
        """
        key = _idempotency_key(request)
        lines: Any = request.data
        if not lines:
            raise ParseError("There is no submission in the body.")
        if len(lines) > MOST_IN_BULK:
            raise ValidationError(
                {"non_field_errors": [f"At most {MOST_IN_BULK} submissions."]}
            )
        answers: list[Any] = [
            _read_line(line, key=_key_of_line(key, index))
            for index, line in enumerate(lines)
        ]
        valid = [a for a in answers if isinstance(a, Submission)]
        stored = iter(
            submit_jobs(
                clinic=self.client.clinic, client=self.client.actor, submissions=valid
            )
        )
        answers = [next(stored) if isinstance(a, Submission) else a for a in answers]
        body = [_line_body(index, answer) for index, answer in enumerate(answers)]
        accepted = [answer for answer in answers if isinstance(answer, Accepted)]
        return _accepted(
            body,
            replayed=bool(accepted) and all(a.replayed for a in accepted),
            status_code=(
                status.HTTP_200_OK
                if len(accepted) == len(answers)
                else status.HTTP_207_MULTI_STATUS
            ),
        )

    def get_parsers(self) -> list[Any]:
        """Read a list for the bulk route, one object for the other."""
        if "bulk" in (self.action_map or {}).values():
            return [StrictJSONListParser(), NDJSONParser()]
        return [StrictJSONParser()]


def _idempotency_key(request: Request) -> str:
    """Read the header.

    Raises:
        ParseError: it is there, and is no key.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        raise ParseError("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return key


def _key_of_line(key: str, index: int) -> str:
    """Make a line's own key: of one length, however long the request's is."""
    return f"{index}:{hashlib.sha256(key.encode()).hexdigest()}" if key else ""


@lru_cache(maxsize=1)
def submission_fields() -> SubmissionSerializer:
    """Return the one serializer that validates for all: a new one copies each field."""
    return SubmissionSerializer()


def _read_submission(
    document: Any, *, key: str = "", endpoint: str = "submit"
) -> Submission:
    """Validate one submission; what the header says of the key goes first."""
    payload = dict(submission_fields().run_validation(document))
    case_id = payload.pop("case_id", None)
    own_key = payload.pop("idempotency_key", "")
    return Submission(
        case_id=case_id or str(uuid.uuid4()),
        case_id_given=case_id is not None,
        priority=payload.pop("priority", "normal"),
        payload=payload,
        endpoint=endpoint if key else "submit",
        idempotency_key=key or own_key,
    )


def _read_line(line: Any, *, key: str) -> Submission | APIException | Refusal:
    """Validate one line of a bulk request; return what is wrong instead of raising."""
    if isinstance(line, APIException):
        return line
    try:
        if not isinstance(line, dict):
            raise ParseError("A submission must be a JSON object.")
        return _read_submission(line, key=key, endpoint="submit/bulk")
    except (APIException, Refusal) as exc:
        return exc


def _accepted_body(answer: Accepted) -> dict[str, Any]:
    return {
        "job_id": answer.job_id,
        "queued_at": answer.queued_at,
        "status": Job.Status.PENDING,
        "case_id": answer.case_id,
    }


def _line_body(index: int, answer: Any) -> dict[str, Any]:
    if isinstance(answer, Accepted):
        return {"index": index, **_accepted_body(answer), "replayed": answer.replayed}
    handler: Any = api_settings.EXCEPTION_HANDLER
    refusal = handler(answer, {})
    return {"index": index, "error": refusal.data}


def _accepted(
    body: Any, *, replayed: bool, status_code: int = status.HTTP_200_OK
) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return Response(body, status=status_code, headers=headers)
