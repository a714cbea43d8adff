"""The routes of jobs and cases. ``urls.py`` gives each action its public path."""

from __future__ import annotations

import time
import uuid
from typing import Any

from django.db import connection
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from screening.api.base import ClinicViewSet
from screening.api.filters import JobsQuerySerializer, WaitQuerySerializer, narrow
from screening.api.paging import Cursor, read_cursor
from screening.api.report_renderers import FAMILY_FORMS, REPORT_FORMS, ByQuality
from screening.api.report_serializers import (
    ReportQuerySerializer,
    ReportSerializer,
    report_body,
)
from screening.api.serializers import (
    JOB_COLUMNS,
    CaseSerializer,
    ErrorSerializer,
    JobSerializer,
)
from screening.documents.signed import file_name
from screening.models import Case, Job, Scope
from screening.services.follow_up import follow_ups_asked
from screening.services.intervention import cancel_job, replay_job
from screening.services.report import FAMILY, NoReport, read_report
from wire.holding import held_requests
from wire.texts import CASE_ID, pattern_of

JOB_NOT_FOUND = "job not found"
JOBS_OF_A_CASE = 200
FOLLOW_UPS_OF_A_CASE = 100
POLL_SECONDS = (0.02, 0.25)

JOB_ID = OpenApiParameter("job_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
CASE_ID_PARAMETER = OpenApiParameter(
    "case_id",
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 128,
        "pattern": pattern_of(CASE_ID),
    },
    OpenApiParameter.PATH,
)


class JobViewSet(ClinicViewSet):
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
        parameters=[JOB_ID, WaitQuerySerializer],
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
        jobs = narrow(self.jobs(), query, cursor)
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
        parameters=[JOB_ID],
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
        parameters=[JOB_ID],
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
            raise NotFound(JOB_NOT_FOUND) from None

    def _row(self, job_id: str) -> dict[str, Any]:
        rows = self.jobs().filter(pk=_uuid(job_id))
        row: dict[str, Any] | None = rows.values(*JOB_COLUMNS).first()
        if row is None:
            raise NotFound(JOB_NOT_FOUND)
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


class CaseViewSet(ClinicViewSet):
    """A clinic's cases."""

    scopes = {"retrieve": Scope.JOBS_READ, "report": Scope.JOBS_READ}
    queries = {"report": ReportQuerySerializer}
    serializer_class = CaseSerializer
    content_negotiation_class = ByQuality

    def get_renderers(self) -> list[BaseRenderer]:
        """Offer a report in each of its forms, and all else as JSON."""
        if self.action != "report":
            return super().get_renderers()
        is_family = self.request.GET.get("part") == FAMILY
        return [form() for form in (FAMILY_FORMS if is_family else REPORT_FORMS)]

    @extend_schema(
        operation_id="case",
        summary="Read one case with its newest jobs",
        parameters=[CASE_ID_PARAMETER],
        responses={200: CaseSerializer},
    )
    def retrieve(self, request: Request, case_id: str) -> Response:
        """Give the case, its jobs (newest first, at most 200) and its review state.

        What a clinician asked for beside the reports is there as soon as it is asked.
        """
        case = self._case(case_id)
        if case is None:
            raise NotFound("case not found")
        rows = self.jobs().filter(case=case).order_by("-created_at", "-id")
        jobs = [self.body_of(row) for row in rows.values(*JOB_COLUMNS)[:JOBS_OF_A_CASE]]
        return Response(
            {
                "case_id": case.case_id,
                "created_at": case.created_at,
                "review_state": jobs[0]["review_state"] if jobs else None,
                "jobs": jobs,
                "follow_ups": follow_ups_asked(case, most=FOLLOW_UPS_OF_A_CASE),
            }
        )

    @extend_schema(
        operation_id="report",
        summary="Read a case's newest signed report",
        parameters=[CASE_ID_PARAMETER, ReportQuerySerializer],
        responses={
            (200, "application/json"): ReportSerializer,
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (200, "application/fhir+json"): {"type": "object"},
            (409, "application/json"): OpenApiResponse(
                ErrorSerializer, description="The family sheet must not leave yet."
            ),
        },
    )
    def report(self, request: Request, case_id: str) -> Response:
        """Give what was signed, word for word, with its addenda; 404 before that.

        `Accept` chooses JSON, a PDF or a FHIR R4 document Bundle.
        """
        form = request.accepted_renderer.format
        try:
            report = read_report(
                clinic=self.client.clinic,
                case_id=case_id.replace("\0", "\ufffd"),
                actor=self.client.actor,
                form=form,
                part=self.query["part"],
            )
        except NoReport:
            # An identifier may end in the same word: then it is the case that is meant.
            if form == "json" and self._case(f"{case_id}/report") is not None:
                return self.retrieve(request, f"{case_id}/report")
            raise NotFound("no signed report") from None
        if form == "json":
            return Response(report_body(report), headers={"Vary": "Accept"})
        name = file_name(report, form=form, part=self.query["part"])
        attached = f'attachment; filename="{name}"'
        return Response(
            report, headers={"Vary": "Accept", "Content-Disposition": attached}
        )

    def _case(self, case_id: str) -> Case | None:
        cases = Case.objects.filter(clinic=self.client.clinic)
        return None if "\0" in case_id else cases.filter(case_id=case_id).first()


def _uuid(text: str) -> uuid.UUID:
    """Read a job id; what is none is not found, like any unknown one.

    Raises:
        NotFound: it is no UUID in its usual form.
    """
    try:
        found = uuid.UUID(text)
    except ValueError:
        raise NotFound(JOB_NOT_FOUND) from None
    if str(found) != text:
        raise NotFound(JOB_NOT_FOUND)
    return found
