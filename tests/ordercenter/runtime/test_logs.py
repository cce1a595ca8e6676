"""Log lines: on the terminal with the name in front, in files cut to size, nowhere with a secret."""

import logging

import structlog

from ordercenter.runtime import logs
from ordercenter.runtime.logs import FollowedLog
from ordercenter.settings.logging import STRUCK_OUT, logging_config, short_line, strike_out_secrets


def test_only_whole_new_lines_are_shown_with_the_name_in_front(tmp_path, capsys):
    path = tmp_path / "relay.log"
    path.write_text("from the last run\n")
    log = FollowedLog("relay", path)
    with path.open("a") as file:
        file.write("11-23 01:30:00 info relay: woken\nhalf a ")

    log.show_new_lines()
    with path.open("a") as file:
        file.write("line\n")
    log.show_new_lines()

    shown = [line[9:] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["relay    | info relay: woken", "relay    | half a line"]


def test_a_long_line_is_cut_on_the_terminal(capsys):
    logs.say("web", "x" * 300)

    assert capsys.readouterr().out[9:].rstrip() == "web      | " + "x" * 199 + "…"


def test_a_big_log_is_put_aside_and_goes_on_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "ROTATE_BYTES", 10)
    path = tmp_path / "relay.log"
    path.write_text("more than ten bytes\n")
    log = FollowedLog("relay", path)

    log.rotate()

    assert (path.read_text(), (tmp_path / "relay.log.1").read_text()) == ("", "more than ten bytes\n")


def test_values_of_secret_keys_are_struck_out_at_any_depth():
    event = {"event": "push", "api_key": "k", "request": {"Authorization": "Bearer x", "size": 3}, "phone": "138"}

    struck = strike_out_secrets(None, "info", event)

    assert struck == {
        "event": "push",
        "api_key": STRUCK_OUT,
        "request": {"Authorization": STRUCK_OUT, "size": 3},
        "phone": STRUCK_OUT,
    }


def test_a_line_is_short_and_ends_with_what_else_is_known():
    event = {"timestamp": "11-23 01:30:00", "level": "info", "logger": "relay", "event": "woken", "lane": 3}

    assert short_line(None, "info", event) == "11-23 01:30:00 info relay: woken lane=3"


def test_both_kinds_of_loggers_write_the_same_line():
    formatter = logging_config(level="INFO", as_json=False)["formatters"]["line"]
    written = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=formatter["foreign_pre_chain"], processors=formatter["processors"]
    )
    record = logging.LogRecord("shop", logging.WARNING, __file__, 1, "late by %s s", (5,), None)
    record.token = "very secret"

    line = written.format(record)

    assert line.endswith(f" warning shop: late by 5 s token={STRUCK_OUT}")
