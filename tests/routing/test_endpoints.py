"""Which URLs may be registered: one safe spelling, public or listed addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from yarl import URL

from routing.endpoints import (
    NEVER,
    NOT_PUBLIC,
    Endpoint,
    EndpointRefused,
    EndpointRules,
    check_url,
)

DEFAULT = EndpointRules()
HTTP = EndpointRules(plain_http=True)
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
LAX = EndpointRules(plain_http=True, networks=EVERYWHERE)

# Refused by `HTTP` for what each group says; none would be for its scheme alone.
HOSTILE = {
    "an address that is not public": """
        http://0.0.0.0/ http://0.1.2.3/ http://10.0.0.1/ http://10.255.255.255:8000/
        http://100.64.0.1/ http://100.127.255.254/ http://127.0.0.1/
        http://127.0.0.1:8000/infer http://127.1.2.3/ http://127.255.255.254/
        http://169.254.0.1/ http://172.16.0.1/ http://172.31.255.255/ http://192.0.0.8/
        http://192.0.2.1/ http://192.88.99.1/ http://192.168.0.1/ http://198.18.0.1/
        http://198.19.255.255/ http://198.51.100.7/ http://203.0.113.9/
        http://224.0.0.1/ http://239.255.255.255/ http://240.0.0.1/
        http://255.255.255.255/
    """,
    "a cloud's metadata": """
        http://169.254.169.254/latest/meta-data/ http://169.254.170.2/v2/credentials
        http://169.254.170.23/ http://169.254.0.23/ http://100.100.100.200/
        http://168.63.129.16/ http://192.0.0.192/ http://[fd00:ec2::254]/
        http://[fd00:ec2::23]/ http://[fd20:ce::254]/ http://[fe80::a9fe:a9fe]/
        http://metadata.google.internal/computeMetadata/v1/ http://metadata/
        http://instance-data/latest/ http://instance-data.ec2.internal/
    """,
    "an IPv4 address in other digits": """
        http://2130706433/ http://017700000001/ http://0x7f000001/ http://0X7F000001/
        http://0x7f.0x0.0x0.0x1/ http://0177.0.0.1/ http://0177.0.0.01/
        http://0x7f.1/ http://127.1/ http://127.0.1/ http://127.0.0x1/
        http://127.0.0.0x1/ http://127.00.0.1/ http://127.000.000.001/
        http://00000177.0.0.1/ http://127.0.0.1./ http://127.0.0/ http://127./
        http://127.0.0.1.1/ http://256.0.0.1/ http://383.0.0.1/ http://127.0.0.257/
        http://1.1/ http://0/ http://0x/ http://00/ http://3232235521/
        http://2852039166/ http://0xa9fea9fe/ http://0251.0376.0251.0376/
        http://169.16689662/ http://0xa9.254.0251.0xfe/ http://08.8.8.8/
        http://8.8.8.08/ http://8.8.2056/ http://134744072/ http://127.0.0.1e0/
        http://4294967295/ http://127.-0.0.1/ http://+127.0.0.1/ http://1_27.0.0.1/
        http://example.org.0x7f000001/ http://example.org.1/
    """,
    "an IPv6 address that is not public": """
        http://[::]/ http://[::1]/ http://[::1]:8000/ http://[0:0:0:0:0:0:0:1]/
        http://[0000:0000:0000:0000:0000:0000:0000:0001]/ http://[fe80::1]/
        http://[febf::1]/ http://[fec0::1]/ http://[fc00::1]/ http://[fd12:3456::1]/
        http://[ff02::1]/ http://[ff0e::1]/ http://[100::1]/ http://[5f00::1]/
        http://[3fff::1]/ http://[2001:db8::1]/ http://[2001:2::1]/
        http://[2001:10::1]/ http://[2001:20::1]/ http://[4000::1]/ http://[1::1]/
        http://[e000::1]/ http://[200::1]/
    """,
    "IPv4 within IPv6": """
        http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::FFFF:127.0.0.1]/
        http://[0:0:0:0:0:ffff:127.0.0.1]/ http://[::ffff:169.254.169.254]/
        http://[::ffff:8.8.8.8]/ http://[::127.0.0.1]/ http://[::8.8.8.8]/
        http://[::ffff:0:127.0.0.1]/ http://[64:ff9b::127.0.0.1]/
        http://[64:ff9b::a9fe:a9fe]/ http://[64:ff9b:1::7f00:1]/ http://[2002:7f00:1::]/
        http://[2002:a9fe:a9fe::1]/ http://[2001:0:7f00:1::1]/ http://[2001::1]/
    """,
    "a bracket or zone out of place": """
        http://[fe80::1%25eth0]/ http://[::1%25lo]/ http://[2606:4700::1%25eth0]/
        http://[::1%lo]/ http://[2606:4700::1%1]/ http://[]/ http://[::/ http://::1]/
        http://::1/ http://[::1]]/ http://[[::1]]/ http://[::1]example.org/
        http://example.org[::1]/ http://[example.org]/ http://[127.0.0.1]/
        http://[8.8.8.8]/ http://[v1.fe80]/ http://[:::1]/ http://[1:2:3:4:5:6:7:8:9]/
        http://[2606:4700::1/ http://2606:4700::1/ http://[2606:4700::127.0.0.01]/
        http://[12345::1]/
    """,
    "a local or reserved name": """
        http://localhost/ http://LOCALHOST/ http://localhost:8000/ http://localhost./
        http://a.localhost/ http://localhost.localdomain/ http://printer.local/
        http://db.internal/ http://router.home.arpa/ http://nas.lan/ http://x.home/
        http://git.corp/ http://wiki.intranet/ http://a.private/ http://abc.onion/
        http://a.alt/ http://a.test/ http://a.invalid/ http://ipv4only.arpa/
        http://1.0.0.127.in-addr.arpa/ http://kubernetes.default.svc/ http://a.cluster/
        http://kubernetes.default.svc.cluster.local/ http://redis.service.consul/
        http://redis/ http://kubernetes/ http://REDIS.LOCAL/
    """,
    "no name of letters, digits and hyphens": """
        http://example.org./ http://example..org/ http://.example.org/ http://./
        http://-example.org/ http://example-.org/ http://a_b.example.org/
        http://_dmarc.example.org/ http://example.o_rg/ http://example.123/
        http://example.1a/ http://*.example.org/ http://example%2eorg/
        http://127%2e0%2e0%2e1/ http://%31%32%37.0.0.1/ http://%6cocalhost/
        http://example.org%00.local/ http://example.org%0d%0a/ http://exa$mple.org/
        http://exa'mple.org/ http://(example).org/ http://example.org,127.0.0.1/
        http://example.org;127.0.0.1/ http://{example.org}/ http://<example.org>/
        http://"example.org"/ http://example|.org/ http://example^.org/
        http://example`.org/ http://example!.org/ http://example~.org/
        http://xn--e1awd7f.example.org/ http://xn--80ak6aa92e.com/ http://a.xn--p1ai/
    """,
    "a user name, real or not": """
        http://user@example.org/ http://user:pass@example.org/ http://@example.org/
        http://:@example.org/ http://example.org@127.0.0.1/ http://example.org:80@[::1]/
        http://127.0.0.1@example.org/ http://a@b@example.org/
        http://example.org%40127.0.0.1/ http://example.org:80%40127.0.0.1/
    """,
    "a port": """
        http://example.org:/ http://example.org:0/ http://example.org:22/
        http://example.org:25/ http://example.org:3306/ http://example.org:5432/
        http://example.org:6379/ http://example.org:11211/ http://example.org:65536/
        http://example.org:080/ http://example.org:00080/ http://example.org:-80/
        http://example.org:+80/ http://example.org:80:80/ http://example.org:8_0/
        http://example.org:0x50/ http://example.org:99999999999/ http://example.org:80a/
        http://example.org:http/ http://[2001:db8::1]:/ http://example.org::80/
        http://example.org:80.0/ http://example.org:65616/
    """,
    "a query or a fragment": """
        http://example.org?a=1 http://example.org/? http://example.org/?url=//a
        http://example.org# http://example.org/#a http://example.org#@127.0.0.1/
        http://127.0.0.1#example.org/ http://example.org?@127.0.0.1/
    """,
    "a path that another may read otherwise": """
        http://example.org/../a http://example.org/a/.. http://example.org/./a
        http://example.org/. http://example.org//a http://example.org/a//
        http://example.org/%2e%2e/a http://example.org/%2E/a http://example.org/a%2fb
        http://example.org/a%5cb http://example.org/a%00 http://example.org/a%0d%0aHost:
        http://example.org/%252e http://example.org/a%7f http://example.org/a%zz
        http://example.org/% http://example.org/%2 http://example.org/%c0%ae%c0%ae/
        http://example.org/..;/a http://example.org/..%3b/a http://example.org/a|b
        http://example.org/[a] http://example.org/{a} http://example.org/<a>
    """,
    "no scheme, or another": """
        ftp://example.org/ file:///etc/passwd gopher://example.org/ unix:///run/a
        HTTP://example.org/ Https://example.org/ ws://example.org/ //example.org/
        example.org example.org:80 /infer http:example.org http:/example.org
        http:///example.org http:// https:// http://:80/ javascript:alert(1)
        data:text/plain,a http://http://example.org/ dict://example.org:80/
        ldap://example.org/ http+unix://run/ view-source:http://example.org/
        jar:http://example.org!/ tcp://example.org:80/ 1http://example.org/ ://a.org/
        https:127.0.0.1 https:/127.0.0.1/ https:///127.0.0.1/
    """,
}
UNPRINTABLE = [
    "", " ", " http://example.org/", "http://example.org/ ", "http://example.org/\n",
    "http://example.org\r\nHost: 127.0.0.1/", "http://example.org/a\r\nX-A: b",
    "http://example.org\t/", "ht\ntp://example.org/", "http://exa mple.org/",
    "http://127.0.0.1\x00.example.org/", "http://example.org\x7f/",
    "http://example.org\\@127.0.0.1/", "http:\\\\127.0.0.1\\",
    "http://example.org/\\..\\a", "\ufeffhttp://example.org/",
    # Full stops and digits of other scripts, which some make ASCII.
    "http://127\u30020\u30020\u30021/", "http://\uff11\uff12\uff17.0.0.1/",
    "http://\u2460\u2461\u2466.0.0.1/", "http://\u0661.1.1.1/",
    "http://example.org:\u0668\u0660/", "http://example.org\u2100/",
    # Look-alikes, what is not seen, what is mapped.
    "http://ex\u0430mple.org/", "http://example\u200b.org/",
    "http://exam\u00adple.org/", "http://stra\u00dfe.de/", "http://example.org/\u00e9",
    # Too long.
    "http://" + "a" * 64 + ".example.org/", "http://" + "a." * 125 + "example.org/",
    "http://example.org/" + "a" * 2000,
]  # fmt: skip
HOSTILE_URLS = [url for urls in HOSTILE.values() for url in urls.split()] + UNPRINTABLE

GOOD = """
    https://example.org https://example.org/ https://example.org/v1/infer/
    https://example.org:443/infer https://example.org:8443/infer https://example.org:80/
    https://agent-1.example.com:9000 https://EXAMPLE.Org/Infer
    https://a.b.c.d.example.org/ https://3com.example.org/ https://127.example.org/
    https://localhost.example.org/ https://internal.example.org/ https://mylocal.example/
    https://ab--c.example.org/ https://example.org/models/a-b_c.d~1
    https://example.org/models/m@001:predict https://example.org/a%20b/.well-known/...
    https://example.org/a;b=1,c/$!*'()+& https://8.8.8.8/ https://1.1.1.1:8080/infer
    https://[2606:4700::1111]/ https://[2606:4700:0:0:0:0:0:1111]:8001/
    https://[2A00:1450::8.8.8.8]/ https://[2606:4700::1111] https://8.8.8.8:8000
""".split()  # noqa: SIM905 - a list would take a page
GOOD.append("https://" + "a" * 63 + "." + "b." * 88 + "example.org")


def refusal(url, rules=DEFAULT):
    with pytest.raises(EndpointRefused) as caught:
        check_url(url, rules)
    return str(caught.value)


def assert_read_as_others_read_it(endpoint, url):
    read = (endpoint.scheme, endpoint.host, endpoint.port)
    seen, split = URL(url), urlsplit(url)
    assert (seen.scheme, seen.raw_host, seen.port) == read
    assert seen.user is seen.password is None
    assert seen.query_string == seen.fragment == split.query == split.fragment == ""
    host = split.hostname
    if endpoint.address is not None:
        host = str(ip_address(host))
    assert (split.scheme, host) == read[:2]
    assert split.port in {endpoint.port, None}


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_hostile_endpoint_is_refused_with_a_sentence(url):
    assert refusal(url, HTTP).endswith(".")
    refusal(url.replace("http:", "https:", 1), DEFAULT)


@pytest.mark.parametrize("url", GOOD)
def test_a_good_endpoint_is_taken(url):
    assert_read_as_others_read_it(check_url(url, DEFAULT), url)


def test_the_host_is_read_in_its_one_form():
    endpoint = check_url("https://Agent.EXAMPLE.org/Infer", DEFAULT)
    assert endpoint == Endpoint(
        scheme="https", host="agent.example.org", port=443, address=None
    )

    endpoint = check_url("https://[2A00:1450:0::8.8.8.8]:8443", DEFAULT)
    assert (endpoint.host, endpoint.port) == ("2a00:1450::808:808", 8443)
    assert endpoint.address == IPv6Address("2a00:1450::808:808")


def test_the_message_repeats_neither_password_nor_path():
    for url in [
        "https://tom:zebedee@example.org/",
        "https://example.org/zebedee//",
        "https://example.org/?zebedee",
        "https://127.0.0.1/zebedee",
        "https://example.org:22/zebedee",
        "zebedee://example.org/",
    ]:
        assert "zebedee" not in refusal(url)


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("127.0.0.1", "127.0.0.1 is a loopback address"),
        ("[::1]", "::1 is a loopback address"),
        ("[::ffff:8.8.8.8]", "an IPv4-mapped address"),
        ("[fe80::1]", "fe80::1 is a link-local address"),
        ("[4000::1]", "4000::1 is no public address"),
        ("169.254.169.254", "a cloud metadata address"),
        ("127.0x1", "127.0x1 is no IPv4 address of four decimal numbers"),
        ("tom@example.org", "a user name or password"),
        ("exa mple.org", "a space"),
        ("example.org\\", "a backslash"),
        ("example.org\u3002", "not ASCII"),
        ("printer.local", "printer.local is a local or reserved name"),
        ("example.org:22", "port is not one of 80, 443, 8000"),
    ],
)
def test_the_message_says_which_rule_is_broken(host, rule):
    assert rule in refusal(f"https://{host}/")


# --- What an operator allows -------------------------------------------------------


def test_plain_http_is_a_setting():
    assert "http is not allowed" in refusal("http://example.org/")
    assert check_url("http://example.org/", HTTP).port == 80


def test_a_listed_network_is_open_and_no_other():
    rules = EndpointRules(networks=(ip_network("10.1.0.0/16"), ip_network("::1/128")))

    assert check_url("https://10.1.2.3/", rules).address == IPv4Address("10.1.2.3")
    assert check_url("https://[::1]/", rules).address == IPv6Address("::1")
    for host in ["10.2.0.1", "127.0.0.1", "[::2]", "[::ffff:10.1.2.3]", "10.1.515"]:
        refusal(f"https://{host}/", rules)


def test_if_hosts_are_listed_no_other_is_allowed():
    rules = EndpointRules(hosts=("Agent.example.org", ".example.com", "8.8.8.8"))

    for host in [
        "agent.example.org",
        "AGENT.Example.org",
        "a.b.example.com",
        "8.8.8.8",
    ]:
        check_url(f"https://{host}/", rules)
    assert check_url("https://8.8.8.8/", rules).host == "8.8.8.8"
    for host in ["example.org", "a.agent.example.org", "example.com", "badexample.com"]:
        assert "not on the list" in refusal(f"https://{host}/", rules)
    for host in ["8.8.4.4", "[2606:4700::1]"]:
        assert "not on the list" in refusal(f"https://{host}/", rules)


def test_a_local_name_is_allowed_where_it_is_listed():
    hosts = ("edge-model", "localhost", ".svc.cluster.local", "xn--e1awd7f.com")
    rules = EndpointRules(hosts=hosts)

    for host in ["edge-model", "localhost", "m.ns.svc.cluster.local", hosts[-1]]:
        assert check_url(f"https://{host}/", rules).host == host
    for host in ["edge_model", "redis", "svc.cluster.local", "localhost.", "0x7f.1"]:
        refusal(f"https://{host}/", rules)


@pytest.mark.parametrize("hosts", [("",), (".",), ("127.0.0.1",)])
def test_listing_a_host_opens_neither_all_hosts_nor_its_address(hosts):
    for host in ["example.org", "127.0.0.1"]:
        refusal(f"https://{host}/", EndpointRules(hosts=hosts))


def test_ports_are_a_setting_and_the_implied_one_is_no_exception():
    rules = EndpointRules(ports=frozenset({9999}))

    assert check_url("https://example.org:9999/", rules).port == 9999
    assert "not one of 9999" in refusal("https://example.org/", rules)


# --- Addresses ---------------------------------------------------------------------


@given(st.sampled_from([network for network, _ in NEVER + NOT_PUBLIC]), st.data())
def test_no_address_of_a_special_network_passes_as_a_url(network, data):
    address = data.draw(st.ip_addresses(network=network))
    host = f"[{address}]" if address.version == 6 else str(address)

    assert str(address) in refusal(f"https://{host}/")


@given(st.ip_addresses(v=4), st.data())
def test_an_ipv4_address_in_any_odd_notation_is_refused(address, data):
    number, parts = int(address), str(address).split(".")
    digits = st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}", "00{}", "0x0{:x}"])
    count = data.draw(st.integers(1, 4))
    last = number & (1 << 8 * (5 - count)) - 1
    values = [*map(int, parts[: count - 1]), last]
    odd = ".".join(data.draw(digits).format(value) for value in values)
    odd += data.draw(st.sampled_from(["", "."]))
    assume(odd != str(address))

    for host in [odd, f"[{odd}]", f"[::ffff:{odd}]", f"a@{odd}", f"{odd}%00"]:
        refusal(f"http://{host}/", LAX)


# --- Whatever comes ----------------------------------------------------------------

PIECES = """
    http https :// : // / @ # ? % \\ [ ] . .. - _ ; 80 443 8000 0 127.0.0.1 0x7f 127 ::1
    fe80:: ffff: 2606:4700::1 8.8.8.8 example.org localhost xn-- a org %2e %00 %25 %41
    \u3002 \uff11 \u00df
"""
PIECE = st.sampled_from([*PIECES.split(), " ", "\t", "\r\n"])
MIXED = st.lists(PIECE, max_size=12).map("".join)
GOOD_BENT = st.tuples(st.sampled_from(GOOD), st.integers(0, 40), MIXED).map(
    lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] :]
)


@given(st.one_of(st.text(), MIXED, MIXED.map("http://{}".format), GOOD_BENT))
@example("https://[" + ":" * 1900 + "]/")
@example("https://" + "1" * 1900 + "/")
@example("https://example.org:" + "9" * 1900)
def test_any_text_is_refused_or_read_as_the_client_reads_it(url):
    for rules in (DEFAULT, LAX):
        try:
            endpoint = check_url(url, rules)
        except EndpointRefused:
            continue
        assert_read_as_others_read_it(endpoint, url)


LABELS = st.from_regex(r"[a-zA-Z]([a-zA-Z0-9-]{0,9}[a-zA-Z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(lambda it: ".".join([*it, "org"]))
IPV4 = st.ip_addresses(network="8.0.0.0/8").map(str)
IPV6 = st.ip_addresses(network="2606::/16").map("[{}]".format)
PORTS = st.sampled_from(["", *(f":{port}" for port in DEFAULT.ports)])
PATHS = st.from_regex(r"(/[a-zA-Z0-9_~$@:!-]{1,9}){0,4}/?", fullmatch=True)


@given(st.sampled_from(["http", "https"]), NAMES | IPV4 | IPV6, PORTS, PATHS)
def test_what_is_written_plainly_is_taken(scheme, host, port, path):
    assume("xn--" not in host.lower())
    url = f"{scheme}://{host}{port}{path}"

    assert_read_as_others_read_it(check_url(url, HTTP), url)
