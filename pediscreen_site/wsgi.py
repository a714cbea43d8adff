"""The WSGI application. Start it with ``make run``, or under any WSGI server."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pediscreen_site.settings")
django_application = get_wsgi_application()

from django.conf import settings  # noqa: E402 - only once Django is set up

from pediscreen_site.startup import refuse_unusable_configuration  # noqa: E402

refuse_unusable_configuration()


def application(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer one request.

    A body in chunks has no length, and Django would take it for empty: it is read
    here, one byte further than the largest that any route takes.
    """
    if not environ.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" in environ:
        most = max(settings.BULK_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        body = environ["wsgi.input"].read(most + 1)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
    return django_application(environ, start_response)
