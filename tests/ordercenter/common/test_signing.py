import json
from pathlib import Path

import pytest

from ordercenter.common import signing
from ordercenter.common.errors import Misconfigured

VECTORS = Path(__file__).parents[2] / "data" / "protocols" / "vectors"
SECRET = "testSecretA1b2C3d4E5f6"
ALIPAY = json.loads((VECTORS / "alipay.json").read_text(encoding="utf-8"))
APP_PRIVATE_KEY = ALIPAY["keys"]["app_private_key_pem"]
APP_PUBLIC_KEY = ALIPAY["keys"]["app_public_key_pem"]


def test_a_client_does_not_sign_what_is_empty_or_blank():
    full = {"method": "taobao.trade.memo.update", "app_key": "1", "memo": "", "flag": "  "}
    bare = {"method": "taobao.trade.memo.update", "app_key": "1"}

    assert signing.top_sign(full, secret=SECRET) == signing.top_sign(bare, secret=SECRET)
    assert signing.top_sign(full, secret=SECRET, keep_empty=True) != signing.top_sign(bare, secret=SECRET)


def test_a_no_break_space_is_signed_because_the_platforms_client_signs_it():
    assert signing.top_sign({"a": "\u00a0"}, secret=SECRET) != signing.top_sign({}, secret=SECRET)
    assert signing.top_sign({"a": "\u3000"}, secret=SECRET) == signing.top_sign({}, secret=SECRET)


def test_an_unknown_method_is_refused_when_signing_and_invalid_when_checking():
    with pytest.raises(signing.UnknownSignMethod) as refused:
        signing.top_sign({}, secret=SECRET, sign_method="sha1")

    assert refused.value.sign_method == "sha1"
    assert not signing.top_sign_is_valid({"sign_method": "sha1"}, sign="X", secret=SECRET)


@pytest.mark.parametrize("method", signing.TOP_SIGN_METHODS)
def test_a_request_is_checked_by_the_method_it_names(method):
    params = {"method": "deliveryorder.confirm", "sign_method": method}
    sign = signing.top_sign(params, secret=SECRET, sign_method=method, body="<request/>")

    assert signing.top_sign_is_valid({**params, "sign": sign}, sign=sign, secret=SECRET, body=b"<request/>")
    assert not signing.top_sign_is_valid(params, sign=sign, secret=SECRET, body=b"<request />")
    assert not signing.top_sign_is_valid(params, sign=sign, secret="another", body=b"<request/>")
    assert not signing.top_sign_is_valid(params, sign="", secret=SECRET, body=b"<request/>")


def test_a_request_with_empty_parameters_may_follow_either_rule():
    params = {"method": "deliveryorder.confirm", "session": ""}
    dropped = signing.top_sign(params, secret=SECRET)
    kept = signing.top_sign(params, secret=SECRET, keep_empty=True)

    assert dropped != kept
    assert signing.top_sign_is_valid(params, sign=dropped, secret=SECRET)
    assert signing.top_sign_is_valid(params, sign=kept, secret=SECRET)


def test_a_call_to_us_is_signed_with_its_headers_query_form_and_body():
    call = {
        "query": {"timestamp": "2026-11-11 00:00:00", "empty": ""},
        "form": {"tid": "4012345678901234567"},
        "signed_headers": {"x-client": "1"},
        "body": b'{"a":1}',
    }
    sign = signing.spi_sign(secret=SECRET, **call)
    assert sign == signing.top_sign(
        {"timestamp": "2026-11-11 00:00:00", "empty": "", "tid": "4012345678901234567", "x-client": "1"},
        secret=SECRET,
        body='{"a":1}',
        keep_empty=True,
    )

    signed = {**call, "query": {**call["query"], "sign": sign}}
    assert signing.spi_sign_is_valid(secret=SECRET, **signed)
    assert not signing.spi_sign_is_valid(secret=SECRET, **{**signed, "body": b'{"a":2}'})
    assert not signing.spi_sign_is_valid(secret=SECRET, **call)


def test_lone_surrogates_of_a_hostile_sender_fail_the_check_without_an_error():
    assert not signing.top_sign_is_valid({"a": "\ud800"}, sign="\udfff", secret=SECRET)
    assert not signing.alipay_notify_is_valid({"a": "\ud800", "sign": "AAAA"}, public_key=APP_PUBLIC_KEY)


def test_a_key_is_read_as_pem_and_as_bare_base64():
    params = ALIPAY["cases"][0]["input"]["params"]
    bare_private = "".join(APP_PRIVATE_KEY.split("\n")[1:-2])
    bare_public = "".join(APP_PUBLIC_KEY.split("\n")[1:-2])

    sign = signing.alipay_sign(params, private_key=bare_private)

    assert sign == ALIPAY["cases"][0]["expected"]["sign"]
    assert signing.alipay_request_is_valid({**params, "sign": sign}, public_key=bare_public)
    assert not signing.alipay_request_is_valid({**params, "app_id": "9", "sign": sign}, public_key=bare_public)


@pytest.mark.parametrize("key", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_cannot_be_read_is_named_as_a_setting_to_mend(key):
    with pytest.raises(Misconfigured):
        signing.rsa2_sign(b"x", private_key=key)
    with pytest.raises(Misconfigured):
        signing.rsa2_is_valid(b"x", sign="AAAA", public_key=key)


def test_the_signature_of_an_answer_covers_its_raw_inner_text():
    inner = '{"code":"10000", "msg":"Success","bill_download_url":"http:\\/\\/127.0.0.1\\/a?b=\\"}"}'
    sign = signing.rsa2_sign(inner.encode(), private_key=APP_PRIVATE_KEY)
    text = f'{{ "alipay_x_response" : {inner},"sign":"{sign}"}}\n'

    parts = signing.alipay_response_parts(text)

    assert parts["alipay_x_response"][1] == inner
    assert parts["alipay_x_response"][0]["bill_download_url"] == 'http://127.0.0.1/a?b="}'
    assert signing.alipay_response_is_valid(inner, sign=parts["sign"][0], public_key=APP_PUBLIC_KEY)
    assert not signing.alipay_response_is_valid(inner + " ", sign=parts["sign"][0], public_key=APP_PUBLIC_KEY)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a":1', '{"a" 1}', '{"a":1,}', '{"a":1,"a":2}', '{"a":1} x', "{1:2}"]
)
def test_an_answer_that_is_not_one_object_with_distinct_names_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        signing.alipay_response_parts(text)


def test_a_notification_with_empty_fields_is_taken_either_way():
    form = {"app_id": "1", "passback_params": "", "trade_no": "2"}
    for message in ("app_id=1&passback_params=&trade_no=2", "app_id=1&trade_no=2"):
        sign = signing.rsa2_sign(message.encode(), private_key=APP_PRIVATE_KEY)

        assert signing.alipay_notify_is_valid({**form, "sign": sign, "sign_type": "RSA2"}, public_key=APP_PUBLIC_KEY)
        assert not signing.alipay_notify_is_valid({**form, "sign": sign, "sign_type": "RSA"}, public_key=APP_PUBLIC_KEY)
