"""What orders refuse, one class each."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class OrderUnknown(OrderCenterError):
    """There is no such order, or not for this caller."""

    code = "orders.unknown"
    title = _("There is no such order.")
    hint = _("Check the number and the shop.")
    status = 404

    def __init__(self, *, order_id: int | None = None, order_no: str = ""):
        super().__init__(f"order {order_id or order_no} is unknown")
        self.order_id, self.order_no = order_id, order_no


class AmountMismatch(OrderCenterError):
    """What was paid is not what is due."""

    code = "orders.amount_mismatch"
    title = _("The amount paid is not the amount due.")
    hint = _("Compare the payment with the channel's order before going on.")

    def __init__(self, *, order_id: int, due: Decimal, paid: Decimal):
        super().__init__(f"order {order_id}: due {due}, paid {paid}")
        self.order_id, self.due, self.paid = order_id, due, paid


class PaymentNotDue(OrderCenterError):
    """The order does not wait for money: it is paid, or has ended."""

    code = "orders.payment_not_due"
    title = _("The order does not wait for a payment.")
    hint = _("What came in all the same is refunded at the provider.")

    def __init__(self, *, order_id: int, state: str):
        super().__init__(f"order {order_id} is {state}: no payment is due")
        self.order_id, self.state = order_id, state


class OrderOnHold(OrderCenterError):
    """Something holds the order; it may not take this step."""

    code = "orders.on_hold"
    title = _("The order is on hold.")
    hint = _("Solve its open cases or release the hold first.")

    def __init__(self, *, order_id: int, move: str):
        super().__init__(f"order {order_id} is on hold: {move} refused")
        self.order_id, self.move = order_id, move


class OrderAlreadyShipped(OrderCenterError):
    """The goods have left; cancelling is too late."""

    code = "orders.already_shipped"
    title = _("The order has already been shipped.")
    hint = _("Open an after-sale case instead of cancelling.")

    def __init__(self, *, order_id: int, state: str):
        super().__init__(f"order {order_id} is {state}: too late to cancel")
        self.order_id, self.state = order_id, state


class RefundExceedsPayment(OrderCenterError):
    """More would be refunded than was paid."""

    code = "orders.refund_exceeds_payment"
    title = _("The refund is larger than what was paid and not yet refunded.")
    hint = _("Check the refund at the channel.")

    def __init__(self, *, order_id: int, refundable: Decimal, asked: Decimal):
        super().__init__(f"order {order_id}: refundable {refundable}, asked {asked}")
        self.order_id, self.refundable, self.asked = order_id, refundable, asked


class NothingWaits(OrderCenterError):
    """All of the order is on its way, or nothing of it is: there is no rest that waits for goods."""

    code = "orders.nothing_waits"
    title = _("Nothing of this order waits for goods while another part is on its way.")
    hint = _("An order of which nothing has left is cancelled whole.")

    def __init__(self, *, order_id: int):
        super().__init__(f"order {order_id} has no waiting rest")
        self.order_id = order_id
