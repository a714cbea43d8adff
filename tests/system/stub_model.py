"""A model server that misbehaves on demand, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections import Counter
from typing import Any

from aiohttp import web

ANSWER = {
    "risk": "monitor",
    "summary": ["An invented answer."],
    "recommendations": [],
    "parent_text": "",
    "explainability": [],
    "confidence": 0.5,
    "model_id": "stub-1",
}
SECRET = "zq-observation-sentinel"


class StubModel:
    """One server in a thread; ``mode`` says how it answers, ``calls`` what it saw."""

    def __init__(self, *, mode: str = "good", latency: float = 0.0) -> None:
        self.mode = mode
        self.latency = latency
        self.calls: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.traceparents: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.redirected = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/infer"

    @property
    def endpoint(self) -> str:
        """The URL that it would register as an agent."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        app = web.Application(client_max_size=4 << 20)
        app.router.add_post("/infer", self._infer)
        app.router.add_post("/call", self._call)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._started.set()
        await self._over.wait()
        await runner.cleanup()

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.redirected += 1
        return web.json_response(ANSWER)

    async def _infer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.traceparents.append(request.headers.get("traceparent", ""))
        self.calls[body["case_id"]] += 1
        self.bodies.append(body)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _call(self, request: web.Request) -> web.StreamResponse:
        """Do a task, as an agent would; ``mode`` says how."""
        if self.mode not in {"good", "sorry"}:
            return await self._infer(request)
        body = await request.json()
        self.traceparents.append(request.headers.get("traceparent", ""))
        self.calls[body["request_id"]] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.in_flight -= 1
        if self.mode == "sorry":
            return web.json_response({"success": False, "error": "no"})
        return web.json_response({"success": True, "output": {"done": True}})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        mode, _, argument = self.mode.partition(":")
        if mode == "status":
            headers = {"Retry-After": "2"} if argument == "429" else {}
            return web.Response(status=int(argument), text="no", headers=headers)
        if mode in {"huge", "bomb", "drip", "drip_headers"}:
            return await getattr(self, f"_{mode}")(request)
        if mode == "hang":
            await asyncio.sleep(60)
            return web.Response()
        if mode == "close":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if mode == "redirect":
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        texts = {
            "garbage": "<html>I am not JSON</html>",
            "array": "[1, 2]",
            "nan": '{"result": {"risk": "refer", "confidence": NaN}}',
            "nul": '{"result": {"risk": "refer", "summary": ["a\\u0000b"]}}',
            "empty": "",
            "unknown_risk": '{"result": {"risk": "autism", "confidence": 0.9}}',
            "confidence": '{"result": {"risk": "on_track", "confidence": 7.2}}',
            "text_result": '{"result": "all is well"}',
            "on_track": '{"risk": "on_track", "confidence": 0.9, "model_id": "m"}',
        }
        if mode in texts:
            return web.Response(text=texts[mode], content_type="application/json")
        assert mode == "good", mode
        return web.json_response({"result": ANSWER})

    async def _huge(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(b" " * (1 << 20))
        return response

    async def _bomb(self, request: web.Request) -> web.Response:
        body = gzip.compress(b" " * (50 << 20))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(60):
            await response.write(b" ")
            await asyncio.sleep(0.4)
        return response

    async def _drip_headers(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        for letter in "HTTP/1.1 200 OK\r\nX-Slow: " + "y" * 60:
            request.transport.write(letter.encode())
            await asyncio.sleep(0.3)
        return web.Response()
