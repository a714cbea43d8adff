"""The one place from which a webhook leaves: guarded, timed, and deaf to the answer.

The connection keeps the rules for agents' endpoints, follows no redirect, and has one
deadline for all of it. Of what is answered only the status counts.
"""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from routing.guard import AddressRefused, guarded_connector
from screening.services.webhooks.delivery import NOT_ALLOWED, Answer, Parcel
from screening.services.webhooks.receivers import receiver_rules
from screening.webhooks import retry_after_of

SECONDS = 10.0
READ_SECONDS = 1.0
MOST_READ = 64 << 10
HEADERS = {
    "User-Agent": "PediScreen-Orchestrator",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}
TIMED_OUT = "TIMEOUT"
UNREACHABLE = "UNREACHABLE"
NO_TRUST = "TLS_FAILED"
REDIRECTED = "REDIRECTED"


class Sender:
    """Sends parcels, all on one event loop, many at a time."""

    def __init__(self, *, connections: int) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def send(self, parcel: Parcel) -> Answer:
        """Send one and say what came of it; never raises for what a receiver does."""
        delivery = parcel.delivery
        if parcel.problem:
            return Answer(delivery=delivery, problem=parcel.problem)
        try:
            async with asyncio.timeout(SECONDS):
                return await self._exchange(parcel)
        except TimeoutError:
            return Answer(delivery=delivery, problem=TIMED_OUT)
        except (aiohttp.ClientError, OSError, UnicodeError) as exc:
            return Answer(delivery=delivery, problem=_code_of(exc))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, parcel: Parcel) -> Answer:
        async with self._open().post(
            URL(parcel.url, encoded=True),  # as it was checked
            data=parcel.body,
            headers=dict(parcel.headers),
            allow_redirects=False,
        ) as response:
            await _read_some(response)
            status = response.status
            return Answer(
                delivery=parcel.delivery,
                status=status,
                problem=REDIRECTED if 300 <= status < 400 else "",
                retry_after=retry_after_of(
                    response.headers.get("Retry-After", ""),
                    date=response.headers.get("Date", ""),
                ),
            )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=guarded_connector(receiver_rules(), limit=self._connections),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers=HEADERS,
            )
        return self._session


async def _read_some(response: aiohttp.ClientResponse) -> None:
    """Read what is answered, so that the connection is free for the next.

    Where that is too much or takes too long we hang up: the status counts all the same.
    """
    read = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in response.content.iter_any():
                read += len(chunk)
                if read > MOST_READ:
                    break
            else:
                return
    except (TimeoutError, aiohttp.ClientError):
        pass
    response.close()


def _code_of(exc: BaseException) -> str:
    if isinstance(exc, aiohttp.ClientSSLError):
        return NO_TRUST
    cause: BaseException | None = getattr(exc, "os_error", exc)
    while cause is not None:
        if isinstance(cause, AddressRefused):
            return NOT_ALLOWED
        cause = cause.__cause__
    return UNREACHABLE
