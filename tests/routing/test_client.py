"""Step 8: the call to a model server. However it misbehaves, the call ends in time."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import psutil
import pytest

from routing.client import ModelClient
from routing.errors import (
    ModelAnswerNotJSON,
    ModelRedirected,
    ModelResponseTooLarge,
    ModelServerError,
    ModelServerRejected,
    ModelTimeout,
    ModelUnreachable,
    RoutingError,
    TryAnother,
)
from routing.protocols import Request, native
from tests.routing.canned import answer_all, http
from tests.servers import ROOT
from tests.system.stack import free_port
from tests.system.stub_model import ANSWER, SECRET, StubModel

BODY = native.request_body("RC-2041", {"observations": SECRET, "age_months": 24})
CAP = 1 << 20


@pytest.fixture(scope="module")
def model() -> Iterator[StubModel]:
    stub = StubModel()
    yield stub
    stub.stop()


@pytest.fixture
def client() -> Iterator[ModelClient]:
    client = ModelClient(connections=32)
    yield client
    client.close()


@pytest.fixture
def canned() -> Iterator[Callable[[bytes], str]]:
    """Serve these very bytes, once to each who connects, and hang up."""
    listeners: list[socket.socket] = []

    def serve(answer: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=answer_all, args=(listener, answer)).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/infer"

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def start(client: ModelClient, url: str, *, seconds: float = 5) -> Future[Any]:
    request = Request(url=url, body=BODY)
    work = client.call(request, seconds=seconds, max_bytes=CAP, guarded=False)
    return client.start(work)


def call(client: ModelClient, url: str, *, seconds: float = 5) -> dict[str, Any]:
    return dict(start(client, url, seconds=seconds).result(timeout=20))


def error_of(client: ModelClient, url: str, *, seconds: float = 5) -> RoutingError:
    error = start(client, url, seconds=seconds).exception(timeout=20)
    assert isinstance(error, RoutingError), repr(error)
    assert SECRET not in str(error)
    assert "127.0.0.1" not in str(error)
    return error


# --- What is sent, what is returned -----------------------------------------------


def test_a_good_answer_is_returned_as_it_came(model, client):
    model.mode = "good"

    assert call(client, model.url) == {"result": ANSWER}


def test_what_is_sent_is_the_native_protocol(model, client):
    model.mode, model.bodies = "good", []

    call(client, model.url)

    assert model.bodies == [
        {
            "case_id": "RC-2041",
            "age_months": 24,
            "observations": SECRET,
            "embedding_b64": None,
            "shape": None,
            "max_new_tokens": 256,
            "temperature": 0.0,
        }
    ]


def test_the_embedding_goes_with_its_shape_and_added_fields_only_if_given():
    body = native.request_body(
        "RC-1", {"embedding_b64": "AAAA", "flags": {"lost_skill": True}}
    )

    assert body["shape"] == [1, 256]
    assert body["flags"] == {"lost_skill": True}
    assert not {"milestones", "gestational_weeks", "consent"} & set(body)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"result": {"risk": "refer"}, "risk": "x"}, {"risk": "refer"}),
        ({"risk": "refer"}, {"risk": "refer"}),
        ({"result": "text"}, "text"),
        ({"result": None}, None),
    ],
)
def test_the_result_is_taken_out_if_there_is_one(body, answer):
    assert native.answer_of(body) == answer


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("identity", b'{"risk": "refer"}'),
        ("gzip", gzip.compress(b'{"risk": "refer"}', mtime=0)),
        ("GZIP", gzip.compress(b'{"risk": "refer"}', mtime=0)),
        ("deflate", zlib.compress(b'{"risk": "refer"}')),
    ],
)
def test_an_answer_may_come_compressed(client, canned, encoding, packed):
    url = canned(http(packed, Content_Encoding=encoding))

    assert call(client, url) == {"risk": "refer"}


def test_an_answer_as_large_as_the_cap_is_taken(client, canned):
    body = b'{"a": 1}' + b" " * (CAP - 8)

    assert call(client, canned(http(body))) == {"a": 1}


def test_many_calls_wait_at_the_same_time(model, client):
    model.mode, model.latency, model.most_in_flight = "good", 1.5, 0

    calls = [start(client, model.url) for _ in range(24)]

    assert all(call.result(timeout=10) == {"result": ANSWER} for call in calls)
    assert model.most_in_flight == 24
    model.latency = 0.0


# --- What goes wrong, and as what it is known -------------------------------------

BY_MODE = {
    "garbage": ModelAnswerNotJSON,
    "array": ModelAnswerNotJSON,
    "nan": ModelAnswerNotJSON,
    "nul": ModelAnswerNotJSON,
    "empty": ModelAnswerNotJSON,
    "close": ModelUnreachable,
    "redirect": ModelRedirected,
    "huge": ModelResponseTooLarge,
    "bomb": ModelResponseTooLarge,
    **{f"status:{n}": ModelServerRejected for n in (400, 401, 403, 404, 410, 422)},
    **{
        f"status:{n}": ModelServerError
        for n in (408, 425, 429, 500, 501, 502, 503, 504, 529)
    },
}


@pytest.mark.parametrize(("mode", "error"), BY_MODE.items())
def test_each_way_to_misbehave_has_its_error(model, client, mode, error):
    model.mode = mode
    model.calls.clear()

    assert type(error_of(client, model.url)) is error
    assert model.calls.total() == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_no_redirect_is_followed(model, client, canned, status):
    model.redirected = 0
    elsewhere = model.url.replace("/infer", "/elsewhere")

    error = error_of(client, canned(http(status=status, Location=elsewhere)))

    assert type(error) is ModelRedirected
    assert model.redirected == 0


HEAD = b"HTTP/1.1 200 X\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(b'{"a": 1}', mtime=0)
NO_ANSWER = {
    "nothing": b"",
    "not HTTP": b"SSH-2.0-x\r\n",
    "half a status line": b"HTTP/1.1 200",
    "no status": b"HTTP/1.1 abc X\r\n\r\n",
    "no length": HEAD + b"Content-Length: abc\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "shorter than announced": http(b"{}", Content_Length="99"),
    "bad chunks": CHUNKED + b"zz\r\n{}",
    "half a chunk": CHUNKED + b"9\r\n{}",
    "a very long header": http(b"{}", X_Long="y" * 100_000),
    "many headers": HEAD + b"A: b\r\n" * 50_000 + b"\r\n",
    "no gzip": http(b"\x00\xff" * 10, Content_Encoding="gzip"),
    "half a gzip": http(PACKED[:-12], Content_Encoding="gzip"),
    "gzip twice": http(gzip.compress(PACKED, mtime=0), Content_Encoding="gzip, gzip"),
    "brotli": http(b"{}", Content_Encoding="br"),
    "two documents": http(b'{"a": 1}{"a": 2}'),
    "a key twice": http(b'{"a": 1, "a": 2}'),
    "infinity in disguise": http(b'{"a": 1e999}'),
    "UTF-16": http("{}".encode("utf-16")),
    "deep": http(b"[" * 100_000),
    "no content": http(status=204),
}


@pytest.mark.parametrize("answer", NO_ANSWER.values(), ids=NO_ANSWER)
def test_an_answer_that_is_none_leaves_another_server_to_be_tried(
    client, canned, answer
):
    error = error_of(client, canned(answer))

    assert isinstance(error, TryAnother)


NOWHERE = {
    "nobody listens": "http://127.0.0.1:{port}/infer",
    "no such host": "http://no-such-host.invalid/infer",
    "no possible host": "http://" + "a" * 70 + ".invalid/infer",
    "a host with a gap": "http://a..invalid/infer",
    "no TLS": "https://127.0.0.1:{model}/infer",
}


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE)
def test_a_server_that_cannot_be_reached_is_unreachable(model, client, url):
    error = error_of(client, url.format(port=free_port(), model=model.port))

    assert type(error) is ModelUnreachable


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("0", 0), ("2", 2), ("120", 120), ("99999999", 3600)],
        *[(text, None) for text in ("-1", "1.5", "soon", "", "\xb2")],
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_the_time_to_be_left_alone_is_read(client, canned, text, seconds):
    answer = http(status=429).replace(
        b"\r\n\r\n", b"\r\nRetry-After: " + text.encode("latin-1") + b"\r\n\r\n"
    )

    error = error_of(client, canned(answer))

    assert isinstance(error, ModelServerError)
    assert error.retry_after == seconds


# --- In time, and in little memory ------------------------------------------------


@pytest.mark.parametrize("mode", ["hang", "drip", "drip_headers"])
def test_the_deadline_is_for_all_of_the_call(model, client, mode):
    model.mode = mode
    begun = time.monotonic()

    error = error_of(client, model.url, seconds=1)

    assert type(error) is ModelTimeout
    assert 0.9 < time.monotonic() - begun < 1.5


def test_the_deadline_is_for_a_server_too_that_accepts_and_says_nothing(client):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/infer"
        error = error_of(client, url, seconds=0.5)

    assert type(error) is ModelTimeout
    assert time.monotonic() - begun < 1


def test_neither_a_call_nor_the_end_waits_for_a_slow_look_up(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: over.wait(30) and [])
    client = ModelClient(connections=1)
    begun = time.monotonic()

    error = error_of(client, "http://slow-look-up.invalid/infer", seconds=0.5)
    client.close()

    over.set()
    assert type(error) is ModelTimeout
    assert time.monotonic() - begun < 1.5


def test_closing_ends_the_calls_that_are_under_way(model):
    model.mode = "hang"
    client = ModelClient(connections=4)
    calls = [start(client, model.url, seconds=30) for _ in range(4)]
    time.sleep(0.2)
    begun = time.monotonic()

    client.close()

    assert time.monotonic() - begun < 1
    for one in calls:
        with pytest.raises(CancelledError):
            one.result(timeout=1)


CALLER = """
import sys
from tests.routing.test_client import ModelClient, error_of, call
client = ModelClient(connections=1)
url = sys.argv[1]
call(client, url)
print("warm", flush=True)
sys.stdin.readline()
print(type(error_of(client, url, seconds=20)).__name__, flush=True)
sys.stdin.readline()
client.close()
"""


@pytest.mark.parametrize("mode", ["huge", "bomb"])
def test_fifty_megabytes_cost_no_more_memory_than_the_cap(model, mode):
    model.mode = "good"
    process = subprocess.Popen(
        [sys.executable, "-c", CALLER, model.url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "warm\n"
        before = most = psutil.Process(process.pid).memory_info().rss
        model.mode = mode
        answers: list[str] = []
        reader = threading.Thread(
            target=lambda: answers.append(process.stdout.readline())
        )
        reader.start()
        process.stdin.write("\n")
        process.stdin.flush()
        while reader.is_alive():
            most = max(most, psutil.Process(process.pid).memory_info().rss)
            time.sleep(0.002)
        process.stdin.write("\n")

    assert answers == ["ModelResponseTooLarge\n"]
    assert most - before < 20 << 20, json.dumps({"grown": most - before})
