"""What finance refuses, one class each."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError

# --- payment entries --------------------------------------------------------------------------------------------------


class EntryInvalid(OrderCenterError):
    """A payment or refund that cannot be in the books: no whole positive number of fen, or no number to know it by."""

    code = "finance.entry_invalid"
    title = _("This payment or refund cannot be recorded.")
    hint = _("Its amount must be a positive number of fen, and it must have its provider's number.")
    status = 422

    def __init__(self, *, order_id: int, external_no: str, why: str):
        super().__init__(f"order {order_id}: entry {external_no or '(no number)'}: {why}")
        self.order_id, self.external_no, self.why = order_id, external_no, why


class EntryConflict(OrderCenterError):
    """The books hold this transaction already, with another amount or for another order."""

    code = "finance.entry_conflict"
    title = _("This transaction is in the books already, but not like this.")
    hint = _("Entries are never edited: compare with the provider which of the two is right.")

    def __init__(
        self, *, external_no: str, kind: str, request_no: str, order_id: int, amount: Decimal,
        booked_order_id: int, booked_amount: Decimal,
    ):  # fmt: skip
        super().__init__(
            f"{kind} {external_no} {request_no}: order {order_id} with {amount}, "
            f"but booked for order {booked_order_id} with {booked_amount}"
        )
        self.external_no, self.kind, self.request_no = external_no, kind, request_no
        self.order_id, self.amount = order_id, amount
        self.booked_order_id, self.booked_amount = booked_order_id, booked_amount
