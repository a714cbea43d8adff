"""Listening on a port until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from aiohttp import web

STOP_SECONDS = 0.5
"""How long requests under way may go on after SIGTERM or SIGINT.

aiohttp waits so long for them to end, and again for them to be cancelled.
"""

# aiohttp's own messages quote malformed requests. This logger stands outside the
# tree, so that no logging configuration can give it a voice.
SILENT = logging.Logger("modelserver", level=logging.CRITICAL + 1)  # noqa: LOG001


async def serve(
    app: web.Application, *, host: str, port: int, started: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT; then stop within two seconds.

    ``started`` is told the URL once the port is open. Port 0 takes any free one.

    Raises:
        OSError: the port cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        app, access_log=None, logger=SILENT, shutdown_timeout=STOP_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        shown = f"[{host}]" if ":" in host else host
        started(f"http://{shown}:{address[1]}")
        await stop.wait()
    finally:
        await runner.cleanup()
