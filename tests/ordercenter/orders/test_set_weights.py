"""A bundle weighs what was set for it, else what its parts weigh; planning, courier and scale know the same."""

from __future__ import annotations

import pytest

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.set_weights import set_pieces_g
from ordercenter.catalog.models import Sku
from ordercenter.catalog.weights import piece_weights
from ordercenter.events.relay import Relay
from ordercenter.orders.models import OrderLine
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("own_g", "parts", "weight", "pieces"),
    [
        (0, [(400, 1), (400, 2)], 1200, [None, None]),
        (1500, [(400, 1), (400, 2)], 1500, [500, 500]),
        (900, [(100, 1), (200, 1)], 900, [300, 600]),
        (900, [(0, 1), (0, 2)], 900, [300, 300]),
        (1000, [(1, 3)], 1000, [333]),
    ],
)
def test_a_weight_that_is_set_is_shared_out_over_the_pieces(
    own_g: int, parts: list[tuple[int, int]], weight: int, pieces: list[int | None]
) -> None:
    shared = piece_weights(own_g, parts)
    pieces_in_all = sum(n for _grams, n in parts)
    total = sum(n * (grams if own is None else own) for own, (grams, n) in zip(shared, parts, strict=True))
    assert shared == pieces
    assert abs(total - weight) <= pieces_in_all / 2


@pytest.mark.parametrize(("own_g", "planned", "pieces"), [(0, 1200, {}), (1500, 1500, {1: 500, 2: 500})])
def test_a_shipment_of_a_bundle_is_planned_with_the_weight_of_the_set(
    own_g: int, planned: int, pieces: dict[int, int]
) -> None:
    world = World()
    Sku.objects.filter(code="SET-1").update(weight_g=own_g)
    world.deliver(world.trade(("SET-1", 1, "90.00")))

    Relay().drain()

    assert Shipment.objects.get().weight_g == planned
    lines = dict(ShipmentLine.objects.values_list("pk", "order_line__line_no"))
    assert {lines[pk]: grams for pk, grams in set_pieces_g(lines).items()} == pieces
    assert list(OrderLine.objects.order_by("line_no").values_list("piece_g", flat=True)) == [
        pieces.get(1),
        pieces.get(2),
    ]
