"""Log lines: one JSON object each, that tells where and when and nobody's words."""

from __future__ import annotations

import io
import json
import logging
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.context import request_id
from pediscreen_site.logs import JsonFormatter
from tests.system.stack import Stack, wait_until

SECRET = "zq-observation-sentinel"
FIELDS = {"time", "level", "logger", "message", "request_id", "trace_id", "job_id"}


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what is logged, through the product's own formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)

    def read() -> list[dict[str, Any]]:
        assert SECRET not in stream.getvalue()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield read
    logging.getLogger().removeHandler(handler)


def break_with(words: str) -> None:
    raise ValueError(words)


def break_deeper() -> None:
    try:
        break_with(SECRET)
    except ValueError as exc:
        raise LookupError(f"the row says {SECRET}") from exc


def test_a_line_is_one_json_object_of_known_fields(lines):
    logging.getLogger("screening.worker").warning("Worker %s takes %d", "host-1", 3)

    [line] = lines()
    assert set(line) == FIELDS
    assert line["level"] == "WARNING"
    assert line["logger"] == "screening.worker"
    assert line["message"] == "Worker host-1 takes 3"
    assert line["request_id"] == ""


def test_the_time_is_in_utc_whatever_zone_the_pages_are_in(lines, settings):
    settings.TIME_ZONE = "America/Chicago"
    logging.getLogger("screening").warning("x")

    [line] = lines()
    moment = datetime.fromisoformat(line["time"])
    assert moment.utcoffset() == timedelta(0)
    assert abs(moment - timezone.now()) < timedelta(seconds=10)


def test_a_line_names_the_request_it_was_written_in(lines):
    token = request_id.set("request-9")
    logging.getLogger("screening").warning("x")
    request_id.reset(token)

    assert [line["request_id"] for line in lines()] == ["request-9"]


def test_line_ends_and_control_characters_cannot_forge_a_line(lines):
    logging.getLogger("screening").warning("%s", 'a\r\n{"level": "INFO"}\x1b[31m\u2028')

    [line] = lines()
    assert line["message"].startswith("a\r\n")


def test_of_an_exception_type_and_place_are_told_and_not_its_words(lines):
    try:
        break_deeper()
    except LookupError:
        logging.getLogger("screening").exception("Job %s broke its worker", 7)

    [line] = lines()
    assert line["message"] == "Job 7 broke its worker"
    assert "LookupError at break_deeper:" in line["exc_info"]
    assert "ValueError at break_with:" in line["exc_info"]


def test_a_message_that_repeats_the_exception_names_its_type_instead(lines):
    try:
        break_deeper()
    except LookupError as exc:
        logging.getLogger("screening").critical("refused: %s", exc, exc_info=exc)
        logging.getLogger("screening").critical(str(exc), exc_info=exc)

    assert [line["message"] for line in lines()] == [
        "refused: LookupError",
        "LookupError",
    ]


def test_an_exception_that_another_handler_has_written_out_is_not_taken_over(lines):
    record = logging.LogRecord("x", logging.ERROR, "", 0, "x", (), None)
    record.exc_text = f"Traceback: {SECRET}"

    logging.getLogger().handle(record)

    assert set(lines()[0]) == FIELDS


def test_of_what_the_server_says_of_a_broken_request_the_first_line_is_kept(lines):
    logger = logging.getLogger("_granian.serve")
    logger.warning("It broke\nTraceback: %s", SECRET)

    assert [line["message"] for line in lines()] == ["It broke"]


def test_an_exception_that_is_its_own_cause_is_told_once(lines):
    error = ValueError("x")
    error.__cause__ = error

    logging.getLogger("screening").error("broke", exc_info=error)

    assert lines()[0]["exc_info"] == "ValueError at "


@pytest.mark.parametrize(
    "extra",
    [{"request": SECRET}, {"sql": SECRET, "params": [SECRET]}, {"status_code": 500}],
)
def test_what_a_library_hangs_on_a_record_is_left_out(lines, extra):
    logging.getLogger("django.request").error("x", extra=extra)
    logging.getLogger("screening").error("x", stack_info=True)

    assert all(set(line) == FIELDS for line in lines())


def test_a_defect_is_logged_with_its_place_and_without_query_or_words(
    lines, client, db, monkeypatch
):
    monkeypatch.setattr("pediscreen_site.health._database", lambda: break_with(SECRET))
    client.raise_request_exception = False

    response = client.get(f"/readyz?q={SECRET}", headers={"x-request-id": "abc-3"})

    assert response.status_code == 500
    assert SECRET not in response.text
    [line] = [line for line in lines() if line["level"] == "ERROR"]
    assert line["message"] == "Internal Server Error: /readyz"
    assert "ValueError at break_with:" in line["exc_info"]
    assert line["request_id"] == "abc-3"


def test_neither_a_key_nor_a_body_is_logged(lines, api):
    json_type = {"content_type": "application/json"}
    good = {"observations": SECRET, "case_id": SECRET}

    assert api.post("/api/submit", good, **json_type).status_code == 200
    assert api.post("/api/submit", good | {SECRET: 1}, **json_type).status_code == 422
    assert api.post("/api/submit", f'{{"{SECRET}', **json_type).status_code == 400
    api.get(f"/api/status/{SECRET}")
    api.get(f"/api/jobs?case_id={SECRET}")
    api.defaults["HTTP_X_API_KEY"] = f"psk_abcd1234_{SECRET}"
    assert api.get("/api/jobs").status_code == 401

    assert all(set(line) == FIELDS for line in lines())


def test_a_forbidden_look_up_in_the_admin_is_logged_without_its_words(
    lines, admin_client
):
    query = {"case__clinic__name__startswith": SECRET}

    response = admin_client.get("/admin/screening/job/", query)

    assert response.status_code == 400
    [line] = [line for line in lines() if line["logger"].startswith("django.security")]
    assert line["message"] == "DisallowedModelAdminLookup"


def test_no_level_lets_the_database_log_what_it_stores():
    assert not logging.getLogger("django.db.backends").isEnabledFor(logging.DEBUG)


@pytest.mark.system
def test_every_line_of_a_worker_process_is_such_a_line():
    with Stack(LOG_LEVEL="DEBUG", EDGE_MODEL_URL="http://127.0.0.1:9/") as stack:
        process = stack.start_worker("--name", "host-1")
        wait_until(lambda: "takes work" in stack.log("worker"))
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        written = [json.loads(line) for line in stack.log("worker").splitlines()]

    assert all(set(line) >= FIELDS for line in written)
    assert "Worker host-1 takes work, 32 at a time" in {w["message"] for w in written}
