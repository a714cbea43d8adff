"""No socket for an address that is not allowed: the addresses, and real connections."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, ip_address, ip_network

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from hypothesis import example, given
from hypothesis import strategies as st

from routing.endpoints import (
    NEVER,
    NOT_PUBLIC,
    EndpointRefused,
    EndpointRules,
    check_address,
)
from routing.guard import AddressRefused, GuardedResolver, guarded_connector
from tests.routing.test_endpoints import DEFAULT, HOSTILE_URLS, LAX

SECRET = b"Zebedee-Quill"
LOOPBACK = EndpointRules(networks=(ip_network("127.0.0.0/8"),))
PUBLIC = "8.8.8.8"
AF = {4: socket.AF_INET, 6: socket.AF_INET6}


def is_refused(address, rules=DEFAULT):
    try:
        check_address(ip_address(address), rules)
    except EndpointRefused:
        return True
    return False


# --- Addresses ---------------------------------------------------------------------


@pytest.mark.parametrize(("network", "reason"), NEVER + NOT_PUBLIC, ids=str)
def test_both_ends_of_each_special_network_are_refused(network, reason):
    for address in (network[0], network[-1]):
        assert is_refused(address)


@pytest.mark.parametrize(("network", "reason"), NEVER, ids=str)
def test_what_is_never_called_is_not_where_all_networks_are_listed(network, reason):
    for address in (network[0], network[-1], network[network.num_addresses // 2]):
        assert is_refused(address, LAX)


NEIGHBOURS = """
    9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0
    192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
    2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2003:: 3ffe:ffff:: 3fff:1000::
    192.88.98.255 192.88.100.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
"""


@pytest.mark.parametrize("address", NEIGHBOURS.split())
def test_what_lies_next_to_a_special_network_is_public(address):
    assert not is_refused(address)


def test_an_address_with_a_zone_is_refused_wherever():
    assert is_refused("2606:4700::1%eth0")
    assert is_refused("fe80::1%1", LAX)
    assert is_refused("::1%lo", LAX)


@given(st.ip_addresses())
@example(IPv4Address("192.0.0.9"))
def test_what_is_let_pass_is_public_to_python_too(address):
    odd = address.is_multicast or address.is_reserved or address.is_link_local

    assert is_refused(address) or (address.is_global and not odd)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_of_global_unicast_passes(address):
    outside = int(address) >> 125 != 0b001

    assert is_refused(address) or not outside


NEVER_EVER = """
    169.254.169.254 169.254.170.2 100.100.100.200 fd00:ec2::254 168.63.129.16
    192.0.0.192 0.0.0.0 255.255.255.255 224.0.0.1 :: ff02::1 ::ffff:8.8.8.8
    169.254.0.23 169.254.170.23 fd00:ec2::23 fd20:ce::254 fe80::a9fe:a9fe
    ::ffff:0:127.0.0.1 64:ff9b:1::7f00:1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::a9fe:a9fe
    2002:7f00:1:: 2001:0:7f00:1::1
"""


@pytest.mark.parametrize("address", NEVER_EVER.split())
def test_no_list_of_networks_opens_metadata_or_embedded_addresses(address):
    listed = EndpointRules(networks=(ip_network(address), *LAX.networks))

    assert is_refused(address, listed)


# --- Connections -------------------------------------------------------------------


class FakeDNS(AbstractResolver):
    """Answers with each of a name's lists of addresses in turn, the last for ever."""

    def __init__(self, **names):
        self.names = {name.replace("_", "."): lists for name, lists in names.items()}
        self.asked = []

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        lists = self.names.get(host, [["127.0.0.1"]])
        answer = lists[min(self.asked.count(host), len(lists) - 1)]
        self.asked.append(host)
        return [
            {"hostname": host, "host": address, "port": port,
             "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in answer
        ]  # fmt: skip

    async def close(self):
        self.asked.clear()


class Listener:
    """An HTTP server that counts who connects, not only who asks."""

    def __init__(self, *, redirect=""):
        self.connections = 0
        self.hosts = []
        self.redirect = redirect

    async def answer(self, request):
        self.hosts.append(request.host)
        headers = {"Connection": "close", "Location": self.redirect}
        return web.Response(status=307 if self.redirect else 200, headers=headers)

    @asynccontextmanager
    async def listening(self, host="127.0.0.1", port=0):
        server = web.Server(self.answer)

        def accepted():
            self.connections += 1
            return server()

        loop = asyncio.get_running_loop()
        listener = await loop.create_server(accepted, host, port)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            await server.shutdown()


@asynccontextmanager
async def watched_session(rules, dns=None, **kwargs):
    """Give a session and the list of addresses it tries; none off this machine is."""
    loop = asyncio.get_running_loop()
    connect, tried = loop.sock_connect, []

    async def sock_connect(sock, address):
        tried.append(address[0])
        if not address[0].startswith("127."):
            raise ConnectionRefusedError
        await connect(sock, address)

    loop.sock_connect = sock_connect
    connector = guarded_connector(rules, limit=4, resolver=dns)
    async with aiohttp.ClientSession(connector=connector, **kwargs) as session:
        yield session, tried


async def post(session, url, **kwargs):
    async with session.post(
        url, data=SECRET, **{"allow_redirects": False, **kwargs}
    ) as response:
        return response.status


async def failure(session, url, **kwargs):
    with pytest.raises(aiohttp.ClientError) as caught:
        await post(session, url, **kwargs)
    return caught.value


def test_an_allowed_address_is_reached_by_number_and_by_name():
    async def main():
        listener, dns = Listener(), FakeDNS()
        async with (
            listener.listening() as port,
            watched_session(LOOPBACK, dns) as (session, tried),
        ):
            for host in ["127.0.0.1", "agent.example.org"]:
                assert await post(session, f"http://{host}:{port}/infer") == 200
            assert session.connector.limit == 4
        assert listener.hosts == [f"127.0.0.1:{port}", f"agent.example.org:{port}"]
        assert tried == ["127.0.0.1"] * 2
        assert listener.connections == 2

    asyncio.run(main())


LITERALS = "127.0.0.1 127.0.0.2 [::1] [::ffff:127.0.0.1] [::127.0.0.1] 0.0.0.0 [::]"
ANSWERS = [
    "127.0.0.1", "8.8.8.8 127.0.0.1", "127.0.0.1 8.8.8.8", "0.0.0.0 8.8.8.8", "::1",
    "2606:4700::1 8.8.8.8 ::ffff:127.0.0.1", "fe80::1%lo", "localhost", "127.1", "",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        *((literal, []) for literal in LITERALS.split()),
        *(("agent.example.org", addresses.split()) for addresses in ANSWERS),
    ],
)
def test_an_address_that_is_not_allowed_is_never_connected_to(scheme, host, addresses):
    async def main():
        listener, dns = Listener(), FakeDNS(agent_example_org=[addresses])
        async with (
            listener.listening() as port,
            watched_session(DEFAULT, dns) as (session, tried),
        ):
            error = await failure(session, f"{scheme}://{host}:{port}/infer")
        assert isinstance(error, aiohttp.ClientConnectorError)
        assert isinstance(error.os_error, AddressRefused)
        assert error.os_error.strerror.endswith(".")
        assert tried == []
        assert listener.connections == 0

    asyncio.run(main())


def test_a_name_that_is_bound_anew_is_looked_up_anew_and_refused():
    async def main():
        listener = Listener()
        dns = FakeDNS(agent_example_org=[[PUBLIC], ["127.0.0.1"]])
        async with (
            listener.listening() as port,
            watched_session(DEFAULT, dns) as (session, tried),
        ):
            url = f"http://agent.example.org:{port}/infer"
            first, second = await failure(session, url), await failure(session, url)
            assert dns.asked == ["agent.example.org"] * 2
        assert isinstance(first.os_error, ConnectionRefusedError)
        assert isinstance(second.os_error, AddressRefused)
        assert tried == [PUBLIC]
        assert listener.connections == 0

    asyncio.run(main())


def test_a_name_that_was_reached_and_then_bound_anew_is_refused():
    async def main():
        rules = EndpointRules(networks=(ip_network("127.0.0.2/32"),))
        dns = FakeDNS(agent_example_org=[["127.0.0.2"], ["127.0.0.1"]])
        allowed, other = Listener(), Listener()
        async with (
            allowed.listening("127.0.0.2") as port,
            other.listening("127.0.0.1", port),
            watched_session(rules, dns) as (session, tried),
        ):
            url = f"http://agent.example.org:{port}/infer"
            assert await post(session, url) == 200
            error = await failure(session, url)
        assert isinstance(error.os_error, AddressRefused)
        assert tried == ["127.0.0.2"]
        assert (allowed.connections, other.connections) == (1, 0)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["127.0.0.1", "agent.example.org", "[::1]"])
@pytest.mark.parametrize("follow", [False, True])
def test_a_redirect_leads_nowhere(name, follow):
    async def main():
        rules = EndpointRules(networks=(ip_network("127.0.0.2/32"),))
        other = Listener()
        async with (
            other.listening() as port,
            watched_session(rules, FakeDNS()) as (session, tried),
        ):
            allowed = Listener(redirect=f"http://{name}:{port}/")
            async with allowed.listening("127.0.0.2") as own:
                url = f"http://127.0.0.2:{own}/"
                if follow:
                    error = await failure(session, url, allow_redirects=True)
                    assert isinstance(error.os_error, AddressRefused)
                else:
                    assert await post(session, url) == 307
        assert tried == ["127.0.0.2"]
        assert (allowed.connections, other.connections) == (1, 0)

    asyncio.run(main())


def test_a_proxy_in_the_environment_is_not_asked(monkeypatch):
    async def main():
        listener = Listener()
        async with listener.listening("127.0.0.2") as port:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.2:{port}")
            async with watched_session(LOOPBACK, FakeDNS()) as (session, tried):
                await failure(session, "http://agent.example.org:9/")
        assert tried == ["127.0.0.1"]
        assert listener.connections == 0

    asyncio.run(main())


def test_no_hostile_endpoint_connects_to_anything():
    async def main():
        listener, dns = Listener(), FakeDNS()
        async with (
            listener.listening() as port,
            watched_session(DEFAULT, dns) as (session, tried),
        ):
            for url in [*HOSTILE_URLS, f"http://localhost:{port}/"]:
                for form in (url, url.replace("http:", "https:", 1)):
                    # aiohttp asserts that there is a port: //example.org has none.
                    with pytest.raises((aiohttp.ClientError, AssertionError)):
                        await post(session, form)
                    assert tried == [], form
            assert len(dns.asked) > 100
        assert listener.connections == 0

    asyncio.run(main())


def test_the_systems_own_look_up_is_guarded_too():
    async def main():
        listener = Listener()
        async with listener.listening() as port:
            url = f"http://localhost:{port}/"
            async with watched_session(DEFAULT) as (session, tried):
                error = await failure(session, url)
                assert isinstance(error.os_error, AddressRefused)
                assert tried == []
        assert listener.connections == 0

    asyncio.run(main())


def test_the_last_gate_holds_where_the_look_up_does_not(monkeypatch):
    monkeypatch.setattr("routing.guard.GuardedResolver", lambda rules, dns: dns)

    async def main():
        dns = FakeDNS(agent_example_org=[["127.0.0.1", "127.0.0.2", "::1", "::"]])
        async with watched_session(DEFAULT, dns) as (session, tried):
            error = await failure(session, "http://agent.example.org/")
        assert "loopback" in str(error)
        assert tried == []

    asyncio.run(main())


def test_over_tls_the_name_is_still_asked_for():
    async def main():
        hello = asyncio.get_running_loop().create_future()

        async def accept(reader, writer):
            hello.set_result(await reader.read(4096))
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, watched_session(LOOPBACK, FakeDNS()) as (session, tried):
            await failure(session, f"https://agent.example.org:{port}/")
            assert b"agent.example.org" in await hello
        assert tried == ["127.0.0.1"]

    asyncio.run(main())


@given(st.lists(st.ip_addresses(), min_size=1, max_size=4))
@example([ip_address(PUBLIC), ip_address("2606:4700::1")])
def test_all_of_a_names_addresses_are_allowed_or_none_is_returned(addresses):
    dns = FakeDNS(agent_example_org=[[str(address) for address in addresses]])

    async def main():
        return await GuardedResolver(DEFAULT, dns).resolve("agent.example.org", 443)

    if any(is_refused(address) for address in addresses):
        with pytest.raises(AddressRefused):
            asyncio.run(main())
    else:
        found = asyncio.run(main())
        assert [ip_address(result["host"]) for result in found] == addresses
        assert {result["port"] for result in found} == {443}
        families = [AF[address.version] for address in addresses]
        assert [result["family"] for result in found] == families
