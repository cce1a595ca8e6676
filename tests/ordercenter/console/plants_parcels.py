"""Planted violations: waybills and parcels."""

from __future__ import annotations

from typing import Any

from fulfillment.models import Waybill
from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import LONG_AGO, both, plants, sql, told


def waybill(lived: LivedIn, **values: Any) -> int:
    """A waybill of the order at the warehouse, with its history and the moves that brought it there."""
    shipment = lived.shipment("at_warehouse")
    row = Waybill.objects.create(shipment=shipment, carrier=shipment.carrier, **values)
    told("waybill", row.pk, "create", "", "requested")
    return row.pk


@plants("waybills_are_asked_for")
def a_waybill_that_nobody_asks_for(lived: LivedIn) -> None:
    both("fulfillment_waybill", waybill(lived), f"requested_at = {LONG_AGO}")


@plants("waybills_have_numbers")
def a_waybill_without_its_number(lived: LivedIn) -> None:
    told("waybill", waybill(lived, state="assigned"), "assign", "requested", "assigned")


@plants("parcels_left_under_good_numbers")
def a_parcel_under_a_number_that_was_given_up(lived: LivedIn) -> None:
    pk = waybill(lived, state="void", number=lived.shipment("completed").parcels.get().tracking_no)
    told("waybill", pk, "void", "requested", "void")


@plants("delivered_means_every_parcel")
def a_delivered_shipment_whose_parcel_is_on_its_way(lived: LivedIn) -> None:
    pk = lived.shipment("completed").pk
    both("fulfillment_shipment", pk, "state = 'delivered'")
    told("shipment", pk, "mark_delivered", "shipped", "delivered")


@plants("scans_once")
def a_scan_told_twice(lived: LivedIn) -> None:
    parcel = lived.shipment("completed").parcels.get().pk
    sql("DROP INDEX scan_once")
    for _ in range(2):
        sql(
            "INSERT INTO fulfillment_trackingscan (parcel_id, at, kind, text, place, source, digest, recorded_at)"
            " VALUES (%s, '2026-11-24 00:00+00', 'collected', 'x', '', 'x', 'x', now())",
            parcel,
        )
