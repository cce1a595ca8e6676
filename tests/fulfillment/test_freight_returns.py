"""A parcel that came back is billed for two ways; whatever is billed beyond that is billed twice."""

from __future__ import annotations

import pytest
from django.utils import translation

from fulfillment.freight_words import sentence_of
from fulfillment.models import CourierContract, FreightLine
from ordercenter.console.invariants import CHECKS, run_checks
from tests.fulfillment.freight_stage import NOW, Stage, line_of, row, verdicts

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(db: None) -> Stage:
    """The way back costs half of the way there: 2.50 of 5.00."""
    stage = Stage()
    CourierContract.objects.update(return_percent=50)
    return stage


def on(day: int, line: tuple[object, ...]) -> tuple[object, ...]:
    return (line[0], f"2026-10-{day}", *line[2:])


@pytest.mark.parametrize("state", ["returning", "returned"])
def test_the_way_back_is_held_against_the_return_price(stage: Stage, state: str) -> None:
    [parcel] = stage.ship(state=state)

    done = stage.take(row(parcel), on(20, row(parcel, amount="2.50")))

    assert verdicts(done.bill_id) == {}
    back = line_of(done.bill_id, parcel.tracking_no)
    assert (back.verdict, str(back.expected_amount), back.detail) == ("matched", "2.50", {"return_percent": 50})
    checks = [check for check in CHECKS if check.name == "parcels_are_paid_once"]
    assert [v.broken for v in run_checks(checks, stale_before=NOW)] == [0]


def test_the_days_on_the_bill_say_which_way_is_which(stage: Stage) -> None:
    [parcel] = stage.ship(state="returned")

    done = stage.take(on(20, row(parcel, amount="2.50")), on(12, row(parcel)))

    assert verdicts(done.bill_id) == {}


def test_the_way_back_on_a_later_bill_is_no_double(stage: Stage) -> None:
    [parcel] = stage.ship(state="returned")
    stage.take(row(parcel))

    later = stage.take(on(30, row(parcel, amount="2.50")))

    assert verdicts(later.bill_id) == {}


def test_a_third_time_is_one_too_many(stage: Stage) -> None:
    [parcel] = stage.ship(state="returned")

    done = stage.take(row(parcel), on(20, row(parcel, amount="2.50")), on(21, row(parcel, amount="2.50")))

    assert verdicts(done.bill_id) == {parcel.tracking_no: "billed_twice"}
    assert line_of(done.bill_id, parcel.tracking_no).detail == {"first_row": 2}


def test_a_parcel_that_arrived_has_no_way_back(stage: Stage) -> None:
    [parcel] = stage.ship(state="delivered")

    done = stage.take(row(parcel), on(20, row(parcel, amount="2.50")))

    assert verdicts(done.bill_id) == {parcel.tracking_no: "billed_twice"}


def test_a_way_back_that_costs_something_else_says_what_was_agreed(stage: Stage) -> None:
    [parcel] = stage.ship(state="returned")

    done = stage.take(row(parcel), on(20, row(parcel)))

    back = FreightLine.objects.get(bill=done.bill_id, line_no=3)
    assert (back.verdict, back.term, str(back.expected_amount)) == ("price_differs", "return", "2.50")
    with translation.override("en"):
        assert sentence_of(back).endswith("by contract the way back costs 50 % of the way there.")


def test_a_heavier_way_back_is_about_the_weight(stage: Stage) -> None:
    [parcel] = stage.ship(state="returned")

    done = stage.take(row(parcel), on(20, row(parcel, "3", "4.50")))

    back = FreightLine.objects.get(bill=done.bill_id, line_no=3)
    assert (back.verdict, str(back.expected_amount), back.detail["billed_charged_g"]) == (
        "weight_differs",
        "2.50",
        3000,
    )


def test_without_a_return_price_a_person_decides(stage: Stage) -> None:
    CourierContract.objects.update(return_percent=None)
    [parcel] = stage.ship(state="returned")

    done = stage.take(row(parcel), on(20, row(parcel, amount="2.50")))

    back = FreightLine.objects.get(bill=done.bill_id, line_no=3)
    assert (back.verdict, back.detail) == ("no_contract", {"why": "no_return_price"})
    with translation.override("en"):
        assert "says nothing about the price of the way back" in sentence_of(back)
