"""Log lines: one JSON object each, with ids and codes and nobody's words."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

from audit.context import request_id


class RequestIdFilter(logging.Filter):
    """Put the id of the request under way on each line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, with its request id."""
        record.request_id = request_id.get()
        return True


class JsonFormatter(BaseJsonFormatter):
    """Time, level, logger, message, request id; of exceptions, type and place only.

    What an exception says may quote a row or a request, so it is left out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
        self.default_msec_format = "%s.%03d"

    def formatException(  # noqa: N802 - logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Name the exceptions of the chain and the lines they came from."""
        found: list[str] = []
        exception: BaseException | None = ei[1]
        while exception is not None:
            frames = traceback.extract_tb(exception.__traceback__)
            places = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-6:]))
            found.append(f"{type(exception).__name__} at {places}")
            exception = exception.__cause__ or exception.__context__
        return " from ".join(found)
