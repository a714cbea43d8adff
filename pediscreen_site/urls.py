"""The whole public surface."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from pediscreen_site import health, metrics

urlpatterns = [
    path("api/", include("screening.api.urls")),
    path("", include("routing.api.urls")),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path(
        "api/docs",
        SpectacularSwaggerSplitView.as_view(template_name="docs.html"),
        name="docs",
    ),
    path("metrics", metrics.metrics, name="metrics"),
    path("health", health.health, name="health"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url="/admin/"), name="home"),
]
handler400 = "pediscreen_site.api.errors.bad_request"
handler403 = "pediscreen_site.api.errors.forbidden"
handler404 = "pediscreen_site.api.errors.not_found"
handler500 = "pediscreen_site.api.errors.broke"
