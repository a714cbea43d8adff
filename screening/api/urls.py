"""The paths of the screening API."""

from __future__ import annotations

from django.urls import path

from screening.api.consent_views import ConsentViewSet
from screening.api.submission_views import SubmissionViewSet
from screening.api.views import CaseViewSet, JobViewSet

# An id is whatever stands there: also with a slash in it, it is one and not found.
app_name = "screening"
urlpatterns = [
    path("submit", SubmissionViewSet.as_view({"post": "create"}), name="submit"),
    path("submit/bulk", SubmissionViewSet.as_view({"post": "bulk"}), name="bulk"),
    path(
        "status/<path:job_id>", JobViewSet.as_view({"get": "retrieve"}), name="status"
    ),
    path("jobs", JobViewSet.as_view({"get": "list"}), name="jobs"),
    path(
        "jobs/<path:job_id>/cancel",
        JobViewSet.as_view({"post": "cancel"}),
        name="cancel",
    ),
    path(
        "jobs/<path:job_id>/retry", JobViewSet.as_view({"post": "retry"}), name="retry"
    ),
    path(
        "consents",
        ConsentViewSet.as_view({"post": "give", "get": "list"}),
        name="consents",
    ),
    path(
        "consents/<path:consent_id>/revoke",
        ConsentViewSet.as_view({"post": "revoke"}),
        name="revoke",
    ),
    path(
        "cases/<path:case_id>/report",
        CaseViewSet.as_view({"get": "report"}),
        name="report",
    ),
    path("cases/<path:case_id>", CaseViewSet.as_view({"get": "retrieve"}), name="case"),
]
