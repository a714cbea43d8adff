"""Which addresses our workers may call for others. It decides, no more.

Who registers an agent names a URL that our workers then send children's data to. A URL
that means one host to us and another to the HTTP client, or a name that leads into our
own network, would make the workers a tool against it. So a URL is taken only in the one
spelling that every parser reads the same (RFC 3986, none of its odd corners), and an
address only when it is public or listed. A name's addresses are checked when it is
connected to, see `routing.guard`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Table: TypeAlias = tuple[tuple[Network, str], ...]

LONGEST_URL = 2_000
"""Characters."""

LONGEST_NAME = 253
"""Characters (RFC 1035, section 2.3.4, without the root's dot)."""

USUAL_PORTS = frozenset({80, 443, 8000, 8001, 8002, 8080, 8443, 9000})
IMPLIED_PORTS = {"http": 80, "https": 443}


def _table(*rows: tuple[str, str]) -> Table:
    return tuple((ip_network(network), reason) for network, reason in rows)


NEVER = _table(
    # What clouds tell their own machines, credentials among it.
    ("169.254.169.0/24", "a cloud metadata address"),  # AWS, Azure, Google, others
    ("169.254.170.0/24", "a cloud metadata address"),  # AWS containers
    ("169.254.0.23/32", "a cloud metadata address"),  # Tencent
    ("100.100.100.200/32", "a cloud metadata address"),  # Alibaba
    ("168.63.129.16/32", "a cloud metadata address"),  # Azure; a public address
    ("192.0.0.192/32", "a cloud metadata address"),  # Oracle
    ("fd00:ec2::/32", "a cloud metadata address"),  # AWS
    ("fd20:ce::254/128", "a cloud metadata address"),  # Google
    ("fe80::a9fe:a9fe/128", "a cloud metadata address"),  # OpenStack
    # What is no single machine. 0.0.0.0 and :: reach the caller's own.
    ("0.0.0.0/32", "the unspecified address"),
    ("255.255.255.255/32", "the broadcast address"),
    ("224.0.0.0/4", "a multicast address"),
    ("::/128", "the unspecified address"),
    ("ff00::/8", "a multicast address"),
    # An IPv4 address inside of an IPv6 one would pass by the rules for IPv4.
    ("::ffff:0:0/96", "an IPv4-mapped address"),
    ("::ffff:0:0:0/96", "an IPv4-translated address"),
    ("::/96", "an IPv4-compatible address"),
    ("64:ff9b::/96", "a NAT64 address"),
    ("64:ff9b:1::/48", "a local NAT64 address"),
    ("2001::/32", "a Teredo address"),
    ("2002::/16", "a 6to4 address"),
)
"""Refused even where a listed network holds them. The first match gives the reason."""

IPV6_LOOPBACK = IPv6Address("::1")
"""The one address of ``::/96`` that is no IPv4 address."""

NOT_PUBLIC = _table(
    ("0.0.0.0/8", "an address of this network"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "a carrier's shared address"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "an address for protocols"),
    ("192.0.2.0/24", "an address for documentation"),
    ("192.88.99.0/24", "a 6to4 relay's address"),
    ("192.168.0.0/16", "a private address"),
    ("198.18.0.0/15", "an address for benchmarks"),
    ("198.51.100.0/24", "an address for documentation"),
    ("203.0.113.0/24", "an address for documentation"),
    ("240.0.0.0/4", "a reserved address"),
    ("::1/128", "a loopback address"),
    ("100::/64", "an address that discards"),
    ("2001::/23", "an address for protocols"),
    ("2001:db8::/32", "an address for documentation"),
    ("3fff::/20", "an address for documentation"),
    ("5f00::/16", "a segment routing address"),
    ("fc00::/7", "a unique local address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a site-local address"),
)
"""Refused unless listed. Source: the IANA IPv4 and IPv6 Special-Purpose Address
Registries (RFC 6890); `ipaddress.is_global` of Python 3.11 lacks some of them."""

IPV6_PUBLIC = IPv6Network("2000::/3")
"""All of IPv6 that is given out for global unicast (IANA IPv6 Address Space)."""

LOCAL_DOMAINS = (
    "localhost", "localdomain", "local", "internal", "intranet", "private", "corp",
    "home", "lan", "svc", "cluster", "consul", "arpa", "onion", "alt", "test",
    "invalid",
)  # fmt: skip
"""Names that mean something only inside of a network, or nothing at all. Source: the
IANA Special-Use Domain Names registry, ICANN's ``internal``, and common habit."""

URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)"
    r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?P<port>:(?:[1-9][0-9]{0,4})?)?"
)
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[2-7][0-9A-Fa-f])*)*")
HIDDEN = re.compile(r"%(?:2[5ef]|3b|5c|7f)", re.IGNORECASE)
"""Per cent, dot, slash, semicolon, backslash and DEL, for a server to decode later."""


class EndpointRefused(ValueError):
    """An endpoint may not be called. The message is fit for the one who named it.

    It says which rule was broken and repeats no more of the URL than the host.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointRules:
    """What an operator allows beside public addresses over https, or instead."""

    networks: tuple[Network, ...] = ()
    """Networks that are no part of the internet and may be called all the same."""

    hosts: tuple[str, ...] = ()
    """If there are any, no other host may be called. A name or an address stands for
    itself, a name with a dot in front for all the names below it."""

    ports: frozenset[int] = USUAL_PORTS

    plain_http: bool = False
    """Allow http, to any host that may be called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where a URL leads, as the HTTP client will read it."""

    scheme: str
    """``http`` or ``https``."""

    host: str
    """In lower case; an IPv6 address in its short form, without brackets."""

    port: int
    """As written, or the scheme's own."""

    address: Address | None
    """The host where it is an address; None where it is a name."""


def check_url(url: str, rules: EndpointRules) -> Endpoint:
    """Return where ``url`` leads. Nothing is looked up.

    A name is judged as text only; what it resolves to is for `check_address`.

    Raises:
        EndpointRefused: the URL is not in the one safe spelling, or not allowed.
    """
    if len(url) > LONGEST_URL:
        raise EndpointRefused(f"The URL is longer than {LONGEST_URL} characters.")
    if "\\" in url or not all("!" <= character <= "~" for character in url):
        raise EndpointRefused(
            "The URL holds a space, a backslash or a character that is not ASCII."
        )
    parts = URL.fullmatch(url)
    if parts is None:
        raise EndpointRefused("The URL does not begin with https:// and a host.")
    _check_scheme(parts["scheme"], rules)
    if "@" in parts["authority"]:
        raise EndpointRefused("The URL holds a user name or password.")
    if parts["query"] is not None or parts["fragment"] is not None:
        raise EndpointRefused("The URL holds a query or a fragment.")
    _check_path(parts["path"])
    where = AUTHORITY.fullmatch(parts["authority"])
    if where is None:
        raise EndpointRefused(
            "The URL's host or port is missing or has characters not allowed there."
        )
    port = _port(where["port"], parts["scheme"], rules)
    host, address = _host(where["host"].lower(), rules)
    if address is not None:
        check_address(address, rules)
    return Endpoint(scheme=parts["scheme"], host=host, port=port, address=address)


def check_address(address: Address, rules: EndpointRules) -> None:
    """Let a public unicast address pass, and one of a listed network.

    Raises:
        EndpointRefused: it is neither, or one of those that never may be called.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise EndpointRefused("The address has a zone.")
    reason = _reason(address, NEVER)
    if reason and address != IPV6_LOOPBACK:
        raise EndpointRefused(f"{address} is {reason}.")
    if any(address in network for network in rules.networks):
        return
    reason = _reason(address, NOT_PUBLIC)
    if reason:
        raise EndpointRefused(f"{address} is {reason}.")
    if isinstance(address, IPv6Address) and address not in IPV6_PUBLIC:
        raise EndpointRefused(f"{address} is no public address.")


def _reason(address: Address, table: Table) -> str | None:
    return next((reason for network, reason in table if address in network), None)


def _check_scheme(scheme: str, rules: EndpointRules) -> None:
    if scheme == "http" and not rules.plain_http:
        raise EndpointRefused("The URL must begin with https://; http is not allowed.")
    if scheme not in IMPLIED_PORTS:
        raise EndpointRefused("The URL must begin with https://, in lower case.")


def _check_path(path: str) -> None:
    if not PATH.fullmatch(path) or HIDDEN.search(path):
        raise EndpointRefused(
            "The URL's path holds a character or an encoding that is not allowed."
        )
    if "//" in path:
        raise EndpointRefused("The URL's path holds an empty segment (//).")
    # Some servers cut a segment's parameters off first, and then see the dots.
    if any(segment.split(";")[0] in {".", ".."} for segment in path.split("/")):
        raise EndpointRefused("The URL's path holds a dot segment (. or ..).")


def _port(text: str | None, scheme: str, rules: EndpointRules) -> int:
    if text == ":":
        raise EndpointRefused("The URL has a colon but no port.")
    port = int(text[1:]) if text else IMPLIED_PORTS[scheme]
    if port not in rules.ports:
        allowed = ", ".join(str(port) for port in sorted(rules.ports))
        raise EndpointRefused(f"The URL's port is not one of {allowed}.")
    return port


def _host(text: str, rules: EndpointRules) -> tuple[str, Address | None]:
    """Tell an address from a name; return it as the client will write it."""
    address: Address
    if text.startswith("["):
        try:
            address = IPv6Address(text[1:-1])
        except ValueError:
            raise EndpointRefused("The host is no IPv6 address.") from None
    elif NUMBER.fullmatch(text.rpartition(".")[2]):
        # Some look-ups take 127.1, 0x7f.1, 2130706433 and 0177.0.0.1 for addresses.
        try:
            address = IPv4Address(text)
        except ValueError:
            raise EndpointRefused(
                f"{text} is no IPv4 address of four decimal numbers."
            ) from None
    else:
        _check_name(text, rules)
        return text, None
    host = str(address)
    if rules.hosts and host not in {entry.lower() for entry in rules.hosts}:
        raise EndpointRefused(f"{host} is not on the list of hosts.")
    return host, address


def _check_name(name: str, rules: EndpointRules) -> None:
    labels = name.split(".")
    if len(name) > LONGEST_NAME or not all(map(LABEL.fullmatch, labels)):
        raise EndpointRefused(
            "The host is no DNS name: labels of letters, digits and hyphens within, "
            f"63 characters each, {LONGEST_NAME} in all, no dot at the end."
        )
    if not labels[-1][0].isalpha():
        raise EndpointRefused(f"The last part of {name} does not begin with a letter.")
    if any(_listed(name, entry.lower()) for entry in rules.hosts):
        return
    if rules.hosts:
        raise EndpointRefused(f"{name} is not on the list of hosts.")
    if len(labels) == 1:
        raise EndpointRefused(f"{name} has no domain.")
    if any(name.endswith(f".{domain}") for domain in LOCAL_DOMAINS):
        raise EndpointRefused(f"{name} is a local or reserved name.")
    # Look-alikes: a reader cannot tell what is behind such a name.
    if any(label.startswith("xn--") for label in labels):
        raise EndpointRefused(f"{name} has an internationalised (xn--) part.")


def _listed(name: str, entry: str) -> bool:
    return name.endswith(entry) if entry.startswith(".") else name == entry
