"""Planted violations: couriers' prices and bills."""

from __future__ import annotations

from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import both, plants, sql, told, without_constraint


@plants("one_contract_at_a_time")
def two_prices_for_one_parcel(lived: LivedIn) -> None:
    without_constraint("fulfillment_couriercontract", "one_contract_at_a_time")
    sql("UPDATE fulfillment_couriercontract SET warehouse_id = %s", lived.world.east.pk)


@plants("one_contract_at_a_time")
def two_peak_fees_on_one_day(lived: LivedIn) -> None:
    without_constraint("fulfillment_peakfee", "one_peak_fee_at_a_time")
    for first in (1, 5):
        sql(
            "INSERT INTO fulfillment_peakfee (contract_id, starts_on, ends_on, fee)"
            " SELECT min(id), make_date(2026, 11, %s), '2026-11-20', 1 FROM fulfillment_couriercontract",
            first,
        )


@plants("rates_are_whole")
def tiers_that_overlap(lived: LivedIn) -> None:
    sql("""UPDATE fulfillment_courierrate SET tiers = '[[1000, "3.00"], [500, "2.00"]]' WHERE zone = ''""")


@plants("rates_are_whole")
def a_zone_that_is_there_twice(lived: LivedIn) -> None:
    without_constraint("fulfillment_courierrate", "rate_once_per_zone")
    sql("UPDATE fulfillment_courierrate SET zone = ''")


@plants("rates_are_whole")
def steps_that_the_rounding_does_not_divide(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_couriercontract SET rounding_g = 300")


@plants("freight_bills_add_up")
def a_line_that_asks_for_more(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_freightline SET amount = amount + 1 WHERE tracking_no = 'ZT1'")


@plants("freight_bills_add_up")
def a_line_of_a_bill_lost(lived: LivedIn) -> None:
    sql("DELETE FROM fulfillment_freightline WHERE tracking_no = 'STRANGE1'")


@plants("closed_freight_bills_are_clean")
def a_closed_bill_with_a_line_that_nobody_decided(lived: LivedIn) -> None:
    both("fulfillment_freightbill", lived.freight_bill, "state = 'closed'")
    told("freightbill", lived.freight_bill, "close", "open", "closed")


@plants("closed_freight_bills_are_clean")
def a_sign_off_without_a_reason(lived: LivedIn) -> None:
    sql(
        "UPDATE fulfillment_freightline SET found_verdict = verdict, verdict = 'signed_off'"
        " WHERE tracking_no = 'STRANGE1'"
    )


@plants("parcels_are_paid_once")
def a_parcel_that_is_paid_twice(lived: LivedIn) -> None:
    sql(
        "UPDATE fulfillment_freightline SET verdict = 'matched', parcel_id = (SELECT parcel_id"
        " FROM fulfillment_freightline WHERE tracking_no = 'ZT1') WHERE tracking_no = 'STRANGE1'"
    )


@plants("freight_differences_have_cases")
def a_difference_that_nobody_is_told_of(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_freightline SET verdict = 'billed_twice' WHERE tracking_no = 'ZT1'")
