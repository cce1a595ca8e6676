import gzip
import socket
import time

import pytest

from channels_sync.sandbox.black_hole import BlackHole
from ordercenter.common.errors import Misconfigured
from ordercenter.common.http import TransportFailed, exchange
from tests.local_http import Reply, serving


def test_an_exchange_brings_status_type_and_body():
    with serving(lambda request: Reply(b"<a/>", status=503, content_type="Text/XML")) as server:
        answer = exchange(f"{server.url}/x?a=1", content=b"hello", content_type="text/plain")

    assert (answer.status, answer.content_type, answer.body) == (503, "text/xml", b"<a/>")
    assert server.received[0].query == {"a": "1"}
    assert server.received[0].body == b"hello"
    assert server.received[0].headers["content-type"] == "text/plain"


def test_a_closed_port_is_a_request_that_never_left():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        with pytest.raises(TransportFailed) as failed:
            exchange(f"http://127.0.0.1:{port}/", content=b"x")

    assert (failed.value.problem, failed.value.was_sent) == ("connect", False)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(cut=True), "broken"),
        (Reply(b"late", delay_s=5), "timeout"),
        (Reply(b"x" * 50, drip_s=0.05), "timeout"),
        (Reply(b"x" * 1001), "too_large"),
    ],
)
def test_no_usable_answer_is_named_and_the_request_may_have_arrived(reply, problem):
    with serving(lambda request: reply) as server:
        with pytest.raises(TransportFailed) as failed:
            exchange(server.url, content=b"x", timeout_s=0.3, max_bytes=1000)

    assert (failed.value.problem, failed.value.was_sent) == (problem, True)
    assert failed.value.retryable


SLOW_HEADER = b"HTTP/1.1 200 OK\r\nX-Slow: "
# A packed file may tell its name first: unpacked, a name that goes on for ever brings no bytes to count.
SLOW_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 90000\r\n\r\n\x1f\x8b\x08\x08" + b"\0" * 6


@pytest.mark.parametrize("beginning", [SLOW_HEADER, SLOW_GZIP])
def test_headers_and_packed_bodies_that_trickle_end_with_the_exchange(beginning):
    with BlackHole(trickle=beginning, pause_s=0.02) as hole:
        started = time.monotonic()
        with pytest.raises(TransportFailed) as failed:
            exchange(hole.url, content=b"x", timeout_s=0.3)
        took_s = time.monotonic() - started

    assert (failed.value.problem, failed.value.was_sent) == ("timeout", True)
    assert took_s < 1.5


def test_the_next_exchange_over_a_kept_connection_has_its_own_time():
    with serving(lambda request: Reply(b"ok")) as server:
        exchange(server.url, content=b"x", timeout_s=0.2)
        time.sleep(0.25)
        answer = exchange(server.url, content=b"x", timeout_s=5)

    assert answer.body == b"ok"


def test_a_packed_bomb_stops_at_the_limit():
    bomb = gzip.compress(b"0" * 5_000_000)

    def answer(request):
        return Reply(bomb, content_type="application/json\r\nContent-Encoding: gzip")

    with serving(answer) as server, pytest.raises(TransportFailed) as failed:
        exchange(server.url, max_bytes=100_000)

    assert failed.value.problem == "too_large"


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "not an address", "http://"])
def test_an_unusable_address_is_a_setting_to_mend(url):
    with pytest.raises(Misconfigured):
        exchange(url)


def test_redirects_are_not_followed():
    with serving(lambda request: Reply(b"", status=302, content_type="x\r\nLocation: /elsewhere")) as server:
        assert exchange(server.url).status == 302

    assert len(server.received) == 1
