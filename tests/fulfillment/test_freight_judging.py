"""What a difference on a courier's bill is about: which term of the contract, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.contracts.bill_sheets import BilledParcel
from fulfillment.contracts.billing import Judged, OurParcel, Slack, expected_price, judge
from fulfillment.contracts.pricing import Lane, Terms, price_parcel

DAY = date(2026, 11, 11)
PEAK = ((date(2026, 11, 1), date(2026, 11, 20), Decimal("0.30")),)


def lane(zone: str, first: str, **more: Any) -> Lane:
    values = {"first_g": 1000, "first_fee": Decimal(first), "step_g": 1000, "step_fee": Decimal("2.00")}
    return Lane(zone=zone, **(values | more))


def terms(**changes: Any) -> Terms:
    lanes = {
        "33": lane("33", "5.00"),
        "65": lane("65", "18.00", remote_fee=Decimal("6.00"), step_fee=Decimal("12.00")),
        "": lane("", "9.00"),
    }
    values = {"contract_id": 1, "warehouse_id": 1, "product_id": 1, "carrier_id": 1, "lanes": lanes}
    return Terms(**(values | changes))


def asked(
    amount: str,
    kg: str | None = "1",
    *,
    our_g: int = 800,
    slack: Slack | None = None,
    contract: Terms | None = None,
    code: str = "330100",
    destination: str = "",
    parts: Mapping[str, str] | None = None,
    **ours: Any,
) -> Judged:
    billed = BilledParcel(
        row=2,
        tracking_no="ZT1",
        amount=Decimal(amount),
        weight_g=None if kg is None else int(Decimal(kg) * 1000),
        destination=destination,
        parts={name: Decimal(part) for name, part in (parts or {}).items()},
    )
    mine = OurParcel(on=DAY, code=code, weight_g=our_g, **ours)
    return judge(billed, mine, contract or terms(), slack or Slack(50, 2))


def short(judged: Judged) -> tuple[str, str, str]:
    return str(judged.verdict), judged.term, str(judged.expected)


@pytest.mark.parametrize("kg", ["0.8", "1", "0.9", None, "2.9"])
def test_the_right_amount_is_matched_whatever_weight_stands_beside_it(kg: str | None) -> None:
    assert short(asked("5.00", kg)) == ("matched", "", "5.00")


def test_a_weight_within_the_slack_may_be_the_one_that_is_priced() -> None:
    near, far = asked("7.00", "1.04", our_g=990), asked("7.00", "1.06", our_g=990)

    assert short(near) == ("matched", "", "7.00")
    assert short(far) == ("weight_differs", "weight", "5.00")


def test_of_grams_and_per_cent_the_larger_is_the_slack() -> None:
    assert short(asked("17.00", "7.0", our_g=6900, slack=Slack(50, 2))) == ("matched", "", "17.00")
    assert short(asked("19.00", "7.01", our_g=6900, slack=Slack(50, 1))) == ("weight_differs", "weight", "17.00")


def test_a_heavier_weight_that_is_priced_right_is_a_difference_of_weight() -> None:
    judged = asked("9.00", "3", our_g=1400)

    assert short(judged) == ("weight_differs", "weight", "7.00")
    assert judged.detail["charged_g"] == 1400
    assert judged.detail["billed_charged_g"] == 3000
    assert judged.detail["terms"] == [["first", "5.00"], ["steps", "2.00"]]


def test_another_weight_and_another_price_at_once_are_told_apart() -> None:
    judged = asked("9.17", "3", our_g=1400)

    assert short(judged) == ("price_differs", "other", "7.00")
    assert judged.detail["weight_part"] == "2.00"


def test_a_charged_weight_on_the_bill_is_ours_when_volume_says_the_same() -> None:
    contract = terms(divisor=6000)

    assert short(asked("9.00", "3", contract=contract, volume_cm3=18000)) == ("matched", "", "9.00")
    assert short(asked("11.00", "4", contract=contract, volume_cm3=18000)) == ("weight_differs", "weight", "9.00")


@pytest.mark.parametrize(
    ("judged", "term"),
    [
        (asked("9.00"), "steps"),
        (asked("24.00", code="650100", destination="新疆维吾尔自治区"), ""),
        (asked("30.00", code="650100"), "remote"),
        (asked("18.00", code="650100"), "remote"),
        (asked("24.00", destination="新疆"), "zone"),
        (asked("5.00", contract=terms(peaks=PEAK)), "peak"),
        (asked("5.60", contract=terms(peaks=PEAK)), "peak"),
        (asked("5.00", contract=terms(minimum_fee=Decimal("6.00"))), "minimum"),
        (asked("5.00", contract=terms(insurance_permille=Decimal("3")), value=Decimal("100")), "insurance"),
        (asked("13.00", contract=terms(oversize_g=30000, oversize_fee=Decimal("8.00"))), "oversize"),
        (asked("6.50", parts={"packing": "1.50"}), "packing"),
        (asked("7.50", parts={"freight": "5.00", "other": "2.50"}), "other"),
        (asked("6.10", parts={"freight": "6.10"}), "freight"),
        (asked("5.37"), "other"),
    ],
)
def test_the_term_that_explains_a_price_is_named(judged: Judged, term: str) -> None:
    assert judged.term == term
    assert judged.verdict == ("price_differs" if term else "matched")


def test_the_wrong_tier_is_named() -> None:
    tiers = ((500, Decimal("2.10")), (1000, Decimal("2.60")), (3000, Decimal("4.05")))
    contract = terms(lanes={"": lane("", "5.00", tiers=tiers)})

    assert short(asked("4.05", "1", contract=contract)) == ("price_differs", "tier", "2.60")


def test_so_many_steps_too_many_are_counted() -> None:
    assert asked("11.00").detail["steps"] == 3


def test_the_province_alone_is_no_other_place_than_the_city_in_it() -> None:
    contract = terms(lanes={"33": lane("33", "5.00"), "3301": lane("3301", "4.00")})

    assert short(asked("5.00", contract=contract, destination="浙江省")) == ("price_differs", "other", "4.00")


@pytest.mark.parametrize(
    ("judged", "why"),
    [
        (asked("5.00", code=""), "no_place"),
        (asked("5.00", None, our_g=0), "no_weight"),
        (asked("5.00", contract=terms(lanes={"65": lane("65", "18.00")})), "no_rate"),
        (asked("5.00", contract=terms(max_g=500)), "too_heavy"),
    ],
)
def test_without_a_price_it_is_said_why(judged: Judged, why: str) -> None:
    assert (short(judged), judged.detail["why"]) == (("no_contract", "", "None"), why)


def test_a_parcel_without_a_weight_is_priced_by_the_weight_on_the_bill() -> None:
    assert short(asked("9.00", "3", our_g=0, source="none")) == ("matched", "", "9.00")
    assert short(asked("9.50", "3", our_g=0, source="none")) == ("price_differs", "other", "9.00")


def test_the_slack_of_the_amount_is_forgiven() -> None:
    assert short(asked("5.10", slack=Slack(amount=Decimal("0.10"))))[0] == "matched"
    assert short(asked("5.11", slack=Slack(amount=Decimal("0.10"))))[0] == "price_differs"


def test_a_parcel_that_is_missing_on_the_bill_has_the_price_it_should_have() -> None:
    found = expected_price(OurParcel(on=DAY, code="330100", weight_g=2500), terms())

    assert (str(found.verdict), found.expected) == ("not_billed", Decimal("9.00"))


@given(our_g=st.integers(1, 60_000), code=st.sampled_from(["330100", "650100", "440300"]), off=st.integers(-400, 400))
def test_what_is_due_by_contract_matches_and_nothing_else_does(our_g: int, code: str, off: int) -> None:
    contract = terms(peaks=PEAK, minimum_fee=Decimal("5.50"))
    price = price_parcel(contract, division_code=code, weight_g=our_g, on=DAY)
    amount = price.total + Decimal(off) / 100

    judged = asked(str(amount), None, our_g=our_g, code=code, contract=contract, slack=Slack())

    assert (str(judged.verdict) == "matched") == (off == 0)
    assert judged.expected == price.total
