"""What was found against what was planted: each way in which a day can go wrong is a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from channels_sync.play.courier_bills import BilledDay
from channels_sync.play.findings import Findings, FoundDifference, OrderWay
from channels_sync.play.report import PlayedDay, Problem, ProblemKind, compare, percentiles
from channels_sync.play.rooms import LiveDay

GOOD = OrderWay("1", "completed", False, frozenset(), True, True, True, 40.0)
HELD = OrderWay("2", "preprocessing", True, frozenset({"BLACKLIST"}), False, False, True, None)
FINE: dict[str, Any] = {"checked": 45, "broken": []}
LIE = {"kind": "FEE_OFF", "alipay_no": "A1", "order_no": "T200P1"}
MESSAGE = {"message_at": "2026-11-11T00:00:00.000Z", "warehouse_at": "2026-11-11T00:00:00.250Z"}


def a_day(**changes: Any) -> PlayedDay:
    """One order that goes through, one of a blacklisted buyer, one wrong fee."""
    scenario = {"planted": {"2": {"code": "BLACKLIST"}}, "bill": [LIE], "spec": {"seed": 7}}
    day = PlayedDay(scenario=scenario, receipts={"1": MESSAGE, "2": {}}, sent_twice={}, seconds=4.0)
    return replace(day, **changes)


def findings(*ways: OrderWay, differences: tuple[FoundDifference, ...] | None = None) -> Findings:
    found = (FoundDifference("fee_differs", "A1", "1"),) if differences is None else differences
    return Findings({way.order_no: way for way in ways or (GOOD, HELD)}, list(found))


def test_a_day_on_which_everything_was_found_and_nothing_invented_is_good() -> None:
    report = compare(a_day(), findings(), invariants=FINE)

    assert report.problems == []
    assert report.figures == {
        "orders": 2,
        "seed": 7,
        "seconds": 4.0,
        "orders_per_s": 0.5,
        "received": 2,
        "untouched": 1,
        "untouched_percent": 50.0,
        "shipped": 1,
        "reported_back": 1,
        "completed": 1,
        "reconciled": 2,
        "sent_twice": 0,
        "cases": {"BLACKLIST": {"planted": 1, "found": 1, "invented": 0}},
        "differences": {
            "planted": 1,
            "found": 1,
            "invented": 0,
            "by_kind": {
                "MISSING_ROW": {"planted": 0, "found": 0},
                "EXTRA_ROW": {"planted": 0, "found": 0},
                "AMOUNT_OFF": {"planted": 0, "found": 0},
                "FEE_OFF": {"planted": 1, "found": 1},
            },
        },
        "refunds_told_late": 0,
        "courier_bills": {"lines": 0, "planted": 0, "found": 0, "invented": 0},
        "live_orders": {"planted": 0, "attributed": 0, "wrong": 0},
        "live_locks": {"given": 0, "to_strangers": 0},
        "receipt_to_command_ms": {"p50": 40, "p95": 40, "p99": 40},
        "message_to_warehouse_ms": {"p50": 250, "p95": 250, "p99": 250},
        "invariants": {"checked": 45, "broken": []},
        "problems": [],
        "ok": True,
    }


@pytest.mark.parametrize(
    ("day", "found", "invariants", "problem"),
    [
        (
            a_day(),
            findings(GOOD, replace(HELD, codes=frozenset())),
            FINE,
            ("case_missed", "2 BLACKLIST"),
        ),
        (
            a_day(),
            findings(replace(GOOD, codes=frozenset({"SHORT_PICK"})), HELD),
            FINE,
            ("case_invented", "1 SHORT_PICK"),
        ),
        (
            a_day(),
            findings(replace(GOOD, state="shipped"), HELD),
            FINE,
            ("not_through", "1 shipped"),
        ),
        (
            a_day(),
            findings(replace(GOOD, is_reported=False), HELD),
            FINE,
            ("not_through", "1 completed"),
        ),
        (
            a_day(),
            findings(HELD),
            FINE,
            ("not_through", "1 not_received"),
        ),
        (
            a_day(),
            findings(differences=()),
            FINE,
            ("difference_missed", "A1 fee_differs"),
        ),
        (
            a_day(),
            findings(
                differences=(FoundDifference("fee_differs", "A1", "1"), FoundDifference("not_in_books", "A2", "2"))
            ),
            FINE,
            ("difference_invented", "A2 not_in_books"),
        ),
        (a_day(sent_twice={"1": ["DO1", "DO2"]}), findings(), FINE, ("sent_twice", "1")),
        (a_day(), findings(), {"checked": 45, "broken": ["paid_once"]}, ("invariant_broken", "paid_once")),
    ],
)
def test_what_is_not_as_it_was_played_is_said(
    day: PlayedDay, found: Findings, invariants: dict[str, Any], problem: tuple[str, str]
) -> None:
    report = compare(day, found, invariants=invariants)

    kind, what = problem
    assert report.figures["problems"] == [{"kind": kind, "count": 1, "sample": (what,)}]
    assert report.figures["ok"] is False


def test_a_sale_of_a_live_room_that_is_nobodys_or_anothers_is_said() -> None:
    sold = {"1": "R1", "2": "R2", "3": "R3"}
    day = a_day(scenario={**a_day().scenario, "rooms": sold})

    right = compare(day, findings(), invariants=FINE, live=LiveDay(found=sold))
    wrong = compare(day, findings(), invariants=FINE, live=LiveDay(found={"1": "R1", "3": "R1", "4": "R2"}))

    assert right.figures["live_orders"] == {"planted": 3, "attributed": 3, "wrong": 0}
    assert right.problems == []
    assert wrong.figures["live_orders"] == {"planted": 3, "attributed": 3, "wrong": 3}
    assert wrong.problems == [Problem(ProblemKind.LIVE_WRONG, 3, ("2 R2 -", "3 R3 R1", "4 - R2"))]


def test_pieces_of_a_lock_that_went_to_other_orders_are_said() -> None:
    report = compare(a_day(), findings(), invariants=FINE, live=LiveDay(given=20, to_strangers=3))

    assert report.figures["live_locks"] == {"given": 20, "to_strangers": 3}
    assert report.problems == [Problem(ProblemKind.LOCK_TAKEN, 1, ("3 of 20",))]


def test_of_many_problems_of_a_kind_the_first_are_shown() -> None:
    twice = {str(number): ["DO1", "DO2"] for number in range(100, 107)}

    assert compare(a_day(sent_twice=twice), findings(), invariants=FINE).problems == [
        Problem(ProblemKind.SENT_TWICE, 7, ("100", "101", "102", "103", "104"))
    ]


def test_differences_of_other_orders_on_the_same_bill_are_none_of_this_day() -> None:
    others = (FoundDifference("fee_differs", "A1", "1"), FoundDifference("not_in_books", "B9", "999"))

    assert compare(a_day(), findings(differences=others), invariants=FINE).problems == []


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([float(n) for n in range(200)]) == {"p50": 100, "p95": 190, "p99": 198}
    assert percentiles([]) == {}


@pytest.mark.parametrize("held", ["2", "3"])
def test_of_two_twins_either_may_be_the_one_that_waits(held: str) -> None:
    day = a_day(
        scenario={"planted": {"2": {"code": "DUPLICATE_SUSPECT", "partner": "3"}}, "bill": [LIE], "spec": {"seed": 7}},
        receipts={"1": MESSAGE, "2": {}, "3": {}},
    )
    waits = replace(HELD, order_no=held, codes=frozenset({"DUPLICATE_SUSPECT"}))
    goes = replace(GOOD, order_no="3" if held == "2" else "2")

    report = compare(day, findings(GOOD, waits, goes), invariants=FINE)

    assert report.problems == []
    assert report.figures["cases"] == {"DUPLICATE_SUSPECT": {"planted": 1, "found": 1, "invented": 0}}


def test_lies_of_couriers_that_were_missed_or_invented_are_named() -> None:
    billed = BilledDay(planted={("weight_differs", "ZT1"), ("not_billed", "ZT2")}, found={("weight_differs", "ZT1")})
    billed.found.add(("price_differs", "ZT3"))

    report = compare(a_day(), findings(), billed=billed, invariants=FINE)

    assert [(problem.kind.value, problem.sample) for problem in report.problems] == [
        ("freight_missed", ("ZT2 not_billed",)),
        ("freight_invented", ("ZT3 price_differs",)),
    ]


def test_a_refund_that_was_told_when_its_parcel_had_left_is_neither_missed_nor_its_failed_stop_invented():
    day = a_day()
    day.scenario["planted"]["2"] = {"code": "REFUND_BEFORE_SHIP"}
    late = replace(HELD, state="completed", has_left=True, knows_refund=True, codes=frozenset({"INTERCEPT_FAILED"}))
    never_told = replace(late, knows_refund=False)

    told, untold = (compare(day, findings(GOOD, way), invariants=FINE) for way in (late, never_told))

    assert (told.problems, told.figures["refunds_told_late"]) == ([], 1)
    assert [(p.kind, p.sample) for p in untold.problems] == [
        ("case_missed", ("2 REFUND_BEFORE_SHIP",)),
        ("case_invented", ("2 INTERCEPT_FAILED",)),
    ]
