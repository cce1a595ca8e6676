"""Bills of couriers in and judged in one go, for whoever waits for the outcome: a command, a short file, a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from fulfillment.services.freight_intake import ImportedBill, take_in_bill
from fulfillment.services.freight_judging import begin_judging_again, judge_bill
from ordercenter.common.actor import Actor


def import_courier_bill(
    *,
    content: bytes,
    file_name: str,
    carrier_id: int,
    at: datetime,
    actor: Actor,
    starts_on: date | None = None,
    ends_on: date | None = None,
    warehouse_id: int | None = None,
    product_id: int | None = None,
    columns: Mapping[str, str] | None = None,
) -> ImportedBill:
    """Take in a courier's bill (CSV or XLSX) and judge every line, or say what is wrong with it and change nothing.

    starts_on, ends_on (the day after the last): the period, in which every parcel of the courier is expected to be on a
    bill; by default what the days in the file span. columns: our column -> heading in the file; kept for this courier's
    next bill. Raises SheetUnreadable for a file that is no table, FreightFileKnown for a file that was taken in before,
    FreightPeriodInvalid. Emits FreightBillToJudge, FreightBillChecked; opens one case for each kind of difference.
    """
    done = take_in_bill(
        content=content,
        file_name=file_name,
        carrier_id=carrier_id,
        at=at,
        actor=actor,
        starts_on=starts_on,
        ends_on=ends_on,
        warehouse_id=warehouse_id,
        product_id=product_id,
        columns=columns,
    )
    if done.bill_id is None:
        return done
    return replace(done, differences=judge_bill(bill_id=done.bill_id, at=at, actor=actor))


def recheck_bill(*, bill_id: int, at: datetime, actor: Actor) -> Mapping[str, int]:
    """Judge all lines once more that nobody has signed off; returns differences by verdict.

    Raises FreightBillUnknown, FreightBillNotOpen. Emits FreightBillToJudge, FreightBillChecked.
    """
    begin_judging_again(bill_id=bill_id, at=at, actor=actor)
    return judge_bill(bill_id=bill_id, at=at, actor=actor)
