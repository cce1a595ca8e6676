import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from finance.statements import alipay
from finance.statements.alipay import BILL_QUERY, AlipayClient, AlipayCredentials
from finance.statements.errors import (
    BillNotReady,
    ProviderAnswerInvalid,
    ProviderRefused,
    ProviderUnavailable,
    StatementUnreadable,
)
from ordercenter.common.signing import alipay_request_is_valid, rsa2_sign
from tests.local_http import Reply, serving

VECTORS = Path(__file__).parents[1] / "data" / "protocols" / "vectors" / "alipay.json"
KEYS = json.loads(VECTORS.read_text(encoding="utf-8"))["keys"]
ROOT = "alipay_data_dataservice_bill_downloadurl_query_response"
DAY = date(2026, 11, 11)
NOW = datetime(2026, 11, 12, 2, 30, tzinfo=UTC)


def client_of(url):
    # The tests' platform signs with the same key pair; only the public half counts on our side.
    credentials = AlipayCredentials(
        "2021000000000001", KEYS["app_private_key_pem"], KEYS["app_public_key_pem"], f"{url}/gateway.do"
    )
    return AlipayClient(credentials, clock=lambda: NOW, timeout_s=2)


def signed(content, *, root=ROOT, sign=None):
    inner = json.dumps(content, ensure_ascii=False)
    sign = rsa2_sign(inner.encode(), private_key=KEYS["app_private_key_pem"]) if sign is None else sign
    return Reply(f'{{"{root}":{inner},"sign":"{sign}"}}'.encode())


def done(url):
    return {"code": "10000", "msg": "Success", "bill_download_url": url}


def test_a_bill_is_asked_for_with_a_signed_request_and_fetched():
    def answer(request):
        if request.path == "/bill.zip":
            return Reply(b"PK the bill", content_type="application/zip")
        return signed(done(f"http://{request.headers['host']}/bill.zip?token=1"))

    with serving(answer) as server:
        content = client_of(server.url).fetch_bill(DAY)

    assert content == b"PK the bill"
    asked, fetched = server.received
    assert asked.form == {
        "app_id": "2021000000000001",
        "method": BILL_QUERY,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": "2026-11-12 10:30:00",
        "version": "1.0",
        "biz_content": '{"bill_type":"trade","bill_date":"2026-11-11"}',
        "sign": json.loads(VECTORS.read_text(encoding="utf-8"))["cases"][0]["expected"]["sign"],
    }
    assert alipay_request_is_valid(asked.form, public_key=KEYS["app_public_key_pem"])
    assert (fetched.method, fetched.query) == ("GET", {"token": "1"})


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"code": "40004", "msg": "Business Failed", "sub_code": "BILL_NOT_EXIST"}, BillNotReady),
        ({"code": "40004", "msg": "Business Failed", "sub_code": "isp.bill_not_exist"}, BillNotReady),
        (
            {"code": "20000", "msg": "Service Unavailable", "sub_code": "isp.unknow-error"},
            ProviderUnavailable,
        ),
        ({"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-signature"}, ProviderRefused),
        ({"code": "10000", "bill_download_url": "file:///etc/passwd"}, ProviderAnswerInvalid),
        ({"code": "10000"}, ProviderAnswerInvalid),
    ],
)
def test_every_answer_has_its_error(content, error):
    with serving(lambda request: signed(content)) as server, pytest.raises(error) as failed:
        client_of(server.url).fetch_bill(DAY)

    assert failed.value.retryable == (error in (BillNotReady, ProviderUnavailable))


def test_a_refusal_before_the_key_is_known_comes_unsigned():
    content = {"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-app-id", "sub_msg": "无效的AppID"}
    with serving(lambda request: signed(content, root="error_response", sign="")) as server:
        with pytest.raises(ProviderRefused) as failed:
            client_of(server.url).fetch_bill(DAY)

    assert (failed.value.provider_code, failed.value.sub_code) == ("40002", "isv.invalid-app-id")


@pytest.mark.parametrize(
    "reply",
    [
        signed(done("http://127.0.0.1/"), sign=""),
        signed(done("http://127.0.0.1/"), sign="AAAA"),
        Reply(signed(done("http://127.0.0.1/a")).body.replace(b"/a", b"/b")),
        signed({"code": "40004", "sub_code": "BILL_NOT_EXIST"}, sign="AAAA"),
        signed(done("http://127.0.0.1/"), root="another_response"),
        Reply(b"<html/>"),
        Reply(b'{"%s":"10000"}' % ROOT.encode()),
        Reply(b'{"%s":{"code":"10000"},"sign":7}' % ROOT.encode()),
        Reply(b"[" * 5_000),
    ],
)
def test_an_answer_that_is_not_the_providers_is_not_used(reply):
    with serving(lambda request: reply) as server, pytest.raises(ProviderAnswerInvalid):
        client_of(server.url).fetch_bill(DAY)


@pytest.mark.parametrize("reply", [Reply(b"", status=500), Reply(cut=True), Reply(b"", status=404)])
def test_a_provider_that_does_not_answer_is_asked_again_later(reply):
    with serving(lambda request: reply) as server, pytest.raises(ProviderUnavailable) as failed:
        client_of(server.url).fetch_bill(DAY)

    assert failed.value.retryable


def test_a_file_larger_than_any_bill_is_not_taken(monkeypatch):
    monkeypatch.setattr(alipay, "MAX_ARCHIVE_BYTES", 1_000)

    def answer(request):
        return Reply(b"P" * 1_001) if request.method == "GET" else signed(done(f"http://{request.headers['host']}/b"))

    with serving(answer) as server, pytest.raises(StatementUnreadable) as failed:
        client_of(server.url).fetch_bill(DAY)

    assert failed.value.reason == "too_large"


def test_keys_stay_out_of_what_is_printed():
    assert "PRIVATE" not in repr(AlipayCredentials("1", KEYS["app_private_key_pem"], "", "http://127.0.0.1"))
