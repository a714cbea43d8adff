"""Calls to model servers: the only place a byte leaves for one.

Every call has one deadline for all of it (name look-up, connection, TLS, headers,
body), a cap on the size of the answer after decompression, and follows no redirect.
All calls of a process share one event loop in one thread.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import aiohttp

from routing.endpoints import EndpointRules
from routing.errors import (
    ModelAnswerNotJSON,
    ModelRedirected,
    ModelResponseTooLarge,
    ModelServerError,
    ModelServerRejected,
    ModelTimeout,
    ModelUnreachable,
)
from routing.guard import guarded_connector
from routing.protocols.interface import Request
from wire import strict_json, tracing

Returned = TypeVar("Returned")
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
UNAVAILABLE = {408, 425, 429}
MAX_RETRY_AFTER = 3600.0


class ModelClient:
    """One event loop in a thread of its own, and one pool of connections.

    Made by a worker for its lifetime; `close` ends the calls still under way.
    """

    def __init__(self, *, connections: int, rules: EndpointRules | None = None) -> None:
        self._connections = connections
        self._rules = rules or EndpointRules()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="model-calls", daemon=True
        )
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, Returned]) -> Future[Returned]:
        """Begin ``work`` on the loop; the future is done when it is."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancel what is under way, close the connections and end the thread.

        A name look-up that hangs is left behind: nothing can end it.
        """

        async def wind_up() -> None:
            others = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for session in self._sessions.values():
                await session.close()

        self.start(wind_up()).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def call(
        self, request: Request, *, seconds: float, max_bytes: int, guarded: bool
    ) -> dict[str, Any]:
        """POST the request's body and return the JSON object that is answered.

        ``seconds`` bounds the whole call by the wall clock, ``max_bytes`` the answer
        after decompression. ``guarded`` calls go to allowed addresses only.

        Raises:
            ModelTimeout, ModelUnreachable, ModelServerError, ModelRedirected,
            ModelAnswerNotJSON, ModelResponseTooLarge: another server may do better.
            ModelServerRejected: the request itself was refused.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(request, max_bytes, guarded=guarded)
        except TimeoutError:
            raise ModelTimeout(
                f"The model server did not answer within {seconds:g} s."
            ) from None
        except (aiohttp.ClientError, OSError, UnicodeError) as exc:
            # A host name that no look-up can take is a UnicodeError.
            raise ModelUnreachable(
                f"The model server could not be reached ({type(exc).__name__})."
            ) from None

    async def check(self, url: str, *, seconds: float, guarded: bool) -> str:
        """GET a health route; return the code of what is wrong, empty if nothing is.

        A server that answers at all is well, unless it says itself that it is not:
        not every one has such a route, or shows it without a token.
        """
        try:
            async with (
                asyncio.timeout(seconds),
                self._session(guarded=guarded).get(
                    url, allow_redirects=False
                ) as response,
            ):
                return ModelServerError.code if response.status >= 500 else ""
        except TimeoutError:
            return ModelTimeout.code
        except (aiohttp.ClientError, OSError, UnicodeError):
            return ModelUnreachable.code

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """Return the session for the operator's own servers, or that for agents.

        The one connects to where it is told; the other to no address but those that
        the rules for endpoints allow. They share no connection.
        """
        if guarded not in self._sessions:
            self._sessions[guarded] = aiohttp.ClientSession(
                connector=guarded_connector(self._rules, limit=self._connections)
                if guarded
                else aiohttp.TCPConnector(
                    limit=self._connections,
                    # Shorter than the servers' own, so that they do not hang up first.
                    keepalive_timeout=4,
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers=HEADERS,
            )
        return self._sessions[guarded]

    async def _exchange(
        self, request: Request, max_bytes: int, *, guarded: bool
    ) -> dict[str, Any]:
        async with self._session(guarded=guarded).post(
            request.url,
            data=json.dumps(request.body, separators=(",", ":")).encode(),
            headers={
                "Content-Type": "application/json",
                **tracing.headers(),
                **request.headers,
            },
            allow_redirects=False,
        ) as response:
            _check_status(response)
            raw = await _read(response, max_bytes)
        try:
            answer = strict_json.loads(raw, by_value=True)
        except strict_json.NotStrictJSON as exc:
            raise ModelAnswerNotJSON(f"The answer is not JSON: {exc}.") from None
        if not isinstance(answer, dict):
            raise ModelAnswerNotJSON("The answer is JSON but no object.")
        return answer


def _check_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if 300 <= status < 400:
        raise ModelRedirected(f"The model server answered with a redirect ({status}).")
    if status in UNAVAILABLE or status >= 500:
        raise ModelServerError(
            f"The model server answered {status}.", retry_after=_retry_after(response)
        )
    if status >= 400:
        raise ModelServerRejected(f"The model server refused the request ({status}).")


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Read ``Retry-After`` in seconds; its date form is rare and not worth a clock."""
    text = response.headers.get("Retry-After", "")
    return (
        min(float(text), MAX_RETRY_AFTER) if text.isascii() and text.isdigit() else None
    )


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read the body, decompressing no more than ``max_bytes`` of it.

    Identity was asked for; gzip and deflate are taken all the same.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "deflate"}:
        raise ModelAnswerNotJSON("The answer has an encoding that was not asked for.")
    inflate = None if encoding == "identity" else zlib.decompressobj(wbits=47)
    found = bytearray()
    async for chunk in response.content.iter_any():
        if inflate is None:
            found += chunk
        else:
            try:
                found += inflate.decompress(chunk, max_bytes + 1 - len(found))
            except zlib.error:
                raise ModelAnswerNotJSON("The answer cannot be decompressed.") from None
        if len(found) > max_bytes:
            response.close()
            raise ModelResponseTooLarge(f"The answer is larger than {max_bytes} bytes.")
    return bytes(found)
