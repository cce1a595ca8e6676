"""The played couriers: their signatures, their refusals, numbers that are given once, parcels that are told of."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from channels_sync.demo import seed_company
from fulfillment.models import CourierAccount, TrackingAccount
from ordercenter.common.signing import kuaidi100_sign, sf_digest
from tests.channels_sync.sandbox.stage import Stage

CONTACTS = [
    {
        "contactType": 1,
        "contact": "仓",
        "mobile": "13900000000",
        "province": "浙江省",
        "city": "杭州市",
        "address": "1号",
    },
    {
        "contactType": 2,
        "contact": "王",
        "mobile": "13800000000",
        "province": "浙江省",
        "city": "杭州市",
        "address": "2号",
    },
]
ORDER = {
    "orderId": "DO1",
    "contactInfoList": CONTACTS,
    "monthlyCard": "755",
    "cargoDetails": [{"name": "靠垫", "count": 1}],
}


def sf(stage: Stage, service: str, data: dict[str, Any], **change: str) -> dict[str, Any]:
    msg_data, timestamp = json.dumps(data, ensure_ascii=False), str(stage.clock.now_ms // 1000)
    timestamp = change.pop("timestamp", timestamp)
    form = {
        "partnerID": stage.credentials.sf_partner_id,
        "requestID": "r",
        "serviceCode": service,
        "timestamp": timestamp,
        "msgDigest": sf_digest(
            msg_data=msg_data, timestamp=timestamp, checkword=change.pop("checkword", stage.credentials.sf_checkword)
        ),
        "msgData": msg_data,
        **change,
    }
    return dict(stage.http.post("/std/service", data=form).json())


def inner(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["apiResultCode"] == "A1000"
    return dict(json.loads(answer["apiResultData"]))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"checkword": "another"}, "A1006"),
        ({"partnerID": "nobody"}, "A1004"),
        ({"timestamp": "1000000000"}, "A1002"),
        ({"serviceCode": "NONE"}, "A1004"),
        ({"requestID": ""}, "A1001"),
    ],
)
def test_sf_checks_who_asks_and_when(stage: Stage, change: dict[str, str], code: str) -> None:
    assert sf(stage, "EXP_RECE_CREATE_ORDER", ORDER, **change)["apiResultCode"] == code
    assert stage.app.world.waybills == {}


def test_sf_gives_a_number_once_and_finds_it_again(stage: Stage) -> None:
    first = inner(sf(stage, "EXP_RECE_CREATE_ORDER", ORDER))
    again = inner(sf(stage, "EXP_RECE_CREATE_ORDER", ORDER))
    found = inner(sf(stage, "EXP_RECE_SEARCH_ORDER_RESP", {"orderId": "DO1"}))

    assert (first["success"], again["errorCode"]) == (True, "8016")
    assert found["msgData"]["waybillNoInfoList"] == first["msgData"]["waybillNoInfoList"]
    assert len(stage.app.world.waybills) == 1


def test_sf_takes_no_masked_receiver(stage: Stage) -> None:
    masked = [CONTACTS[0], {**CONTACTS[1], "mobile": "*******0000"}]

    assert inner(sf(stage, "EXP_RECE_CREATE_ORDER", {**ORDER, "contactInfoList": masked}))["errorCode"] == "1016"


def poll(stage: Stage, **change: Any) -> str:
    param = {
        "company": "zhongtong",
        "number": "731",
        "key": stage.credentials.kuaidi100_key,
        "parameters": {"callbackurl": "http://127.0.0.1:9/", "salt": "s"},
        **change,
    }
    return str(stage.http.post("/poll", data={"schema": "json", "param": json.dumps(param)}).json()["returnCode"])


def test_a_parcel_is_followed_once_by_who_has_the_key(stage: Stage) -> None:
    assert poll(stage, key="another") == "600"
    assert poll(stage, company="shunfeng") == "408"
    assert [poll(stage), poll(stage)] == ["200", "501"]


def test_a_question_needs_its_signature_and_half_an_hour(stage: Stage) -> None:
    keys = stage.credentials
    poll(stage)
    stage.app.couriers.advance("731")
    param = json.dumps({"com": "zhongtong", "num": "731"})
    form = {"customer": keys.kuaidi100_customer, "param": param}
    good = {**form, "sign": kuaidi100_sign(param, keys.kuaidi100_key, keys.kuaidi100_customer)}

    def ask(given: dict[str, str]) -> dict[str, Any]:
        return dict(stage.http.post("/poll/query.do", data=given).json())

    assert ask({**form, "sign": "0" * 32})["returnCode"] == "503"
    assert ask(good)["state"] == "1"
    assert ask(good)["returnCode"] == "601"


def test_what_happens_to_a_followed_parcel_is_pushed_with_a_signature_until_it_is_heard(stage: Stage) -> None:
    stage.reply = b'{"result":false}'
    poll(stage)
    stage.control.switches(scan_every_s=2)
    stage.control.move_parcel("731")
    stage.pass_time(0.5)

    url, _query, body = stage.heard[0]
    form = dict(parse_qsl(body.decode()))
    assert url == "http://127.0.0.1:9/"
    assert form["sign"] == kuaidi100_sign(form["param"], "s")
    assert json.loads(form["param"])["lastResult"]["state"] == "1"

    stage.pass_time(30)
    # Four steps, each pushed three times as long as nobody says that it was heard.
    assert stage.app.world.followed["731"]["status"] == "shutdown"
    assert stage.app.world.followed["731"]["deaf"] == 12


def test_cainiao_takes_ten_packages_and_no_masked_receiver_without_its_opaque_id(stage: Stage) -> None:
    def package(at: int, **recipient: str) -> dict[str, Any]:
        return {
            "object_id": str(at),
            "order_info": {"trade_order_list": ["41"]},
            "package_info": {"id": f"P{at}", "items": [{"name": "靠垫", "count": 1}]},
            "recipient": {
                "mobile": "*******0000",
                "address": {"province": "浙江省", "detail": "文三路"},
                **recipient,
            },
        }

    def get(packages: list[dict[str, Any]]) -> dict[str, Any]:
        sender = {"name": "仓", "address": {"province": "浙江省"}}
        wanted = {"cp_code": "ZTO", "sender": sender, "trade_order_info_dtos": packages}
        form = stage.signed(
            "x", param_waybill_cloud_print_apply_new_request=json.dumps(wanted), method="cainiao.waybill.ii.get"
        )
        return dict(stage.http.post("/router/rest", data=form).json())

    known = {"oaid": "o", "tid": "41"}
    assert get([package(1)])["error_response"]["sub_code"] == "isv.OAID_INVALID"
    assert get([package(1, oaid="o", tid="99")])["error_response"]["sub_code"] == "isv.OAID_INVALID"
    eleven = [package(at, **known) for at in range(11)]
    assert get(eleven)["error_response"]["sub_code"] == "isv.TRADE_ORDER_INFO_INVALID"
    assert stage.app.world.waybills == {}

    answer = get(eleven[:10])["cainiao_waybill_ii_get_response"]["modules"]["waybill_cloud_print_response"]
    assert len({row["waybill_code"] for row in answer}) == 10
    assert get(eleven[:10])["cainiao_waybill_ii_get_response"]["modules"]["waybill_cloud_print_response"] == answer


@pytest.mark.django_db
def test_the_demo_company_has_couriers_and_seeding_again_changes_nothing(stage: Stage) -> None:
    for _ in range(2):
        seed_company(
            credentials=stage.credentials, sandbox_url="http://127.0.0.1:8900", site_url="http://127.0.0.1:8000"
        )

    assert sorted(CourierAccount.objects.values_list("carrier__code", "adapter")) == [("SF", "sf"), ("ZTO", "cainiao")]
    account = TrackingAccount.objects.get()
    assert account.callback_url == f"http://127.0.0.1:8000/courier/kuaidi100/{account.pk}/"
