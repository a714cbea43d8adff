"""Request bodies: JSON in UTF-8, read strictly, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import (
    APIException,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.parsers import BaseParser

from wire import strict_json
from wire.fields import LONGEST_NAME


class PayloadTooLarge(APIException):
    """The body is larger than this route takes."""

    status_code = 413
    default_detail = "The body is larger than this route takes."


def announced_length(request: HttpRequest) -> int:
    """Return the Content-Length; DRF would read one that is no number as none.

    Raises:
        ParseError: it is not a number of bytes.
    """
    text = request.META.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ParseError("Content-Length is not a number of bytes.")
    return int(text)


def read_body(request: HttpRequest, most: int) -> bytes:
    """Read a body of at most so many bytes.

    Raises:
        PayloadTooLarge: it is longer, or says that it will be.
        ParseError: it ended before its length was reached.
    """
    announced = announced_length(request)
    if announced > most:
        raise PayloadTooLarge
    try:
        body = request.read(most + 1)
    except OSError:
        raise ParseError("The body ended early.") from None
    if len(body) > most:
        raise PayloadTooLarge
    if len(body) < announced:
        raise ParseError("The body is shorter than its Content-Length.")
    return body


def check_charset(parameters: Mapping[str, str], media_type: str) -> None:
    """Refuse every charset but UTF-8, named or not."""
    charset = parameters.get("charset", "utf-8").strip('"').lower()
    if charset not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(media_type)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what is wrong with a document into what is answered.

    Raises:
        ValidationError: a value in it cannot be stored.
        ParseError: it is not strict JSON.
    """
    try:
        yield
    except strict_json.UnstorableValue as exc:
        field = exc.path.split(".")[0] or "non_field_errors"
        message = "NUL, unpaired surrogates and endless numbers cannot be stored."
        raise ValidationError({field[:LONGEST_NAME]: [message]}) from None
    except strict_json.NotStrictJSON as exc:
        raise ParseError(f"The body is not usable JSON: {exc}.") from None


class StrictJSONParser(BaseParser):
    """``application/json`` whose top level is an object."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read the body of the request under way."""
        body = _body_of(parser_context, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        with refusals():
            document = strict_json.loads(body)
        if not isinstance(document, dict):
            raise ParseError("The body must be a JSON object.")
        return document


class StrictJSONListParser(BaseParser):
    """``application/json`` whose top level is an array.

    An item that cannot be stored is returned as its error, so that the others can be
    accepted.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read the body of the request under way."""
        body = _body_of(parser_context, settings.BULK_MAX_BYTES)
        with refusals():
            document = strict_json.parse(body)
        if not isinstance(document, list):
            raise ParseError("The body must be a JSON array.")
        return [_or_error(_inspected, item) for item in document]


class NDJSONParser(BaseParser):
    """``application/x-ndjson``: a JSON document a line.

    A line that cannot be read is returned as its error, so that the others can be
    accepted.
    """

    media_type = "application/x-ndjson"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read the body of the request under way."""
        body = _body_of(parser_context, settings.BULK_MAX_BYTES)
        lines = (line for line in body.splitlines() if line.strip())
        return [_or_error(strict_json.loads, line) for line in lines]


def _or_error(read: Callable[[Any], Any], document: Any) -> Any:
    try:
        with refusals():
            return read(document)
    except (ParseError, ValidationError) as exc:
        return exc


def _inspected(document: Any) -> Any:
    strict_json.inspect(document)
    return document


def _body_of(parser_context: Mapping[str, Any] | None, most: int) -> bytes:
    assert parser_context is not None
    request = parser_context["request"]._request
    check_charset(request.content_params or {}, request.content_type or "")
    return read_body(request, most)
