"""What the stock refuses."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class StockShort(OrderCenterError):
    """Not enough free stock for what an order needs; nothing of it was reserved."""

    code = "inventory.out_of_stock"
    title = _("There is not enough stock.")
    hint = _("It goes on by itself when stock arrives.")

    def __init__(self, *, order_id: int, sku_ids: Sequence[int], missing: dict[str, int] | None = None):
        super().__init__(f"order {order_id}: not enough of SKU {list(sku_ids)}")
        self.order_id, self.sku_ids, self.missing = order_id, list(sku_ids), missing or {}


class StockWouldBeNegative(OrderCenterError):
    """A movement would take away more than lies there, or what is promised to somebody."""

    code = "inventory.would_be_negative"
    title = _("There is not that much free stock to take away.")
    hint = _("Count again, or release reservations first.")

    def __init__(self, *, sku_id: int, warehouse_id: int, delta: int):
        super().__init__(f"SKU {sku_id} in warehouse {warehouse_id}: {delta:+d} is not possible")
        self.sku_id, self.warehouse_id, self.delta = sku_id, warehouse_id, delta
