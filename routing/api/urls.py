"""The paths of the routing API, below the root."""

from __future__ import annotations

from django.urls import path

from routing.api.lease_views import LeaseViewSet
from routing.api.task_views import TaskViewSet
from routing.api.views import AgentViewSet

# An id is whatever stands there: also with a slash in it, it is one and not found.
app_name = "routing"
urlpatterns = [
    path("register_agent", AgentViewSet.as_view({"post": "register"}), name="register"),
    path("agents", AgentViewSet.as_view({"get": "list"}), name="agents"),
    path(
        "agents/<path:agent_id>/heartbeat",
        AgentViewSet.as_view({"post": "heartbeat"}),
        name="heartbeat",
    ),
    path(
        "agents/<path:agent_id>/lease",
        LeaseViewSet.as_view({"post": "lease"}),
        name="lease",
    ),
    path("route_task", TaskViewSet.as_view({"post": "route"}), name="route_task"),
    path(
        "task/<path:task_id>/heartbeat",
        LeaseViewSet.as_view({"post": "heartbeat"}),
        name="task_heartbeat",
    ),
    path(
        "task/<path:task_id>/result",
        LeaseViewSet.as_view({"post": "result"}),
        name="task_result",
    ),
    path("task/<path:task_id>", TaskViewSet.as_view({"get": "retrieve"}), name="task"),
    path(
        "route_and_call",
        AgentViewSet.as_view({"post": "route_and_call"}),
        name="route_and_call",
    ),
]
