"""The WSGI application. Start it with ``make run``, or under any WSGI server."""

from __future__ import annotations

import gc
import io
import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

from pediscreen_site.logs import refuse

EXTENDED_PARAMETER = re.compile(r"\*\s*=")
NO_MEDIA_TYPE = "application/x-unreadable"


class Utf8Request(WSGIRequest):
    """A request whose query is read as UTF-8, whatever charset its body has."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(
            meta.get("CONTENT_TYPE", "")
        )


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pediscreen_site.settings")
try:
    django_application = get_wsgi_application()
    # Only once Django is set up, since it imports models.
    from pediscreen_site.startup import refuse_unusable_configuration
    from wire import tracing

    refuse_unusable_configuration()
    tracing.start("pedi-orchestrator")
except ImproperlyConfigured as exc:
    refuse(f"Configuration error: {exc}")
django_application.request_class = Utf8Request
# What is loaded by now is no garbage: no request is to wait while it is looked through.
gc.collect()
gc.freeze()


def application(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer one request.

    A body in chunks has no length, and Django would take it for empty: it is read
    here, one byte further than the largest that any route takes. A media type with an
    extended parameter (RFC 2231) names an encoding of its own, and Django breaks on
    one that it does not know: such a type is none that any route has.
    """
    for name in ("CONTENT_TYPE", "HTTP_ACCEPT"):
        if EXTENDED_PARAMETER.search(environ.get(name, "")):
            environ[name] = NO_MEDIA_TYPE
    if not environ.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" in environ:
        most = max(settings.BULK_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        body = environ["wsgi.input"].read(most + 1)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
    return django_application(environ, start_response)
