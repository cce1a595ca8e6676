import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelQuotaUsedUp,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.signing import top_sign_is_valid
from ordercenter.common.top_client import TopClient, TopCredentials, error_of, response_root
from tests.local_http import Reply, serving

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
NOW = datetime(2026, 11, 10, 16, 5, 0, 500, tzinfo=UTC)
METHOD = "taobao.trade.fullinfo.get"
OK = Reply(b'{"trade_fullinfo_get_response":{"trade":{"tid":4012345678901234567},"request_id":"r"}}')


def client_of(server, **options):
    pauses = []
    credentials = TopCredentials("23777001", "secret", "6101session", f"{server.url}/router/rest", "hmac-sha256")
    client = TopClient(credentials, clock=lambda: NOW, pause=pauses.append, **options)
    return client, pauses


def failing(code=15, sub_code="", sub_msg=""):
    problem = {"code": code, "msg": "m", "sub_code": sub_code, "sub_msg": sub_msg, "request_id": "r"}
    return Reply(json.dumps({"error_response": problem}).encode())


def test_a_call_is_a_signed_form_and_its_answer_keeps_long_numbers_exact():
    with serving(lambda request: OK) as server:
        client, _pauses = client_of(server)
        answer = client.call(METHOD, {"tid": "4012345678901234567", "fields": "tid", "memo": "加急 &=", "empty": " "})

    assert answer.content == {"trade": {"tid": 4012345678901234567}, "request_id": "r"}
    assert answer.body == OK.body
    (request,) = server.received
    form = request.form
    assert (request.method, request.path) == ("POST", "/router/rest")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded;charset=utf-8"
    assert top_sign_is_valid(form, sign=form.pop("sign"), secret="secret")
    assert form == {
        "method": METHOD,
        "app_key": "23777001",
        "session": "6101session",
        "timestamp": "2026-11-11 00:05:00",
        "format": "json",
        "v": "2.0",
        "sign_method": "hmac-sha256",
        "tid": "4012345678901234567",
        "fields": "tid",
        "memo": "加急 &=",
    }


@pytest.mark.parametrize(
    "passing", [Reply(cut=True), Reply(b"oops", status=502), failing(sub_code="isp.remote-service-timeout")]
)
def test_a_passing_failure_is_repeated_at_once_and_then_done(passing):
    replies = iter([passing, passing, passing, OK])
    with serving(lambda request: next(replies)) as server:
        client, pauses = client_of(server)
        assert client.call(METHOD, {}).content["request_id"] == "r"

    assert pauses == [0.1, 0.1, 0.1]


@pytest.mark.parametrize(("repeat", "calls"), [(True, 4), (False, 1)])
def test_a_lasting_failure_ends_as_unavailable_with_an_unknown_outcome(repeat, calls):
    with serving(lambda request: failing(sub_code="isp.service-error")) as server:
        client, _pauses = client_of(server)
        with pytest.raises(ChannelUnavailable) as failed:
            client.call(METHOD, {}, repeat=repeat)

    assert len(server.received) == calls
    assert (failed.value.retryable, failed.value.outcome_known) == (True, False)
    assert failed.value.sub_code == "isp.service-error"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>busy</html>"),
        Reply(b""),
        Reply(b"[]"),
        Reply(b"{}"),
        Reply(b'{"trade_get_response":{}}'),
        Reply(b'{"trade_fullinfo_get_response":[]}'),
        Reply(b'{"error_response":"no"}'),
        Reply(b'{"trade_fullinfo_get_response":{},"error_response":null}'),
        Reply(b'{"trade_fullinfo_get_response":{"a":NaN}}'),
        Reply(b'{"trade_fullinfo_get_response":{"a":"\\u0000"}}'),
        Reply(b'{"trade_fullinfo_get_response":{"tid":1,"tid":2}}'),
        Reply(b'{"trade_fullinfo_get_response":' + b"[" * 20_000),
        Reply(b'{"trade_fullinfo_get_response":{"a":"' + b"x" * 5_000 + b'"}}'),
        Reply(b"not found", status=404),
        Reply(b"", status=302),
    ],
)
def test_an_answer_that_is_no_envelope_is_not_repeated_and_its_outcome_is_unknown(reply):
    with serving(lambda request: reply) as server:
        client, _pauses = client_of(server, max_bytes=4_000)
        with pytest.raises(ChannelAnswerUnreadable) as failed:
            client.call(METHOD, {})

    assert len(server.received) == 1
    assert not failed.value.outcome_known


@pytest.mark.parametrize(
    ("code", "sub_code", "sub_msg", "error", "wait_s"),
    [
        (7, "accesscontrol.limited-by-api-access-count", "This ban will last for 1 more seconds", ChannelThrottled, 2),
        (7, "accesscontrol.limited-by-app-api-access-count", "last for 60 more seconds", ChannelThrottled, 61),
        (7, "", "", ChannelThrottled, 10),
        (7, "accesscontrol.limited-by-app-access-count", "last for 1 more seconds", ChannelQuotaUsedUp, 86_100),
        (15, "isv.trade-service-rejection", "", ChannelThrottled, 180),
        (26, "", "", AuthorizationExpired, 0),
        (27, "invalid-sessionkey", "", AuthorizationExpired, 0),
        ("27", "invalid-sessionkey", "", AuthorizationExpired, 0),
        (15, "isv.logistics-offline-service-error:B04", "订单状态不正确", ChannelRefused, 0),
        (15, "isp.remote-service-timeout", "", ChannelUnavailable, 0),
        (10, "", "", ChannelUnavailable, 0),
        (25, "", "Invalid Signature", ChannelRefused, 0),
        (40, "isv.missing-parameter", "", ChannelRefused, 0),
    ],
)
def test_every_class_of_error_says_what_to_do(code, sub_code, sub_msg, error, wait_s):
    found = error_of(METHOD, {"code": code, "msg": "m", "sub_code": sub_code, "sub_msg": sub_msg}, NOW)

    assert type(found) is error
    assert (found.error_code, found.sub_code, found.wait_s) == (int(code), sub_code, wait_s)
    assert found.retryable == (error not in (AuthorizationExpired, ChannelRefused))


def test_the_sampled_errors_of_the_platform_are_told_apart():
    samples = json.loads((SAMPLES / "tmall_error_responses.json").read_text(encoding="utf-8"))

    kinds = [type(error_of(METHOD, sample["error_response"], NOW)) for sample in samples]

    assert kinds == [ChannelQuotaUsedUp, AuthorizationExpired, ChannelUnavailable, ChannelRefused]


def test_a_final_answer_is_not_repeated():
    with serving(lambda request: failing(sub_code="isv.invalid-parameter")) as server:
        client, _pauses = client_of(server)
        with pytest.raises(ChannelRefused):
            client.call(METHOD, {})

    assert len(server.received) == 1


def test_a_gateway_that_counts_calls_asks_for_a_pause():
    with serving(lambda request: Reply(b"", status=429)) as server:
        client, _pauses = client_of(server)
        with pytest.raises(ChannelThrottled) as failed:
            client.call(METHOD, {})

    assert failed.value.wait_s == 10


def test_one_client_serves_many_threads():
    def echo(request):
        return Reply(json.dumps({"trade_fullinfo_get_response": {"tid": request.form["tid"]}}).encode())

    wrong = []

    def work(client, start):
        for number in range(start, start + 20):
            if client.call(METHOD, {"tid": str(number)}).content["tid"] != str(number):
                wrong.append(number)

    with serving(echo) as server:
        client, _pauses = client_of(server)
        threads = [threading.Thread(target=work, args=(client, start)) for start in (0, 100, 200, 300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert wrong == []
    assert len(server.received) == 80


def test_secrets_stay_out_of_what_is_printed():
    assert "hush" not in repr(TopCredentials("1", "hush", "hush", "http://127.0.0.1"))


def test_the_root_of_an_answer_is_the_name_of_its_method():
    assert response_root("taobao.logistics.offline.send") == "logistics_offline_send_response"
    assert response_root("tmall.item.update") == "tmall_item_update_response"
