"""What pieces weigh that came as parts of a set with a weight of its own."""

from __future__ import annotations

from collections.abc import Collection

from fulfillment.models import ShipmentLine


def set_pieces_g(shipment_line_ids: Collection[int]) -> dict[int, int]:
    """Grams of a piece, by shipment line, for those of such sets; others weigh what their SKU says. One statement."""
    lines = ShipmentLine.objects.filter(pk__any_of=list(shipment_line_ids), order_line__piece_g__isnull=False)
    return {pk: grams or 0 for pk, grams in lines.values_list("pk", "order_line__piece_g")}
