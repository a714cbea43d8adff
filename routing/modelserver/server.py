"""Listening on a port until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from aiohttp import web

from routing.modelserver.app import make_app
from routing.modelserver.backends import Backend

# aiohttp's own messages quote malformed requests. This logger stands outside the
# tree, so that no logging configuration can give it a voice.
SILENT = logging.Logger("modelserver", level=logging.CRITICAL + 1)  # noqa: LOG001


async def serve(
    backend: Backend,
    *,
    latency: float = 0.0,
    host: str,
    port: int,
    started: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; then stop once what is under way is answered.

    ``latency`` is a wait before each inference, in seconds. ``started`` is told the URL
    once the port is open, and the backend gets ready then. Port 0 takes any free one.

    Raises:
        OSError: the port cannot be listened on.
        Unusable: the backend cannot be got ready.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        make_app(backend, latency=latency),
        access_log=None,
        logger=SILENT,
        # Who has hung up is not worked for.
        handler_cancellation=True,
        # aiohttp waits so long for handlers to end, and again for them to be cancelled.
        shutdown_timeout=backend.stop_seconds,
    )
    await runner.setup()
    starting = stopping = None
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        shown = f"[{host}]" if ":" in host else host
        started(f"http://{shown}:{address[1]}")
        starting = asyncio.create_task(backend.start())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        await stopping
    finally:
        backend.stop()
        for task in filter(None, (starting, stopping)):
            task.cancel()
        await runner.cleanup()
