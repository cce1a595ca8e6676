import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from channels_sync.adapters.base import Connection
from channels_sync.adapters.jd_client import JdClient, JdCredentials, renew
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelQuotaUsedUp,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.signing_jd import jd_sign_is_valid
from tests.local_http import Reply, serving

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
KEY, SECRET = "TESTJDKEY0000000000000000000001", "testjdsecret0000000000000000001a"
NOW = datetime(2026, 11, 11, 14, 0, tzinfo=UTC)
METHOD = "jingdong.pop.order.shipment"


def client_of(server, **options):
    pauses = []
    credentials = JdCredentials(KEY, SECRET, "token-1", f"{server.url}/routerjson")
    return JdClient(credentials, clock=lambda: NOW, pause=pauses.append, **options), pauses


def answering(content, root="jingdong_pop_order_shipment_responce"):
    return Reply(json.dumps({root: {"code": "0", **content}}, ensure_ascii=False).encode())


def failing(code, text="m", **more):
    return Reply(json.dumps({"error_response": {"code": code, "zh_desc": text, "en_desc": "e", **more}}).encode())


def test_a_call_is_a_signed_form_with_all_business_parameters_in_one_text():
    with serving(lambda request: answering({"sopjosshipment_result": {"success": True}})) as server:
        content = client_of(server)[0].call(METHOD, {"orderId": 290000000001, "logiNo": "加急&=", "page": "1"}).content

    assert content == {"code": "0", "sopjosshipment_result": {"success": True}}
    (request,) = server.received
    form = request.form
    assert (request.method, request.path) == ("POST", "/routerjson")
    assert jd_sign_is_valid(form, sign=form.pop("sign"), secret=SECRET)
    assert form == {
        "method": METHOD,
        "app_key": KEY,
        "access_token": "token-1",
        "timestamp": "2026-11-11 22:00:00",
        "v": "2.0",
        "360buy_param_json": '{"orderId":290000000001,"logiNo":"加急&=","page":"1"}',
    }


@pytest.mark.parametrize("root", ["jingdong_pop_order_shipment_responce", "jingdong_pop_order_shipment_response"])
def test_both_spellings_of_the_root_are_taken(root):
    with serving(lambda request: answering({"a": 1}, root)) as server:
        assert client_of(server)[0].call(METHOD, {}).content["a"] == 1


def test_the_platform_s_own_examples_of_errors_are_understood():
    token, shipment = json.loads((SAMPLES / "jd_error_responses.json").read_text(encoding="utf-8"))
    replies = iter([Reply(json.dumps(token).encode()), Reply(json.dumps(shipment).encode())])
    with serving(lambda request: next(replies)) as server:
        client, _pauses = client_of(server)
        with pytest.raises(AuthorizationExpired) as lost:
            client.call(METHOD, {})
        with pytest.raises(ChannelRefused) as refused:
            client.call(METHOD, {})

    assert (lost.value.error_code, lost.value.message) == (19, "无效access_token")
    assert (refused.value.error_code, refused.value.sub_code, refused.value.message) == (
        10400001,
        "waybill exists",
        "运单号已存在",
    )


@pytest.mark.parametrize(
    ("reply", "kind", "wait_s"),
    [
        (failing("19"), AuthorizationExpired, 0),
        (failing("10"), ChannelRefused, 0),
        (failing("12"), ChannelRefused, 0),
        (failing("13"), ChannelRefused, 0),
        (failing("15"), ChannelRefused, 0),
        (failing("2001", "没有权限"), ChannelRefused, 0),
        (failing("43"), ChannelUnavailable, 0),
        (failing(50), ChannelUnavailable, 0),
        (failing("67"), ChannelUnavailable, 0),
        (failing("10100027"), ChannelUnavailable, 0),
        (failing("9", "超过调用频率限制"), ChannelThrottled, 10),
        (failing("9", "今日超出调用次数上限"), ChannelQuotaUsedUp, 2 * 3600),
        (answering({"code": "10"}), ChannelRefused, 0),
        (answering({"result": {"success": "false", "errorCode": "1"}}), ChannelRefused, 0),
        (answering({"result": {"apiResult": {"success": False, "englishErrCode": "no"}}}), ChannelRefused, 0),
        (answering({"queryResult": {"result_state": False, "result_info": "x"}}), ChannelRefused, 0),
        (answering({"result": {"success": False, "errorCode": "10100001"}}), ChannelUnavailable, 0),
    ],
)
def test_success_counts_only_when_the_object_inside_says_so(reply, kind, wait_s):
    with serving(lambda request: reply) as server, pytest.raises(kind) as refused:
        client_of(server)[0].call(METHOD, {})

    assert type(refused.value) is kind
    assert refused.value.wait_s == wait_s


@pytest.mark.parametrize(("repeat", "calls"), [(True, 4), (False, 1)])
def test_a_busy_platform_is_asked_again_where_that_does_no_harm(repeat, calls):
    with serving(lambda request: failing("50")) as server:
        client, pauses = client_of(server)
        with pytest.raises(ChannelUnavailable):
            client.call(METHOD, {}, repeat=repeat)

    assert (len(server.received), pauses) == (calls, [0.1] * (calls - 1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"jingdong_pop_order_shipment_responce":[]}',
        b'{"another_responce":{"code":"0"}}',
        b'{"jingdong_pop_order_shipment_responce":{"code":"0"',
        b'{"jingdong_pop_order_shipment_responce":{"code":"0","code":"0"}}',
        b'{"jingdong_pop_order_shipment_responce":{"a":"\\ud800"}}',
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    ],
)
def test_what_is_no_envelope_is_unreadable_and_asked_once(body):
    with serving(lambda request: Reply(body)) as server:
        with pytest.raises(ChannelAnswerUnreadable):
            client_of(server)[0].call(METHOD, {})
        assert len(server.received) == 1


def connection_of(server, refresh_token="refresh-1"):
    secrets = {"secret": SECRET, "access_token": "old", "refresh_token": refresh_token}
    return Connection(1, f"{server.url}/routerjson", KEY, secrets, {"oauth_url": server.url})


def test_a_token_is_renewed_and_can_be_renewed_until_its_end():
    told = {"access_token": "new", "refresh_token": "refresh-2", "expires_in": 2592000, "code": 0}
    with serving(lambda request: Reply(json.dumps(told).encode())) as server:
        renewed = renew(connection_of(server), clock=lambda: NOW)

    (request,) = server.received
    assert request.path == "/oauth2/refresh_token"
    assert parse_qs(request.body.decode()) == {
        "app_key": [KEY],
        "app_secret": [SECRET],
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-1"],
    }
    assert renewed.secrets == {"secret": SECRET, "access_token": "new", "refresh_token": "refresh-2"}
    assert renewed.valid_until == renewed.renewable_until == NOW + timedelta(days=30)


def test_a_refused_renewal_is_for_the_seller():
    with serving(lambda request: Reply(b'{"code":401,"msg":"refresh_token expired"}', status=400)) as server:
        with pytest.raises(AuthorizationExpired) as lost:
            renew(connection_of(server))
        with pytest.raises(AuthorizationExpired):
            renew(connection_of(server, refresh_token=""))

    assert (lost.value.error_code, lost.value.message) == (401, "refresh_token expired")
    assert len(server.received) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b'{"access_token":"a"}', b'{"access_token":"a","expires_in":"x"}'])
def test_an_answer_about_no_token_is_unreadable(body):
    with serving(lambda request: Reply(body)) as server, pytest.raises(ChannelAnswerUnreadable):
        renew(connection_of(server))
