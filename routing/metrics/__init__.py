"""What Prometheus is told of model servers, agents, tasks and streams."""

from __future__ import annotations

from routing.metrics.targets import TargetCollector
from routing.metrics.tasks import CountCollector, StreamCollector, TaskCollector

__all__ = ["CountCollector", "StreamCollector", "TargetCollector", "TaskCollector"]
