"""Where couriers go: coverage lists and closed areas, the longest zone first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fulfillment.contracts.pricing import ZONE_LENGTHS
from ordercenter.common.divisions import divisions


@dataclass(frozen=True, slots=True)
class Area:
    """One row: the courier goes there, or not. product_id, warehouse_id: None for all of them."""

    carrier_id: int
    product_id: int | None
    warehouse_id: int | None
    zone: str
    serves: bool


def areas_for(areas: Iterable[Area], *, carrier_id: int, product_id: int, warehouse_id: int) -> list[Area]:
    """The rows that hold for one contract."""
    return [
        area
        for area in areas
        if area.carrier_id == carrier_id
        and area.product_id in (None, product_id)
        and area.warehouse_id in (None, warehouse_id)
    ]


def goes_to(areas: Sequence[Area], division_code: str) -> bool:
    """Whether the courier of these rows goes there. Of rows of one zone, one that closes it counts.

    Without a row for the place or what it lies in: yes, unless there is a coverage list at all.
    """
    for length in ZONE_LENGTHS:
        told = [area.serves for area in areas if area.zone == division_code[:length] and len(area.zone) == length]
        if told:
            return all(told)
    return not any(area.serves for area in areas)


def zones_to_close(refused: Collection[str], served: Collection[str]) -> Iterator[str]:
    """The zones to close so that a table holds in which a longer zone goes before a shorter one, priced or not.

    A refused zone with a served one inside is closed piece by piece around it. "" (everywhere else) closes nothing:
    where nothing has a price, nobody goes anyway.
    """
    for zone in sorted(refused):
        if zone:
            yield from _around(zone, refused, served)


def _around(zone: str, refused: Collection[str], served: Collection[str]) -> Iterator[str]:
    if not any(other.startswith(zone) for other in served):
        yield zone
        return
    inside = sorted({code[: len(zone) + 2] for code in divisions() if code.startswith(zone)})
    for part in inside:
        if part not in served and part not in refused:
            yield from _around(part, refused, served)
