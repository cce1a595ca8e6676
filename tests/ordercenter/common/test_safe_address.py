import socket

import pytest

from ordercenter.common.http import exchange
from ordercenter.common.safe_address import AddressRefused, is_public, safe_address
from tests.local_http import Reply, serving

INTERNAL = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:0:0:0:0:80ff:fffe",
    "not an address",
]


@pytest.mark.parametrize("address", INTERNAL)
def test_an_internal_address_is_not_called(address):
    assert not is_public(address)
    with pytest.raises(AddressRefused) as refused:
        safe_address("https://shop.test/", resolver=lambda host, port: [address])
    assert refused.value.problem == "internal"


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111"])
def test_an_address_of_the_open_internet_is_called(address):
    assert safe_address("https://shop.test/x?y=1", resolver=lambda host, port: [address]) == address


def test_one_internal_address_among_others_is_enough_to_refuse():
    with pytest.raises(AddressRefused):
        safe_address("https://shop.test/", resolver=lambda host, port: ["8.8.8.8", "10.0.0.1"])


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://shop.test/", "not_http"),
        ("file:///etc/passwd", "not_http"),
        ("gopher://127.0.0.1:6379/", "not_http"),
        ("https://user:word@shop.test/", "has_login"),
        ("https://shop.test@127.0.0.1/", "has_login"),
        ("https:///x", "no_host"),
        ("https://shop.test:port/", "no_host"),
        ("https://[::1/", "no_host"),
        ("shop.test", "not_http"),
        ("http://127.0.0.1/", "internal"),
        ("http://localhost/", "internal"),
        ("http://[::1]/", "internal"),
        ("http://[::ffff:127.0.0.1]/", "internal"),
        ("http://2130706433/", "internal"),
        ("http://0x7f000001/", "internal"),
        ("http://127.1/", "internal"),
        ("http://no-such-host.invalid/", "unknown_host"),
    ],
)
def test_other_ways_inside_are_refused(url, problem):
    with pytest.raises(AddressRefused) as refused:
        safe_address(url)

    assert refused.value.problem == problem


def test_a_setting_lets_a_host_or_one_of_its_ports_be_called():
    assert safe_address("http://127.0.0.1:81/", allowed=["127.0.0.1"]) == "127.0.0.1"
    assert safe_address("http://127.0.0.1:81/", allowed=["127.0.0.1:81"]) == "127.0.0.1"
    with pytest.raises(AddressRefused):
        safe_address("http://127.0.0.1:82/", allowed=["127.0.0.1:81"])


def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch):
    resolved, ask = [], socket.getaddrinfo

    def note(host, *arguments, **options):
        resolved.append(host)
        return ask(host, *arguments, **options)

    with serving(lambda request: Reply(b"{}")) as server:
        port = server.url.rsplit(":", 1)[1]
        monkeypatch.setattr(socket, "getaddrinfo", note)
        answer = exchange(f"http://shop.test:{port}/x", method="GET", address="127.0.0.1")

    assert (answer.status, resolved) == (200, ["127.0.0.1"])
    assert server.received[0].headers["host"] == f"shop.test:{port}"
