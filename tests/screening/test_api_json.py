"""Bodies that two readers could read differently, or that are no JSON at all."""

from __future__ import annotations

import io
import json

import pytest
from django.db import connection
from django.test import RequestFactory

from audit.models import Audit
from screening.models import Case, Job

SENTINEL = "Xyzzy-Quux"
DEEP = 100_000
LARGE = 3_000_000


def text(value):
    """Return one submission that a JSON body would carry as it is."""
    return f'{{"observations": "{SENTINEL}", {value}}}'.encode()


def nested(levels):
    """Return a submission with so many levels, its own object among them."""
    return text(f'"flags": {"[" * (levels - 1)}{"]" * (levels - 1)}')


def post(api, body, content_type="application/json", path="/api/submit", **headers):
    return api.generic("POST", path, body, content_type, **headers)


def check_refusal(response, status, code):
    """Check status and envelope; that nothing is quoted, and nothing is stored."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"code", "message", "details", "detail"}
    assert body["code"] == code
    assert isinstance(body["details"], dict)
    assert body["message"]
    assert body["detail"]
    assert SENTINEL not in response.content.decode()
    assert "Traceback" not in response.content.decode()
    assert not Job.objects.exists()
    assert not Case.objects.exists()
    assert not Audit.objects.changing().exists()


NOT_STRICT_JSON = {
    "empty": b"",
    "white space": b"  \n",
    "NaN": text('"age_months": NaN'),
    "Infinity": text('"age_months": Infinity'),
    "minus Infinity": text('"age_months": -Infinity'),
    "NaN in a list": text('"shape": [1, NaN]'),
    "33 levels": nested(33),
    "900 levels": nested(900),
    "100,000 levels": nested(DEEP),
    "100,000 levels of objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "100,000 levels left open": b"[" * DEEP,
    "5,000 digits": text(f'"age_months": {"9" * 5000}'),
    "5,000 digits and a minus": text(f'"age_months": -{"9" * 5000}'),
    "key twice": text('"age_months": 24, "age_months": 900'),
    "key twice, once escaped": text(r'"priority": "low", "\u0070riority": "high"'),
    "key twice, nested": text('"flags": {"lost_skill": true, "lost_skill": false}'),
    "array": f'["{SENTINEL}"]'.encode(),
    "array of a submission": b"[{}]",
    "string": f'"{SENTINEL}"'.encode(),
    "number": b"24",
    "true": b"true",
    "null": b"null",
    "cut off": text('"age_months": 24')[:-1],
    "cut off in a string": f'{{"observations": "{SENTINEL}'.encode(),
    "two documents": b"{} {}",
    "comma at the end": text('"age_months": 24,'),
    "comment": text('"age_months": 24 /* months */'),
    "single quotes": f"{{'observations': '{SENTINEL}'}}".encode(),
    "leading zero": text('"age_months": 024'),
    "hexadecimal": text('"age_months": 0x18'),
    "plus sign": text('"age_months": +24'),
    "bare newline in a string": text('"case_id": "a\nb"'),
    "bare NUL in a string": text('"case_id": "a\0b"'),
    "NUL after the document": b"{}\0",
    "broken UTF-8": text('"case_id": "') + b'\xff\xfe"}',
    "overlong UTF-8": text('"case_id": "') + b'\xc0\xaf"}',
    "surrogate in UTF-8": text('"case_id": "') + b'\xed\xa0\x80"}',
    "latin-1": text('"case_id": "ü"').decode().encode("latin-1"),
    "UTF-16": text('"age_months": 24').decode().encode("utf-16"),
    "UTF-16 without a mark": text('"age_months": 24').decode().encode("utf-16-be"),
    "UTF-32": text('"age_months": 24').decode().encode("utf-32"),
    "byte-order mark": b"\xef\xbb\xbf" + text('"age_months": 24'),
}
UNUSABLE_VALUES = {
    "age_months": ["1e400", "1e2", "24.0", "-0.0", "1" + "0" * 12, "1" + "0" * 20],
    "observations": ["1e400", r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"\udfff"'],
    "case_id": [r'"\u0000"', r'"\ud83d"', r'"\udc76\ud83d"'],
    "priority": [r'"\u0000"', r'"high\u0000"'],
    "embedding_b64": [r'"AAAA\u0000"', r'"\ud800"'],
    "shape": ["[1e400, 1]", r'["\u0000", 1]'],
    "milestones": [
        r'{"9m.motor.sits": "\u0000"}',
        r'{"9m.motor.sits\u0000": "yes"}',
        r'{"\ud800": "yes"}',
    ],
    "consent": [
        r'{"consent_id": "\u0000"}',
        r'{"consent_id": "\ud800"}',
        r'{"scopes": ["a", "b\u0000"]}',
        r'{"scopes": ["\udfff"]}',
        r'{"consent_given\u0000": true}',
        r'{"\ud800": true}',
        r'{"a": {"b": [{"c": "\u0000"}]}}',
    ],
    "flags": [r'{"lost_skill": "\u0000"}', r'{"lost_skill\u0000": true}'],
    "metadata": [r'{"note": "\u0000"}', r'{"\ud800": {}}', "1e400"],
}
OTHER_MEDIA_TYPES = [
    "application/json; charset=bogus",
    "application/json; charset=utf-7",
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    "application/json; charset=hex",
    'application/json; charset="utf-16"',
    "application/json; charset=",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "text/json",
    "text/html",
    "application/xml",
    "application/x-ndjson",
    "application/octet-stream",
    "application/json-patch+json",
    "nonsense",
    f"text/{SENTINEL}",
    "",
    "ü",
]


@pytest.mark.parametrize("body", NOT_STRICT_JSON.values(), ids=NOT_STRICT_JSON)
def test_a_body_that_is_not_a_strict_json_object_is_refused(api, body):
    response = post(api, body)

    check_refusal(response, 400, "INVALID_PAYLOAD")


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in UNUSABLE_VALUES.items() for value in values],
)
def test_a_value_that_cannot_be_stored_is_refused_by_its_field(api, field, value):
    response = post(api, text(f'"{field}": {value}').replace(b"observations", b"n", 1))

    check_refusal(response, 422, "VALIDATION_ERROR")
    assert field in response.json()["details"]


@pytest.mark.parametrize("key", [r"\u0000", r"a\u0000", r"\ud800", r"a\udfff.b"])
def test_a_name_that_cannot_be_stored_is_refused_and_not_repeated(api, key):
    response = post(api, f'{{"{key}": "{SENTINEL}"}}'.encode())

    check_refusal(response, 422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {"non_field_errors"}


def test_32_levels_are_read(api):
    response = post(api, nested(32))

    check_refusal(response, 422, "VALIDATION_ERROR")
    assert set(response.json()["details"]) == {"flags"}


@pytest.mark.parametrize("content_type", OTHER_MEDIA_TYPES)
def test_anything_but_json_in_utf_8_is_415(api, content_type):
    response = post(api, text('"age_months": 24'), content_type)

    check_refusal(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "APPLICATION/JSON",
        "application/json; profile=x",
    ],
)
def test_json_in_utf_8_is_taken_however_it_is_said(api, content_type):
    response = post(api, '{"case_id": "Jürgen 👶"}'.encode(), content_type)

    assert response.status_code == 200
    assert response.json()["case_id"] == "Jürgen 👶"


def test_escaped_surrogate_pairs_are_whole_characters(api):
    response = post(api, rb'{"case_id": "\ud83d\udc76"}')

    assert response.json()["case_id"] == "👶"


@pytest.mark.parametrize(
    "accept", [f"text/{SENTINEL}", "text/html", "application/xml", "image/*", "ü"]
)
def test_an_answer_in_another_form_than_json_is_refused_in_json(api, accept):
    response = post(api, b"{}", HTTP_ACCEPT=accept)

    check_refusal(response, 406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    "query", ["format=xml", "format=json", "api_key=k", "x", "a%00=1", "%ff=%ff"]
)
def test_a_query_on_a_route_that_has_none_is_refused(api, query):
    response = post(api, b"{}", path=f"/api/submit?{query}")

    check_refusal(response, 400, "INVALID_PAYLOAD")


def test_a_body_of_three_megabytes_is_413(api):
    response = post(api, text(f'"case_id": "{"x" * LARGE}"'))

    check_refusal(response, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "length",
    ["-1", "abc", "1e1", "0x10", "+2", "2_0", "٢", "", "0", "00", "9" * 5000, "2, 2"],
)
def test_a_content_length_that_is_no_length_of_a_body_is_400(api, length):
    response = post(api, text('"age_months": 24'), CONTENT_LENGTH=length)

    check_refusal(response, 400, "INVALID_PAYLOAD")


def test_a_content_length_beyond_the_limit_is_413_before_anything_is_read(api):
    response = post(api, b"{}", CONTENT_LENGTH=str(LARGE))

    check_refusal(response, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", SENTINEL])
def test_another_method_is_405_and_says_which_are_allowed(api, method):
    response = api.generic(method, "/api/submit", b"{}", "application/json")

    check_refusal(response, 405, "METHOD_NOT_ALLOWED")
    assert response["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize(
    "header", ["X_HTTP_METHOD_OVERRIDE", "X_METHOD_OVERRIDE", "X_HTTP_METHOD"]
)
def test_a_header_does_not_change_the_method(api, header):
    get = api.generic("GET", "/api/submit", **{f"HTTP_{header}": "POST"})
    post_ = post(api, b"{}", **{f"HTTP_{header}": "DELETE"})

    assert get.status_code == 405
    assert post_.status_code == 200


# --- Under a WSGI server -------------------------------------------------------


def serve(settings, body=b"{}", method="POST", path="/api/submit", **environ):
    """Call the WSGI application as a server would; return status and envelope."""
    from pediscreen_site.wsgi import application

    request = RequestFactory().generic(method, path, body, "application/json")
    answer = []

    def start_response(status, headers):
        answer.append(int(status.split()[0]))

    environ = {
        **request.environ,
        "HTTP_X_API_KEY": settings.API_KEY,
        "HTTP_HOST": "localhost",
        **environ,
    }
    chunks = application(environ, start_response)
    answer.append(json.loads(b"".join(chunks)))
    return answer


class Chunks(io.BytesIO):
    """A body in chunks: it can be read, and nobody knows how long it is."""


@pytest.fixture
def _own_connection(monkeypatch):
    """Keep the end of a request from closing the test's connection."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


@pytest.mark.usefixtures("_own_connection")
def test_a_body_in_chunks_is_read_to_its_end(api, settings):
    status, body = serve(
        settings,
        **{
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": Chunks(b'{"case_id": "in-chunks"}'),
        },
    )

    assert status == 200
    assert body["case_id"] == "in-chunks"


@pytest.mark.usefixtures("_own_connection")
def test_a_body_in_chunks_is_not_read_without_end(api, settings):
    chunks = Chunks(b" " * (settings.BULK_MAX_BYTES + 10))

    status, body = serve(
        settings,
        **{
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": chunks,
        },
    )

    assert (status, body["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert chunks.tell() <= settings.BULK_MAX_BYTES + 1


@pytest.mark.usefixtures("_own_connection")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset*=bogus''%41",
        "application/json; charset* =bogus''%41",
        "application/json; charset*=utf-8''a%00b",
        "application/json; charset=a\0b",
    ],
)
def test_a_content_type_that_django_cannot_read_is_415(api, settings, content_type):
    status, body = serve(settings, CONTENT_TYPE=content_type)

    assert (status, body["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.usefixtures("_own_connection")
@pytest.mark.parametrize("charset", ["hex", "undefined", "utf-16", "utf-7", "idna"])
def test_a_charset_does_not_change_how_a_query_is_read(api, settings, charset):
    status, body = serve(
        settings,
        method="GET",
        path="/api/jobs?status=%50ENDING",
        CONTENT_TYPE=f"application/json; charset={charset}",
    )

    assert (status, body) == (200, [])


@pytest.mark.usefixtures("_own_connection")
def test_an_accept_header_that_django_cannot_read_is_406(api, settings):
    status, body = serve(settings, HTTP_ACCEPT="text/html; q*=bogus''%41")

    assert (status, body["code"]) == (406, "NOT_ACCEPTABLE")


@pytest.mark.usefixtures("_own_connection")
def test_a_body_that_ends_early_is_400(api, settings):
    status, body = serve(
        settings, **{"CONTENT_LENGTH": "40", "wsgi.input": io.BytesIO(b"{}")}
    )

    assert (status, body["code"]) == (400, "INVALID_PAYLOAD")
