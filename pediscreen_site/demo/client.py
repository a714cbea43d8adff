"""The demonstration as a client of the API: submit, watch."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

ENDED = {"DONE", "FAILED", "CANCELLED"}
HOLD_SECONDS = 5


@dataclass(kw_only=True, slots=True)
class Submitted:
    """One story: what was sent, what was answered, and what came of it."""

    story: str
    fields: dict[str, Any]
    status: int
    answer: dict[str, Any]
    job: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Say whether there is a job."""
        return self.status == 200


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoClient:
    """Calls the API with a key, and the standard library alone."""

    url: str
    key: str

    def request(
        self, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Call the API; return the status and the JSON that was answered."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "x-api-key": self.key,
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def readiness(self) -> str:
        """Return what /readyz says, or that nothing answers yet."""
        try:
            return str(self.request("/readyz")[1].get("status"))
        except (OSError, ValueError):
            return "starting"

    def submit(self, story: str, fields: dict[str, Any]) -> Submitted:
        """Submit one case, well formed or not."""
        status, answer = self.request("/api/submit", fields)
        return Submitted(
            story=story, fields=fields, status=status, answer=answer, job={}
        )

    def hold(self, submitted: Submitted) -> bool:
        """Ask for a job's state, waiting a little for it; say whether it has ended."""
        path = f"/api/status/{submitted.answer['job_id']}?wait={HOLD_SECONDS}"
        _, submitted.job = self.request(path)
        return submitted.job.get("status") in ENDED
