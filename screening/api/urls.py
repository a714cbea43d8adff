"""The paths of the screening API."""

from __future__ import annotations

from django.urls import path

from screening.api.views import CaseViewSet, JobViewSet, SubmissionViewSet

app_name = "screening"
urlpatterns = [
    path("submit", SubmissionViewSet.as_view({"post": "create"}), name="submit"),
    path("submit/bulk", SubmissionViewSet.as_view({"post": "bulk"}), name="bulk"),
    path("status/<str:job_id>", JobViewSet.as_view({"get": "retrieve"}), name="status"),
    path("jobs", JobViewSet.as_view({"get": "list"}), name="jobs"),
    path(
        "jobs/<str:job_id>/cancel",
        JobViewSet.as_view({"post": "cancel"}),
        name="cancel",
    ),
    path(
        "jobs/<str:job_id>/retry", JobViewSet.as_view({"post": "retry"}), name="retry"
    ),
    path("cases/<str:case_id>", CaseViewSet.as_view({"get": "retrieve"}), name="case"),
]
