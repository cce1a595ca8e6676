"""What people decide about a courier's bill: sign-off with a reason, closing, reopening, withdrawing."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection

from fulfillment.freight_errors import (
    FreightBillNotClosed,
    FreightBillNotOpen,
    FreightBillUnknown,
    FreightDifferencesOpen,
    FreightFileKnown,
)
from fulfillment.models import FreightBill, FreightLine
from fulfillment.services.freight_bills import recheck_bill
from fulfillment.services.freight_closing import (
    close_bill,
    reopen_bill,
    sign_off_kind,
    sign_off_lines,
    take_back_sign_off,
    withdraw_bill,
)
from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.events.models import EventRow
from tests.fulfillment.freight_stage import DAY, NOW, WU, Stage, line_of, row, verdicts

AT = {"at": NOW, "actor": WU}


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


@pytest.fixture
def bill(stage: Stage) -> int:
    """Two parcels billed too heavy, one of nobody, one right."""
    one, two, right = stage.ship([800, 800, 800])
    done = stage.take(row(one, "2", "7.00"), row(two, "3", "9.00"), row(right), row("STRANGE1", "1", "6.00"))
    return done.bill_id or 0


def test_a_difference_is_signed_off_with_a_reason_and_leaves_a_deed(stage: Stage, bill: int) -> None:
    line = line_of(bill, "STRANGE1")

    result = sign_off_lines(bill_id=bill, line_ids=[line.pk], reason=" samples by post ", **AT)

    line.refresh_from_db()
    assert result.done == [line.pk]
    assert (line.verdict, line.found_verdict, line.signed_off_reason) == (
        "signed_off",
        "unknown_parcel",
        "samples by post",
    )
    deed = Deed.objects.get(action="freight.sign_off")
    assert (deed.subject, deed.reason, deed.details["amount"]) == (f"freight_bill:{bill}", "samples by post", "6.00")
    assert Case.objects.get(code="FREIGHT_UNKNOWN").state == "auto_resolved"
    assert Case.objects.get(code="FREIGHT_WEIGHT").state == "open"


def test_a_whole_kind_is_signed_off_by_one_deed(bill: int) -> None:
    result = sign_off_kind(bill_id=bill, verdict="weight_differs", reason="agreed by phone", **AT)

    assert len(result.done) == 2
    assert verdicts(bill)["STRANGE1"] == "unknown_parcel"
    assert Deed.objects.get(action="freight.sign_off").details["lines"] == {"weight_differs": 2}
    assert Case.objects.get(code="FREIGHT_WEIGHT").state == "auto_resolved"


def test_without_a_reason_nothing_is_signed_off(bill: int) -> None:
    before = verdicts(bill)

    with pytest.raises(ReasonMissing):
        sign_off_kind(bill_id=bill, verdict="weight_differs", reason="  ", **AT)

    assert verdicts(bill) == before


def test_lines_that_are_no_open_difference_of_the_bill_are_refused_one_by_one(stage: Stage, bill: int) -> None:
    other = stage.take(row("STRANGE2", "1", "6.00"), starts_on=DAY, ends_on=None)
    matched = FreightLine.objects.get(bill=bill, verdict="matched")
    foreign = line_of(other.bill_id, "STRANGE2")
    mine = line_of(bill, "STRANGE1")

    result = sign_off_lines(bill_id=bill, line_ids=[matched.pk, foreign.pk, mine.pk, 999_999], reason="x", **AT)

    assert result.done == [mine.pk]
    assert [(refusal.key, refusal.code) for refusal in result.refused] == [
        (pk, "fulfillment.freight_line_not_open") for pk in (matched.pk, foreign.pk, 999_999)
    ]
    assert line_of(other.bill_id, "STRANGE2").verdict == "unknown_parcel"


def test_a_sign_off_can_be_taken_back(bill: int) -> None:
    line = line_of(bill, "STRANGE1")
    sign_off_lines(bill_id=bill, line_ids=[line.pk], reason="x", **AT)

    take_back_sign_off(bill_id=bill, line_ids=[line.pk], reason="clicked the wrong line", **AT)

    line.refresh_from_db()
    assert (line.verdict, line.found_verdict, line.signed_off_reason) == ("unknown_parcel", "", "")
    assert sorted(Case.objects.filter(code="FREIGHT_UNKNOWN").values_list("state", flat=True)) == [
        "auto_resolved",
        "open",
    ]


def test_a_bill_with_open_differences_is_not_closed(bill: int) -> None:
    with pytest.raises(FreightDifferencesOpen) as refused:
        close_bill(bill_id=bill, **AT)

    assert refused.value.open_lines == 3
    assert FreightBill.objects.get(pk=bill).state == "open"
    assert not Deed.objects.filter(action="freight.close").exists()


def decided(bill: int) -> None:
    for verdict in ("weight_differs", "unknown_parcel"):
        sign_off_kind(bill_id=bill, verdict=verdict, reason="agreed", **AT)


def test_a_decided_bill_is_closed_and_nothing_about_it_changes_then(bill: int) -> None:
    decided(bill)

    close_bill(bill_id=bill, **AT)

    closed = FreightBill.objects.get(pk=bill)
    assert (closed.state, closed.closed_at) == ("closed", NOW)
    assert EventRow.objects.filter(name="fulfillment.freight_bill.closed").count() == 1
    for verb in (
        lambda: sign_off_kind(bill_id=bill, verdict="weight_differs", reason="x", **AT),
        lambda: recheck_bill(bill_id=bill, **AT),
        lambda: withdraw_bill(bill_id=bill, reason="x", **AT),
        lambda: close_bill(bill_id=bill, **AT),
    ):
        with pytest.raises(FreightBillNotOpen):
            verb()


def test_reopening_is_a_deed_with_a_reason(bill: int) -> None:
    with pytest.raises(FreightBillNotClosed):
        reopen_bill(bill_id=bill, reason="x", **AT)
    decided(bill)
    close_bill(bill_id=bill, **AT)
    with pytest.raises(ReasonMissing):
        reopen_bill(bill_id=bill, reason="", **AT)

    reopen_bill(bill_id=bill, reason="the courier sent a credit note", **AT)

    reopened = FreightBill.objects.get(pk=bill)
    assert (reopened.state, reopened.closed_at) == ("open", None)
    assert Deed.objects.get(action="freight.reopen").reason == "the courier sent a credit note"
    assert set(verdicts(bill).values()) == {"signed_off"}


def test_what_was_signed_off_stays_so_when_the_bill_is_checked_again(bill: int) -> None:
    sign_off_lines(bill_id=bill, line_ids=[line_of(bill, "STRANGE1").pk], reason="samples", **AT)

    differences = recheck_bill(bill_id=bill, **AT)

    assert differences == {"weight_differs": 2}
    assert line_of(bill, "STRANGE1").signed_off_reason == "samples"


def test_an_unknown_bill_is_refused(db: None) -> None:
    with pytest.raises(FreightBillUnknown):
        close_bill(bill_id=1, **AT)


def test_the_sums_of_a_bill_are_those_of_its_lines(bill: int) -> None:
    made = FreightBill.objects.get(pk=bill)

    amounts = [line.amount for line in made.lines.filter(line_no__gt=0)]
    assert (made.line_count, made.amount_total) == (len(amounts), sum(amounts)) == (4, Decimal("27.00"))


@pytest.mark.django_db(transaction=True)
def test_two_who_take_in_the_same_file_at_once_make_one_bill() -> None:
    stage = Stage()
    parcels = stage.ship([800] * 30)
    rows = [row(parcel) for parcel in parcels]
    both = threading.Barrier(2)
    outcomes: list[str] = []

    def take() -> None:
        try:
            both.wait(timeout=10)
            stage.take(*rows)
            outcomes.append("taken")
        except FreightFileKnown:
            outcomes.append("known")
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(outcomes) == ["known", "taken"]
    assert (FreightBill.objects.count(), FreightLine.objects.count()) == (1, 30)
