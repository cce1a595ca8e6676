import json
from datetime import UTC, datetime, timedelta

import pytest

from channels_sync.adapters.base import Connection
from channels_sync.adapters.douyin_client import DouyinClient, DouyinCredentials, renew
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelQuotaUsedUp,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.signing_douyin import douyin_sign
from tests.local_http import Reply, serving

KEY, SECRET = "6855555555555555555", "test-dd-secret-aaaa-bbbb"
NOW = datetime(2026, 11, 11, 14, 0, tzinfo=UTC)
OK = Reply(b'{"code":10000,"msg":"success","data":{"shop_order_id":6917000000000000001},"log_id":"l"}')


def client_of(server, **options):
    pauses = []
    credentials = DouyinCredentials(KEY, SECRET, "token-1", f"{server.url}/")
    return DouyinClient(credentials, clock=lambda: NOW, pause=pauses.append, **options), pauses


def failing(code=50002, sub_code="", msg="m", **more):
    return Reply(json.dumps({"code": code, "msg": msg, "sub_code": sub_code, "log_id": "log-1", **more}).encode())


def test_a_call_is_signed_over_the_text_that_is_sent_and_keeps_long_numbers_exact():
    with serving(lambda request: OK) as server:
        client, _pauses = client_of(server)
        answer = client.call("order.addOrderRemark", {"star": 5, "b": {"z": 1, "a": "<加急 &>"}, "id": 2**62 + 1})

    assert answer.data == {"shop_order_id": 6917000000000000001}
    assert answer.body == OK.body
    (request,) = server.received
    assert (request.method, request.path) == ("POST", "/order/addOrderRemark")
    assert request.body.decode() == '{"b":{"a":"<加急 &>","z":1},"id":4611686018427387905,"star":5}'
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-open-no-old-err-code"] == "1"
    sign = request.query.pop("sign")
    assert request.query == {
        "app_key": KEY,
        "method": "order.addOrderRemark",
        "access_token": "token-1",
        "timestamp": str(int(NOW.timestamp())),
        "v": "2",
        "sign_method": "hmac-sha256",
    }
    assert sign == douyin_sign(
        app_key=KEY,
        secret=SECRET,
        method="order.addOrderRemark",
        params=request.body.decode(),
        timestamp=str(int(NOW.timestamp())),
    )


def test_no_parameters_are_an_empty_object():
    with serving(lambda request: OK) as server:
        client_of(server)[0].call("order.logisticsCompanyList", {})

    assert server.received[0].body == b"{}"


@pytest.mark.parametrize(
    ("reply", "kind", "wait_s"),
    [
        (failing(50002, "isv.business-failed:23"), ChannelRefused, 0),
        (failing(40004, "isv.parameter-invalid"), ChannelRefused, 0),
        (failing(30003, "isv.sign-invalid"), ChannelRefused, 0),
        (failing(30001), AuthorizationExpired, 0),
        (failing(30002, "isv.access-token-expired"), AuthorizationExpired, 0),
        (failing(50000, "isv.access-token-not-existed"), AuthorizationExpired, 0),
        (failing(70000, msg="限流"), ChannelThrottled, 10),
        (failing(80000, msg="服务超限"), ChannelThrottled, 10),
        (failing(80000, sub_msg="今日调用次数已达上限"), ChannelQuotaUsedUp, 2 * 3600),
        (failing(20000), ChannelUnavailable, 0),
        (failing(50001, "isp.service-error"), ChannelUnavailable, 0),
        (Reply(b'{"err_no":5,"message":"old form"}'), ChannelRefused, 0),
        (Reply(b'{"err_no":30002,"message":"old form"}'), AuthorizationExpired, 0),
    ],
)
def test_each_answer_is_a_typed_error_with_the_platform_s_own_codes(reply, kind, wait_s):
    with serving(lambda request: reply) as server, pytest.raises(kind) as refused:
        client_of(server)[0].call("order.searchList", {})

    assert type(refused.value) is kind
    envelope = json.loads(reply.body)
    assert refused.value.error_code == envelope.get("code", envelope.get("err_no"))
    assert refused.value.wait_s == wait_s
    assert ("log-1" in refused.value.message) is ("log_id" in envelope)


def test_the_older_envelope_of_a_success_is_taken_too():
    with serving(lambda request: Reply(b'{"err_no":0,"message":"success","data":{"a":1}}')) as server:
        assert client_of(server)[0].call("m.n", {}).data == {"a": 1}


@pytest.mark.parametrize(("repeat", "calls"), [(True, 4), (False, 1)])
def test_a_failure_of_the_platform_is_repeated_where_that_does_no_harm(repeat, calls):
    with serving(lambda request: failing(20000)) as server:
        client, pauses = client_of(server)
        with pytest.raises(ChannelUnavailable):
            client.call("m.n", {}, repeat=repeat)

    assert len(server.received) == calls
    assert pauses == [0.1] * (calls - 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"data":{}}',
        b'{"code":"10000"}',
        b'{"code":10000,"data":[1]}',
        b'{"code":10000,"data":{"a":1',
        b'{"code":10000,"code":10000}',
        b'{"code":10000,"data":{"a":"\\u0000"}}',
        b'{"code":10000,"data":{"a":1e309}}',
        b'{"code":10000,"data":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b"<html>",
        b"x" * 2001,
    ],
)
def test_what_is_no_envelope_is_unreadable_and_asked_once(body):
    with serving(lambda request: Reply(body)) as server:
        with pytest.raises(ChannelAnswerUnreadable):
            client_of(server, max_bytes=2000 if len(body) == 2001 else 10**6)[0].call("m.n", {})
        assert len(server.received) == 1


def connection_of(server, *, refresh_token="refresh-1", shop_id=""):
    secrets = {"secret": SECRET, "access_token": "old", "refresh_token": refresh_token, "other": "kept"}
    return Connection(1, server.url, KEY, secrets, {"shop_id": shop_id} if shop_id else {})


def token_reply(request):
    data = {"access_token": "new", "refresh_token": "refresh-2", "expires_in": 604800, "shop_id": 123456}
    return Reply(json.dumps({"code": 10000, "data": data}).encode())


def test_a_token_is_renewed_by_its_refresh_token_and_lives_for_seven_and_fourteen_days():
    with serving(token_reply) as server:
        renewed = renew(connection_of(server), clock=lambda: NOW)

    (request,) = server.received
    assert request.path == "/token/refresh"
    assert json.loads(request.body) == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    assert renewed.secrets == {
        "secret": SECRET,
        "access_token": "new",
        "refresh_token": "refresh-2",
        "other": "kept",
    }
    assert (renewed.valid_until, renewed.renewable_until) == (NOW + timedelta(days=7), NOW + timedelta(days=14))


def test_an_app_of_the_shop_s_own_makes_a_token_by_the_shop_s_number():
    with serving(token_reply) as server:
        renewed = renew(connection_of(server, refresh_token="", shop_id="123456"), clock=lambda: NOW)

    (request,) = server.received
    assert request.path == "/token/create"
    assert json.loads(request.body) == {"grant_type": "authorization_self", "shop_id": "123456"}
    assert renewed.renewable_until is None


def test_a_dead_refresh_token_is_replaced_by_a_new_one_where_the_shop_s_number_is_known():
    replies = iter([failing(50002, "isv.refresh-token-expired"), token_reply(None)])
    with serving(lambda request: next(replies)) as server:
        assert renew(connection_of(server, shop_id="123456"), clock=lambda: NOW).secrets["access_token"] == "new"

    assert [request.path for request in server.received] == ["/token/refresh", "/token/create"]


def test_without_either_only_the_seller_can_help():
    with serving(lambda request: failing(50002, "isv.refresh-token-expired")) as server:
        with pytest.raises(AuthorizationExpired) as lost:
            renew(connection_of(server))
        assert lost.value.sub_code == "isv.refresh-token-expired"
        with pytest.raises(AuthorizationExpired):
            renew(connection_of(server, refresh_token=""))
    assert len(server.received) == 1


@pytest.mark.parametrize("data", [{}, {"access_token": "a"}, {"access_token": "", "expires_in": 5}])
def test_a_token_that_is_none_is_not_kept(data):
    with serving(lambda request: Reply(json.dumps({"code": 10000, "data": data}).encode())) as server:
        with pytest.raises(ChannelAnswerUnreadable):
            renew(connection_of(server))
