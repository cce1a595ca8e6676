"""Planted violations: the floor of an own warehouse."""

from __future__ import annotations

from typing import Any

from fulfillment.models import Basket, PickLine, Wave
from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import both, plants, sql, told, without_constraint


def pick_line(lived: LivedIn, **values: Any) -> PickLine:
    """A wave with a basket for the order at the warehouse, and its line in it."""
    shipment = lived.shipment("at_warehouse")
    wave = Wave.objects.create(code="W1", warehouse=shipment.warehouse)
    told("wave", wave.pk, "create", "", "open")
    basket = Basket.objects.create(wave=wave, shipment=shipment, number=1)
    line = shipment.lines.get()
    return PickLine.objects.create(
        **({"basket": basket, "shipment_line": line, "sku_id": line.sku_id, "wanted": line.quantity} | values)
    )


@plants("picked_within_wanted")
def more_picked_than_wanted(lived: LivedIn) -> None:
    line = pick_line(lived)
    without_constraint("fulfillment_pickline", "picked_within_wanted")
    sql("UPDATE fulfillment_pickline SET picked = wanted + 1 WHERE id = %s", line.pk)


@plants("picked_in_one_wave")
def picked_without_a_basket(lived: LivedIn) -> None:
    pk = lived.shipment("at_warehouse").pk
    both("fulfillment_shipment", pk, "state = 'waved'")
    told("shipment", pk, "join_wave", "accepted", "waved")


@plants("picked_in_one_wave")
def a_basket_in_the_wave_of_another_house(lived: LivedIn) -> None:
    line = pick_line(lived)
    here = lived.shipment("at_warehouse").warehouse_id
    other = next(w.pk for w in (lived.world.east, lived.world.south) if w.pk != here)
    both("fulfillment_wave", line.basket.wave_id, f"warehouse_id = {other}")


@plants("pick_lines_are_of_their_shipment")
def more_wanted_than_the_shipment_has(lived: LivedIn) -> None:
    pick_line(lived, wanted=99)
