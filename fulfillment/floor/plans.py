"""How waiting shipments become waves. Plain data in, plain data out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fulfillment.states import WaveKind


@dataclass(frozen=True, slots=True)
class Waiting:
    """A shipment that waits for a wave. urgency sorts: what leaves first. skus: SKU id -> pieces; zones of its bins."""

    shipment_id: int
    urgency: tuple[object, ...]
    carrier_id: int
    skus: tuple[tuple[int, int], ...]
    zones: frozenset[str]

    @property
    def single(self) -> int | None:
        """The SKU, when it is one piece of one SKU."""
        return self.skus[0][0] if len(self.skus) == 1 and self.skus[0][1] == 1 else None


@dataclass(frozen=True, slots=True)
class WavePlan:
    """Shipments of one wave in the order of their baskets. of: the courier, SKU or zone that they share."""

    kind: WaveKind
    of: int | str
    shipment_ids: tuple[int, ...]


def plan_waves(
    waiting: Sequence[Waiting], *, kind: WaveKind | None, most: int, hot_from: int, carrier_id: int | None = None
) -> list[WavePlan]:
    """Cut waiting shipments into waves of at most `most`, the most urgent first.

    kind None: all of them, first hot SKUs (at least hot_from single pieces of one), then the other single pieces, then
    the rest by courier. carrier_id: only shipments of this courier. Every shipment is in at most one wave.
    """
    rest = sorted((w for w in waiting if carrier_id in (None, w.carrier_id)), key=lambda w: w.urgency)
    if kind is None:
        hot, rest = _hot(rest, most, hot_from)
        single, rest = _single(rest, most)
        return [*hot, *single, *_by(WaveKind.CARRIER, rest, most)]
    if kind is WaveKind.HOT:
        return _hot(rest, most, hot_from)[0]
    if kind is WaveKind.SINGLE:
        return _single(rest, most)[0]
    return _by(kind, rest, most)


def _hot(waiting: Sequence[Waiting], most: int, hot_from: int) -> tuple[list[WavePlan], list[Waiting]]:
    by_sku: dict[int, list[Waiting]] = defaultdict(list)
    for shipment in waiting:
        if shipment.single is not None:
            by_sku[shipment.single].append(shipment)
    hot = {sku for sku, group in by_sku.items() if len(group) >= max(hot_from, 2)}
    plans = [plan for sku in by_sku if sku in hot for plan in _cut(WaveKind.HOT, sku, by_sku[sku], most)]
    return plans, [shipment for shipment in waiting if shipment.single not in hot]


def _single(waiting: Sequence[Waiting], most: int) -> tuple[list[WavePlan], list[Waiting]]:
    ours = [shipment for shipment in waiting if shipment.single is not None]
    return list(_cut(WaveKind.SINGLE, "", ours, most)), [w for w in waiting if w.single is None]


def _by(kind: WaveKind, waiting: Sequence[Waiting], most: int) -> list[WavePlan]:
    groups: dict[int | str, list[Waiting]] = defaultdict(list)
    for shipment in waiting:
        groups[_shared(kind, shipment)].append(shipment)
    return [plan for of, group in groups.items() for plan in _cut(kind, of, group, most)]


def _shared(kind: WaveKind, shipment: Waiting) -> int | str:
    if kind is WaveKind.CARRIER:
        return shipment.carrier_id
    if kind is WaveKind.ZONE:
        # What needs several zones is picked by one person who walks through all of them.
        return next(iter(shipment.zones)) if len(shipment.zones) == 1 else "*"
    return ""


def _cut(kind: WaveKind, of: int | str, waiting: Sequence[Waiting], most: int) -> Iterable[WavePlan]:
    for at in range(0, len(waiting), most):
        yield WavePlan(kind, of, tuple(w.shipment_id for w in waiting[at : at + most]))
