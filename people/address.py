"""Where a request comes from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

HOME_PREFIX = 64
"""What one household or office is given of IPv6: its addresses count as one."""


def client_address(
    remote: str, forwarded: str, *, proxies: Sequence[IPv4Network | IPv6Network]
) -> str:
    """Return the address of the client, or nothing if it is not known.

    What ``X-Forwarded-For`` says is believed only of our own proxies: from the right,
    the first address that is none of them.
    """
    found = remote.strip()
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and _is_in(found, proxies):
        found = hops.pop()
    return found if _parsed(found) is not None else ""


def household(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the /64 of an IPv6 one."""
    parsed = _parsed(address)
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, HOME_PREFIX), strict=False))


def _parsed(address: str) -> object:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
