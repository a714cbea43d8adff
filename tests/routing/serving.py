"""A real HTTP server on a loopback port, in a thread, for one test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Served:
    """Answers every request by one function; entering it gives its URL."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run()), daemon=True
        )

    @classmethod
    def hanging(cls) -> Served:
        """Accept every request and answer none."""

        async def hang(request: web.Request) -> web.Response:
            await asyncio.sleep(60)
            return web.Response()

        return cls(hang)

    def __enter__(self) -> str:
        self._thread.start()
        assert self._started.wait(10)
        return f"http://127.0.0.1:{self.port}"

    def __exit__(self, *args: Any) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._started.set()
        await self._over.wait()
        await runner.cleanup()
