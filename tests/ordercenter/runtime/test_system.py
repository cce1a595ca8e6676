"""Ports."""

import socket

import pytest

from ordercenter.runtime.errors import RuntimeTrouble
from ordercenter.runtime.postgres import HOST, free_port
from ordercenter.runtime.system import listen, port_from_environment


@pytest.fixture
def taken_port():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_default_port_moves_to_a_free_one(monkeypatch, taken_port):
    monkeypatch.delenv("OC_HTTP_PORT", raising=False)

    with listen("OC_HTTP_PORT", taken_port) as listener:
        assert taken_port < listener.getsockname()[1] < taken_port + 50


def test_a_taken_port_that_was_asked_for_is_named(monkeypatch, taken_port):
    monkeypatch.setenv("OC_HTTP_PORT", str(taken_port))

    with pytest.raises(RuntimeTrouble, match=f"^Port {taken_port} of OC_HTTP_PORT is taken by another program"):
        listen("OC_HTTP_PORT", 8000)


def test_a_free_port_that_was_asked_for_is_used(monkeypatch):
    wanted = free_port()
    monkeypatch.setenv("OC_HTTP_PORT", str(wanted))

    with listen("OC_HTTP_PORT", 8000) as listener:
        assert listener.getsockname() == (HOST, wanted)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80.5"])
def test_what_is_no_port_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("OC_HTTP_PORT", text)

    with pytest.raises(RuntimeTrouble, match=f"^OC_HTTP_PORT is '{text}': it has to be a port number"):
        port_from_environment("OC_HTTP_PORT")
