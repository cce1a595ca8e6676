from datetime import UTC, datetime

import pytest

from ordercenter.common.platform_call import ask_platform, named_pause, repeated, seconds_to_midnight
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelThrottled, ChannelUnavailable
from tests.local_http import Reply, serving


def test_headers_go_out_and_come_back_with_names_in_lower_case():
    with serving(lambda request: Reply(b"{}")) as server:
        answer = ask_platform(f"{server.url}/x", method="m", verb="GET", headers={"X-Token": "t"})

    assert server.received[0].headers["x-token"] == "t"
    assert (answer.body, answer.headers["content-type"]) == (b"{}", "application/json")


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (Reply(b"", status=503), ChannelUnavailable, 503),
        (Reply(b"", cut=True), ChannelUnavailable, 0),
        (Reply(b"", status=404), ChannelAnswerUnreadable, 404),
        (Reply(b"", status=302), ChannelAnswerUnreadable, 302),
        (Reply(b"x" * 101), ChannelAnswerUnreadable, 0),
        (Reply(b"", status=429), ChannelThrottled, 429),
    ],
)
def test_how_an_exchange_ends_is_a_typed_error(reply, kind, code):
    with serving(lambda request: reply) as server, pytest.raises(kind) as ended:
        ask_platform(server.url, method="m", max_bytes=100)

    assert type(ended.value) is kind
    assert ended.value.error_code == code


def test_a_status_that_the_client_understands_is_an_answer():
    with serving(lambda request: Reply(b"no", status=422)) as server:
        assert ask_platform(server.url, method="m", understood=(200, 422)).status == 422


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2.0", 3), ("30", 31), ("999999", 3600), ("", 10), ("Wed, 21 Oct 2026 07:28:00 GMT", 10), ("９", 10)],
)
def test_a_named_pause_is_kept_and_an_unnamed_one_is_ten_seconds(value, seconds):
    assert named_pause({"retry-after": value}) == seconds


def test_what_is_unavailable_is_called_three_times_more_and_what_is_unreadable_never():
    pauses = []
    calls = []

    def call(kind):
        calls.append(kind)
        raise kind(method="m")

    with pytest.raises(ChannelUnavailable):
        repeated(lambda: call(ChannelUnavailable), pause=pauses.append)
    assert (len(calls), pauses) == (4, [0.1, 0.1, 0.1])

    with pytest.raises(ChannelAnswerUnreadable):
        repeated(lambda: call(ChannelAnswerUnreadable), pause=pauses.append)
    assert len(calls) == 5


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (datetime(2026, 11, 11, 15, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 11, 11, 15, 59, 59, 500000, tzinfo=UTC), 1),
        (datetime(2026, 11, 11, 16, 0, tzinfo=UTC), 86400),
    ],
)
def test_the_day_of_quotas_ends_at_midnight_of_gmt8(at, seconds):
    assert seconds_to_midnight(at) == seconds
