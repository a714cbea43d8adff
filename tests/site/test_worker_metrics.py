"""A worker's own page of metrics, and which workers are there."""

from __future__ import annotations

import socket

import pytest
from django.core.management import CommandError, call_command

from claims.page import serve_metrics
from screening import queue
from screening.registration import RegisteredWorker


@pytest.mark.django_db
@pytest.mark.parametrize("words", [("rqworker", "pedi-screen"), ("streamworker",)])
def test_a_port_that_is_taken_is_said_at_the_start(words, redis, settings):
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104
        settings.METRICS_PORT = taken.getsockname()[1]

        with pytest.raises(CommandError, match=r"METRICS_PORT is taken .* Set it to"):
            call_command(*words, "--burst")


def test_without_a_port_there_is_no_page(settings, monkeypatch):
    monkeypatch.setattr("claims.page.start_http_server", None)
    settings.METRICS_PORT = 0

    serve_metrics()


def test_a_worker_that_was_killed_is_one_no_more_once_it_has_been_silent(redis):
    worker = RegisteredWorker(name="killed")
    worker.register()
    assert queue.workers(worker.queue) == 1
    assert 0 < redis.ttl(worker.key) <= 61

    worker.keep_registered()
    assert 0 < redis.ttl(worker.key) <= 61

    redis.pexpire(worker.key, 1)
    while redis.exists(worker.key):
        pass
    assert redis.smembers("rq:workers:pedi-screen")
    assert queue.workers(worker.queue) == 0
