"""The wires of couriers: documents in the form of the platform's sample, and answers read strictly."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fulfillment.carriers.cainiao import Cainiao, CainiaoContract, apply_document
from fulfillment.carriers.documents import AssignedNumber, Place, WaybillRequest
from fulfillment.carriers.errors import CourierError, CourierRefused, CourierThrottled, CourierUnavailable
from fulfillment.carriers.sf import open_envelope
from ordercenter.common.signing import sf_digest
from ordercenter.common.top_client import TopClient, TopCredentials
from tests.local_http import Received, Reply, serving

SAMPLE = json.loads(
    (Path(__file__).parents[1] / "data/protocols/samples/cainiao_waybill_ii_get.json").read_text(encoding="utf-8")
)
SENDER = Place("木棉仓", "13900000000", "浙江省", "杭州市", "余杭区", "仓前街道1号", town="仓前街道")
RECEIVER = Place(
    "王**",
    "*******0000",
    "浙江省",
    "杭州市",
    "西湖区",
    "文三路***",
    oaid="1test-oaid-AAAA",
    tid="4012345678901234567",
    is_masked=True,
)
REQUEST = WaybillRequest(
    "PK1", "ZTO", "tmall", ("4012345678901234567",), (("亚麻靠垫", 2),), 1250, Decimal("99.00"), RECEIVER
)
CONTRACT = CainiaoContract(
    "ZTO", SENDER, user_id=10001, template_url="http://cloudprint.cainiao.com/template/standard/301"
)


def client(url: str) -> Cainiao:
    return Cainiao(TopClient(TopCredentials("1", "s", "t", url)), CONTRACT)


def test_what_is_asked_of_cainiao_has_every_field_of_the_sample_with_its_value() -> None:
    document = apply_document(CONTRACT, [REQUEST])

    wanted = SAMPLE["request"]["param_waybill_cloud_print_apply_new_request"]
    missing = [path for path, value in flat(wanted) if dict(flat(document)).get(path) not in (value, None)]
    assert missing == []
    # What the sample has besides is optional; nothing else differs.
    absent = {path for path, _value in flat(wanted)} - {path for path, _value in flat(document)}
    assert absent == {
        "trade_order_info_dtos.0.package_info.volume",
        "trade_order_info_dtos.0.package_info.goods_description",
    }


def flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [pair for name, part in value.items() for pair in flat(part, f"{path}.{name}".lstrip("."))]
    if isinstance(value, list):
        return [pair for at, part in enumerate(value) for pair in flat(part, f"{path}.{at}")]
    return [(path, value)]


def test_the_answer_of_the_sample_is_read() -> None:
    with serving(lambda _request: Reply(json.dumps(SAMPLE["response"]).encode())) as server:
        numbers = client(server.url).request([REQUEST])

    assert numbers == {
        "PK1": AssignedNumber(
            key="PK1",
            number="73100000000000",
            carrier_code="ZTO",
            print_data=SAMPLE["response"]["cainiao_waybill_ii_get_response"]["modules"]["waybill_cloud_print_response"][
                0
            ]["print_data"],
        )
    }


def test_the_parameter_of_the_wire_is_one_json_text_and_signed() -> None:
    seen: list[Received] = []

    def answer(request: Received) -> Reply:
        seen.append(request)
        return Reply(json.dumps(SAMPLE["response"]).encode())

    with serving(answer) as server:
        client(server.url).request([REQUEST])

    form = seen[0].form
    assert form["method"] == "cainiao.waybill.ii.get"
    assert json.loads(form["param_waybill_cloud_print_apply_new_request"]) == apply_document(CONTRACT, [REQUEST])
    assert len(form["sign"]) == 64


def module(**changes: Any) -> dict[str, Any]:
    return {"object_id": "1", "waybill_code": "73100000000000", "cp_code": "ZTO", "print_data": "{}", **changes}


@pytest.mark.parametrize(
    "modules",
    [
        [],
        [module(object_id="7")],
        [module(waybill_code="")],
        [module(waybill_code=7)],
        [module(waybill_code="x" * 65)],
        "garbage",
    ],
)
def test_an_answer_without_a_number_for_each_package_is_no_answer(modules: Any) -> None:
    body = {"cainiao_waybill_ii_get_response": {"modules": {"waybill_cloud_print_response": modules}}}
    with serving(lambda _request: Reply(json.dumps(body).encode())) as server, pytest.raises(CourierUnavailable):
        client(server.url).request([REQUEST])


def test_one_number_for_two_packages_is_no_answer() -> None:
    other = WaybillRequest("PK2", "ZTO", "tmall", ("4012345678901234568",), (("靠垫", 1),), 1, Decimal(1), RECEIVER)
    rows = [module(), module(object_id="2")]
    body = {"cainiao_waybill_ii_get_response": {"modules": {"waybill_cloud_print_response": rows}}}
    with serving(lambda _request: Reply(json.dumps(body).encode())) as server, pytest.raises(CourierUnavailable):
        client(server.url).request([REQUEST, other])


def envelope(**changes: Any) -> bytes:
    inner = {"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": {"a": 1}}
    return json.dumps(
        {"apiResultCode": "A1000", "apiErrorMsg": "", "apiResultData": json.dumps(inner), **changes}
    ).encode()


def test_both_envelopes_of_sf_are_opened() -> None:
    assert open_envelope("X", envelope()) == {"a": 1}
    assert open_envelope("X", envelope(apiResultData={"success": True, "msgData": None})) == {}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (envelope(apiResultCode="A1001", apiErrorMsg="必传参数不可为空"), CourierRefused),
        (envelope(apiResultCode="A1005"), CourierThrottled),
        (envelope(apiResultCode="A1009"), CourierUnavailable),
        (envelope(apiResultData='{"success":false,"errorCode":"8016"}'), CourierRefused),
        (envelope(apiResultData='{"success":true,"msgData":[]}'), CourierUnavailable),
        (envelope(apiResultData="{"), CourierUnavailable),
        (b"<html>", CourierUnavailable),
        (b"[]", CourierUnavailable),
        (b"null", CourierUnavailable),
    ],
)
def test_every_other_answer_of_sf_is_a_typed_error(body: bytes, error: type[CourierError]) -> None:
    with pytest.raises(error):
        open_envelope("X", body)


def test_the_digest_encodes_as_java_does() -> None:
    # A space is "+", "~" is encoded and "*" is not: any other encoder gives another digest.
    assert sf_digest(msg_data="a b~*", timestamp="1", checkword="c") == "h2XB0Zs1oOKp5G8Dfkx2Wg=="
