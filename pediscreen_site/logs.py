"""Log lines: one JSON object each, with ids and codes and nobody's words.

Of a process that serves every line is one, whoever writes it.
"""

from __future__ import annotations

import copy
import io
import json
import logging
import logging.config
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TextIO

from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

from audit.context import request_id
from wire import tracing
from wire.subject import subject

LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
TRACEBACKS = frozenset({"_granian"})
"""Loggers that write an exception out in their messages, behind the first line."""


class JsonFormatter(BaseJsonFormatter):
    """Time, level, logger, message and ids; of exceptions, type and place only.

    The ids are those of the request, the trace and the job or task under way.

    What an exception says may quote a row or a request, so it is left out, in the
    message as well; and so is whatever else a library hangs on a record, such as the
    request with its query.
    """

    KEPT = frozenset({"time", "level", "logger", "message", "exc_info"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            LINE,
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )

    def format(self, record: logging.LogRecord) -> str:
        """Format the record without what its exceptions say."""
        if not (record.exc_info or record.exc_text or _tells_tracebacks(record)):
            return super().format(record)
        mine = copy.copy(record)
        mine.exc_text = None
        if record.exc_info and not isinstance(record.msg, dict):
            message = record.getMessage()
            for exception in _chain(record.exc_info[1]):
                if said := str(exception):
                    message = message.replace(said, type(exception).__name__)
            mine.msg, mine.args = message, None
        elif _tells_tracebacks(record):
            mine.msg, mine.args = record.getMessage().partition("\n")[0], None
        return super().format(mine)

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Write the line. All of it is text, so that no encoder of ours is needed."""
        return json.dumps(log_data, default=str)

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
        """Keep the fields that are known to hold nobody's words, and add the ids."""
        found = {name: log_data[name] for name in log_data if name in self.KEPT}
        found["request_id"] = request_id.get()
        found["trace_id"] = tracing.trace_id(tracing.current())
        found["job_id"] = ""
        return found | subject.get()


def _tells_tracebacks(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in TRACEBACKS


def _chain(exception: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while exception is not None and exception not in found:
        found.append(exception)
        exception = exception.__cause__ or exception.__context__
    return found


# --- A process that serves -----------------------------------------------------------

SERVERS = ("rqworker", "streamworker", "modelserver", "deliver_webhooks")
REFUSALS = ("CommandError:", "Configuration error:", "SystemCheckError:")


def configure(config: dict[str, Any]) -> None:
    """Configure logging; of a process that serves take over all else that it writes."""
    logging.config.dictConfig(config)
    if is_serving():
        take_over()


def is_serving() -> bool:
    """Say whether this is the API or a worker: nobody sits in front of it."""
    program, words = Path(sys.argv[0]), sys.argv[1:]
    if program.name == "manage.py":
        goes_on = words[:1] and words[0] in SERVERS and "--once" not in words
        return bool(goes_on) or "--follow" in words
    return "granian" in {program.name, program.parent.name}


def refuse(message: str) -> NoReturn:
    """End the process with one line that says why."""
    if is_serving():
        take_over()
    sys.exit(message)


def take_over() -> None:
    """Make a log line of whatever is written: prints, warnings, uncaught exceptions."""
    if isinstance(sys.stderr, Lines):
        return
    logging.captureWarnings(capture=True)
    # Else what cannot be logged would be written out, with its arguments.
    logging.raiseExceptions = False
    sys.excepthook = _tell_uncaught
    threading.excepthook = _tell_of_thread
    sys.unraisablehook = _tell_unraisable
    sys.stdout = Lines("stdout", sys.stdout, logging.INFO)
    sys.stderr = Lines("stderr", sys.stderr, logging.WARNING)


class Lines(io.TextIOBase):
    """A stream that makes a log line of each line that is written to it."""

    def __init__(self, name: str, stream: TextIO, level: int) -> None:
        self._name = name
        self._stream = stream
        self._level = level
        self._handler = logging.StreamHandler(stream)
        self._handler.setFormatter(JsonFormatter())
        self._rest = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Write the lines that are whole by now."""
        with self._lock:
            *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._tell(line)
        return len(text)

    def flush(self) -> None:
        """Write what is left, as a line."""
        with self._lock:
            rest, self._rest = self._rest, ""
        self._tell(rest)
        self._stream.flush()

    def fileno(self) -> int:
        """Return that of the stream itself."""
        return self._stream.fileno()

    def _tell(self, line: str) -> None:
        if not line.strip():
            return
        level = logging.ERROR if line.startswith(REFUSALS) else self._level
        self._handler.handle(
            logging.LogRecord(self._name, level, "", 0, line, None, None)
        )


def _tell_uncaught(
    kind: type[BaseException],
    exception: BaseException,
    where: TracebackType | None,
) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger(__name__).critical(
            "Uncaught exception", exc_info=(kind, exception, where)
        )


def _tell_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        logging.getLogger(__name__).critical(
            "Uncaught exception in a thread", exc_info=args.exc_value
        )


def _tell_unraisable(unraisable: Any) -> None:
    logging.getLogger(__name__).error(
        "Exception that nobody could catch", exc_info=unraisable.exc_value
    )
