"""Contracts as the arrays of the router: the same prices as `pricing.price_parcel`, to the fen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np

from fulfillment.contracts.areas import Area, areas_for, goes_to
from fulfillment.contracts.pricing import Lane, Terms, peak_fee
from fulfillment.routing.tariff import CourierLimits, Tariff, TariffRow, compile_tariff
from ordercenter.common.money import to_fen


def compile_terms(contracts: Sequence[Terms], areas: Sequence[Area], *, on: date, version: str) -> Tariff:
    """The prices of one day. The tariff's couriers are products of couriers; what an area closes is not served.

    Raises ValueError for two contracts of one warehouse and product.
    """
    zones = _zones(contracts, areas)
    rows: list[TariffRow] = []
    limits: dict[tuple[int, int], CourierLimits] = {}
    for terms in contracts:
        if (terms.warehouse_id, terms.product_id) in limits:
            raise ValueError(f"two contracts of warehouse {terms.warehouse_id} and product {terms.product_id}")
        limits[terms.warehouse_id, terms.product_id] = _limits(terms)
        peak = to_fen(peak_fee(terms.peaks, on))
        rows.extend(_row(terms, lane, zone, peak) for zone in zones if (lane := terms.lane_of(zone)) is not None)
    tariff = compile_tariff(
        rows,
        warehouses=sorted({terms.warehouse_id for terms in contracts}),
        couriers=sorted({terms.product_id for terms in contracts}),
        limits=limits,
        version=version,
    )
    return _without_closed(tariff, contracts, areas) if areas else tariff


def _zones(contracts: Iterable[Terms], areas: Iterable[Area]) -> list[str]:
    """Every zone that anybody names: each contract's price for it, and whether it goes there, is known for all."""
    return sorted({zone for terms in contracts for zone in terms.lanes} | {area.zone for area in areas})


def _row(terms: Terms, lane: Lane, zone: str, peak_fen: int) -> TariffRow:
    return TariffRow(
        warehouse_id=terms.warehouse_id,
        courier_id=terms.product_id,
        zone=zone,
        tiers=tuple(_tiers(terms, lane)),
        first_g=lane.first_g,
        first_fen=to_fen(lane.first_fee),
        step_g=lane.step_g,
        step_fen=to_fen(lane.step_fee),
        minimum_fen=to_fen(terms.minimum_fee),
        surcharge_fen=to_fen(lane.remote_fee) + peak_fen,
        days=lane.days,
    )


def _tiers(terms: Terms, lane: Lane) -> Iterable[tuple[int, int]]:
    """The array compares weights that are not rounded: up to 700 g in steps of 500 g means up to 500 g."""
    kept: dict[int, int] = {}
    for up_to_g, fee in lane.tiers:
        kept.setdefault(_rounded_down(terms, up_to_g), to_fen(fee))
    return sorted((up_to_g, fen) for up_to_g, fen in kept.items() if up_to_g)


def _limits(terms: Terms) -> CourierLimits:
    return CourierLimits(
        divisor=terms.divisor,
        oversize_g=_rounded_down(terms, terms.oversize_g),
        oversize_fen=to_fen(terms.oversize_fee),
        max_g=_rounded_down(terms, terms.max_g),
        insurance_ppm=int(terms.insurance_permille * Decimal(1000)),
    )


def _rounded_down(terms: Terms, weight_g: int) -> int:
    return weight_g // terms.rounding_g * terms.rounding_g if terms.rounding_g else weight_g


def _without_closed(tariff: Tariff, contracts: Sequence[Terms], areas: Sequence[Area]) -> Tariff:
    served = np.array(tariff.served)
    place: Mapping[tuple[int, int], tuple[int, int]] = {
        (warehouse_id, product_id): (w, c)
        for w, warehouse_id in enumerate(tariff.warehouses)
        for c, product_id in enumerate(tariff.couriers)
    }
    for terms in contracts:
        w, c = place[terms.warehouse_id, terms.product_id]
        own = areas_for(
            areas, carrier_id=terms.carrier_id, product_id=terms.product_id, warehouse_id=terms.warehouse_id
        )
        for zone, z in tariff.zones.items() if own else ():
            served[z, w, c] &= goes_to(own, zone)
    served.setflags(write=False)
    return replace(tariff, served=served, has=tariff.has | {"gaps"})
