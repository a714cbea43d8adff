"""The screening routes. ``urls.py`` gives each action its public path."""

from __future__ import annotations

import threading
import time
import uuid
from functools import lru_cache
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings
from rest_framework.viewsets import GenericViewSet

from screening.api.filters import (
    JobsQuerySerializer,
    NoQuerySerializer,
    WaitQuerySerializer,
    read_query,
)
from screening.api.paging import Cursor, read_cursor
from screening.api.parsers import (
    NDJSONParser,
    StrictJSONListParser,
    StrictJSONParser,
    announced_length,
)
from screening.api.serializers import (
    IDEMPOTENCY_KEY_PATTERN,
    AcceptedSerializer,
    BulkLineSerializer,
    CaseSerializer,
    JobSerializer,
    SubmissionSerializer,
    job_body,
)
from screening.errors import ScreeningError
from screening.models import Case, Job, Scope
from screening.services.intervention import cancel_job, replay_job
from screening.services.keys import Client
from screening.services.submission import Accepted, Submission, submit_jobs

JOB_COLUMNS = (
    "id",
    "case__case_id",
    "status",
    "created_at",
    "updated_at",
    "result",
    "error",
    "error_code",
    "review__state",
    "attempt",
    "target",
    "model_id",
    "risk",
    "priority",
)
MOST_IN_BULK = 1000
JOBS_OF_A_CASE = 200
POLL_SECONDS = (0.02, 0.25)

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


@lru_cache(maxsize=1)
def held_requests() -> threading.BoundedSemaphore:
    """Return the places for held requests: each takes a thread from all the others."""
    return threading.BoundedSemaphore(max(1, settings.MAX_HELD_REQUESTS))


class ApiViewSet(GenericViewSet):
    """What all routes share: the caller, and its clinic's rows and no others."""

    scopes: ClassVar[dict[str, str]] = {}
    body_required: ClassVar[frozenset[str]] = frozenset()
    queries: ClassVar[dict[str, type[Serializer]]] = {}
    query: dict[str, Any]

    @property
    def client(self) -> Client:
        """Return whoever holds the key: no request comes this far without one."""
        assert isinstance(self.request.user, Client)
        return self.request.user

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read the query, and refuse an empty body where there must be one.

        DRF would read it as {}.
        """
        super().initial(request, *args, **kwargs)
        if self.action is None:
            return
        self.query = read_query(
            self.queries.get(self.action, NoQuerySerializer), request.query_params
        )
        length = announced_length(request._request)
        if self.action in self.body_required and not length:
            raise ParseError("The body is empty. Send JSON, if only {}.")

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep what is answered out of every cache."""
        finalized = super().finalize_response(request, response, *args, **kwargs)
        finalized["Cache-Control"] = "no-store"
        return finalized

    def jobs(self) -> QuerySet[Job]:
        """Return the clinic's jobs: another clinic's are not found."""
        return Job.objects.filter(clinic=self.client.clinic)

    def body_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """Show a row as far as the key may see it."""
        return job_body(row, drafts=Scope.DRAFTS in self.client.scopes)


class SubmissionViewSet(ApiViewSet):
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
        if isinstance(answer, ScreeningError):
            raise answer
        return _accepted(_accepted_body(answer), replayed=answer.replayed)

    @extend_schema(
        operation_id="submit_bulk",
        summary="Submit up to 1,000 screening jobs",
        request={
            "application/json": SubmissionSerializer(many=True),
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
            _read_line(line, key=f"{key}:{index}" if key else "")
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


class JobViewSet(ApiViewSet):
    """A clinic's jobs: to watch, to stop, to run again."""

    scopes = {
        "retrieve": Scope.JOBS_READ,
        "list": Scope.JOBS_READ,
        "cancel": Scope.JOBS_WRITE,
        "retry": Scope.JOBS_WRITE,
    }
    queries = {"retrieve": WaitQuerySerializer, "list": JobsQuerySerializer}
    serializer_class = JobSerializer

    @extend_schema(
        operation_id="status",
        summary="Read one job, or wait for it to end",
        parameters=[WaitQuerySerializer],
        responses={200: JobSerializer},
    )
    def retrieve(self, request: Request, job_id: str) -> Response:
        """Answer at once, or with `wait` once the job has ended, whichever is first.

        Where too many requests wait already, the answer comes at once.
        """
        wait = self.query["wait"]
        row = self._row(job_id)
        if wait and row["status"] not in Job.ENDED and held_requests().acquire(False):
            try:
                row = self._hold(row, seconds=wait)
            finally:
                held_requests().release()
        return Response(self.body_of(row))

    @extend_schema(
        operation_id="jobs",
        summary="List jobs, newest first",
        parameters=[
            JobsQuerySerializer,
            OpenApiParameter(
                "Link",
                str,
                OpenApiParameter.HEADER,
                response=[200],
                description='The next page, as `<url>; rel="next"`, if there is one.',
            ),
        ],
        responses={200: JobSerializer(many=True)},
        filters=False,
    )
    def list(self, request: Request) -> Response:
        """Give one page; the `Link` header leads to the next, at constant cost."""
        query = self.query
        cursor = read_cursor(query["cursor"]) if "cursor" in query else None
        jobs = _narrow(self.jobs(), query, cursor)
        limit = query["limit"]
        rows = list(
            jobs.order_by("-created_at", "-id").values(*JOB_COLUMNS)[: limit + 1]
        )
        response = Response([self.body_of(row) for row in rows[:limit]])
        if len(rows) > limit:
            last = rows[limit - 1]
            following = request.query_params.copy()
            following["cursor"] = Cursor(last["created_at"], last["id"]).write()
            url = request.build_absolute_uri(f"{request.path}?{following.urlencode()}")
            response["Link"] = f'<{url}>; rel="next"'
        return response

    @extend_schema(
        operation_id="cancel",
        summary="Cancel a job that has not ended",
        request=None,
        responses={200: JobSerializer},
    )
    def cancel(self, request: Request, job_id: str) -> Response:
        """End a pending or running job; cancelling twice is harmless."""
        cancel_job(self._job(job_id), actor=self.client.actor)
        return Response(self.body_of(self._row(job_id)))

    @extend_schema(
        operation_id="retry",
        summary="Run a failed or cancelled job again",
        request=None,
        responses={200: JobSerializer},
    )
    def retry(self, request: Request, job_id: str) -> Response:
        """Queue a failed or cancelled job anew, or a waiting one at once."""
        replay_job(self._job(job_id), actor=self.client.actor)
        return Response(self.body_of(self._row(job_id)))

    def _job(self, job_id: str) -> Job:
        try:
            return (
                self.jobs()
                .select_related("case", "clinic")
                .only("attempt", "status", "case__case_id", "clinic__slug")
                .get(pk=_uuid(job_id))
            )
        except Job.DoesNotExist:
            raise Http404 from None

    def _row(self, job_id: str) -> dict[str, Any]:
        rows = self.jobs().filter(pk=_uuid(job_id))
        row: dict[str, Any] | None = rows.values(*JOB_COLUMNS).first()
        if row is None:
            raise Http404
        return row

    def _hold(self, row: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        """Look again until the job has ended or the time is up, ever less often."""
        until = time.monotonic() + seconds
        pause, longest = POLL_SECONDS
        while (left := until - time.monotonic()) > 0:
            # A held request must not hold a pooled connection too.
            connection.close()
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, longest)
            state = Job.objects.filter(pk=row["id"]).values_list("status", flat=True)
            if state.first() in Job.ENDED:
                break
        return self._row(str(row["id"]))


class CaseViewSet(ApiViewSet):
    """A clinic's cases."""

    scopes = {"retrieve": Scope.JOBS_READ}
    serializer_class = CaseSerializer

    @extend_schema(
        operation_id="case",
        summary="Read one case with its newest jobs",
        responses={200: CaseSerializer},
    )
    def retrieve(self, request: Request, case_id: str) -> Response:
        """Give the case, its jobs (newest first, at most 200) and its review state."""
        case = Case.objects.filter(clinic=self.client.clinic, case_id=case_id).first()
        if case is None or "\x00" in case_id:
            raise Http404
        rows = self.jobs().filter(case=case).order_by("-created_at", "-id")
        jobs = [self.body_of(row) for row in rows.values(*JOB_COLUMNS)[:JOBS_OF_A_CASE]]
        return Response(
            {
                "case_id": case.case_id,
                "created_at": case.created_at,
                "review_state": jobs[0]["review_state"] if jobs else None,
                "jobs": jobs,
            }
        )


def _narrow(
    jobs: QuerySet[Job], query: dict[str, Any], cursor: Cursor | None
) -> QuerySet[Job]:
    lookups = {
        "status": "status",
        "case_id": "case__case_id",
        "review_state": "review__state",
        "created_after": "created_at__gt",
        "created_before": "created_at__lt",
    }
    jobs = jobs.filter(**{lookups[key]: query[key] for key in lookups if key in query})
    if cursor is not None:
        jobs = jobs.filter(
            Q(created_at__lt=cursor.created_at)
            | Q(created_at=cursor.created_at, id__lt=cursor.id)
        )
    return jobs


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


def _read_submission(
    document: Any, *, key: str = "", endpoint: str = "submit"
) -> Submission:
    """Validate one submission; what the header says of the key goes first."""
    serializer = SubmissionSerializer(data=document)
    serializer.is_valid(raise_exception=True)
    payload = dict(serializer.validated_data)
    own_key = payload.pop("idempotency_key", "")
    return Submission(
        case_id=payload.pop("case_id", None) or str(uuid.uuid4()),
        case_id_given="case_id" in serializer.validated_data,
        priority=payload.pop("priority", "normal"),
        payload=payload,
        endpoint=endpoint if key else "submit",
        idempotency_key=key or own_key,
    )


def _read_line(line: Any, *, key: str) -> Submission | APIException | ScreeningError:
    """Validate one line of a bulk request; return what is wrong instead of raising."""
    if isinstance(line, APIException):
        return line
    try:
        if not isinstance(line, dict):
            raise ParseError("A submission must be a JSON object.")
        return _read_submission(line, key=key, endpoint="submit/bulk")
    except (APIException, ScreeningError) as exc:
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


def _uuid(text: str) -> uuid.UUID:
    """Read a job id; what is none is not found, like any unknown one.

    Raises:
        Http404: it is no UUID in its usual form.
    """
    try:
        found = uuid.UUID(text)
    except ValueError:
        raise Http404 from None
    if str(found) != text:
        raise Http404
    return found
