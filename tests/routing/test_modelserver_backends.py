"""What a model server says of its backend: ready or not, its figures, what it reads."""

from __future__ import annotations

import json
import re

import pytest

from routing.modelserver.backends import BACKENDS, Overloaded
from routing.modelserver.medgemma.tally import Tally
from routing.modelserver.meter import Meter
from tests.routing.test_modelserver import SECRET, BrokenBackend, ask, post
from tests.servers import ROOT


class BusyBackend(BrokenBackend):
    """Is not ready, and takes nothing."""

    is_ready = False

    async def infer(self, question):
        raise Overloaded("The queue is full.", retry_after=7)

    def facts(self):
        return {"device": "abacus"}

    def metrics(self):
        return "modelserver_ready 0\n"


def test_a_backend_that_is_not_ready_is_not_healthy():
    status, _, answer = ask("GET", "/health", backend=BusyBackend())

    assert status == 503
    assert answer == {"status": "not_ready", "backend": "broken", "model_id": "none"}


def test_a_backend_that_takes_nothing_now_says_when_to_come_again():
    status, headers, answer = ask("POST", "/infer", json={}, backend=BusyBackend())

    assert (status, headers["Retry-After"]) == (503, "7")
    assert answer["code"] == "SERVICE_UNAVAILABLE"


def test_status_and_metrics_hold_what_the_backend_adds():
    status = ask("GET", "/status", backend=BusyBackend())[2]
    text = ask("GET", "/metrics", backend=BusyBackend())[2].decode()

    assert status["device"] == "abacus"
    assert text.endswith("modelserver_request_seconds_count 0\nmodelserver_ready 0\n")


def test_the_backends_are_the_rules_and_medgemma():
    assert list(BACKENDS) == ["medgemma", "reference"]


@pytest.mark.parametrize(
    "body",
    [
        {"images": ["data:image/png;base64,AAAA"]},
        {"image_ref": SECRET},
        {"Video": {"x": SECRET}},
    ],
)
def test_the_rules_say_that_they_read_no_picture_and_no_other_media(body):
    status, answer = post("/infer", body)

    assert status == 200
    assert {
        "type": "images",
        "detail": "not used by the reference rules",
    } in answer["result"]["explainability"]
    assert SECRET not in json.dumps(answer)


def test_the_document_lists_every_figure_with_its_type():
    text = Meter().render() + Tally().render(is_ready=True)
    told = (ROOT / "docs/observability.md").read_text()

    rows = re.findall(r"^\| (modelserver_\w+) \| (\w+)(?:;[^|]+)? \| ", told, re.M)
    assert rows == re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M)
