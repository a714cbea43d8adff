"""Log lines: one JSON object each, with ids and codes and nobody's words."""

from __future__ import annotations

import copy
import logging
import traceback
from datetime import UTC, datetime
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

    What an exception says may quote a row or a request, so it is left out, in the
    message as well; and so is whatever else a library hangs on a record, such as the
    request with its query.
    """

    KEPT = frozenset({"time", "level", "logger", "message", "request_id", "exc_info"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )

    def format(self, record: logging.LogRecord) -> str:
        """Format the record without what its exceptions say."""
        mine = copy.copy(record)
        mine.exc_text = None
        if record.exc_info and not isinstance(record.msg, dict):
            message = record.getMessage()
            for exception in _chain(record.exc_info[1]):
                if said := str(exception):
                    message = message.replace(said, type(exception).__name__)
            mine.msg, mine.args = message, None
        return super().format(mine)

    def formatTime(  # noqa: N802 - logging's own name
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Write the time in UTC, whatever the time zone of the pages is."""
        moment = datetime.fromtimestamp(record.created, tz=UTC)
        return moment.isoformat(timespec="milliseconds")

    def formatException(  # noqa: N802 - logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Name the exceptions of the chain and the lines they came from."""
        found: list[str] = []
        for exception in _chain(ei[1]):
            frames = traceback.extract_tb(exception.__traceback__)
            places = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-6:]))
            found.append(f"{type(exception).__name__} at {places}")
        return " from ".join(found)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Keep the fields that are known to hold nobody's words."""
        return {name: log_data[name] for name in log_data if name in self.KEPT}


def _chain(exception: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while exception is not None and exception not in found:
        found.append(exception)
        exception = exception.__cause__ or exception.__context__
    return found
