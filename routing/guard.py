"""The connection's side of `routing.endpoints`: no socket for an address not allowed.

Every connection passes two gates. A name's addresses are all checked when it is looked
up, and what is returned is what is connected to: no second look-up can change it. Then
the one address is checked again before its socket is made, which addresses in the URL
pass too. Host and SNI remain the name's.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from routing.endpoints import Address, EndpointRefused, EndpointRules, check_address

KEEPALIVE_SECONDS = 4.0
"""Shorter than the servers' own, so that they do not hang up first."""


class AddressRefused(OSError):
    """No connection is made to this address.

    An OSError, which aiohttp raises as a ``ClientConnectorError``: to callers the host
    is unreachable.
    """


class GuardedResolver(AbstractResolver):
    """Looks names up, and answers only if every address of a name is allowed.

    ``resolver`` does the look-up; by default the system's own, in a thread.
    Made while an event loop runs.
    """

    def __init__(
        self, rules: EndpointRules, resolver: AbstractResolver | None = None
    ) -> None:
        self._rules = rules
        self._resolver = resolver or aiohttp.ThreadedResolver()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``, each as it was checked, with ``port``.

        Raises:
            AddressRefused: one of them is not allowed, or there are none.
            OSError: the look-up failed.
        """
        found = await self._resolver.resolve(host, port, family)
        if not found:
            raise AddressRefused(errno.EHOSTUNREACH, "The name has no address.")
        # One bad address condemns the name: an honest one has none.
        addresses = [_checked(result["host"], self._rules) for result in found]
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Close the resolver that does the look-up."""
        await self._resolver.close()


def guarded_connector(
    rules: EndpointRules, *, limit: int, resolver: AbstractResolver | None = None
) -> aiohttp.TCPConnector:
    """Return a connector for a session whose every connection keeps ``rules``.

    ``limit`` is the number of connections at a time; ``resolver`` does the look-ups, by
    default the system's own. The session must use no proxy, for that would choose the
    address itself: leave ``trust_env`` off. Calls must follow no redirects: a redirect
    is checked for its address, but not by `check_url`. Made while an event loop runs.
    """

    def checked_socket(addr_info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, proto, _, where = addr_info
        _checked(where[0], rules)
        return socket.socket(family, kind, proto)

    return aiohttp.TCPConnector(
        resolver=GuardedResolver(rules, resolver),
        socket_factory=checked_socket,
        use_dns_cache=False,
        keepalive_timeout=KEEPALIVE_SECONDS,
        limit=limit,
    )


def _checked(text: str, rules: EndpointRules) -> Address:
    try:
        address = ip_address(text)
    except ValueError:
        raise AddressRefused(errno.EACCES, "That is a name, no address.") from None
    try:
        check_address(address, rules)
    except EndpointRefused as exc:
        raise AddressRefused(errno.EACCES, str(exc)) from None
    return address
