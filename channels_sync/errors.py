"""What a channel may refuse or fail at; what any platform's call may end in is in `common/platform_errors.py`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import ChannelRefused


class MessageUnreadable(OrderCenterError):
    """A platform's document lacks a mandatory field, or has one in a form we do not know.

    path: the field, in the platform's own words, e.g. "trade.orders.order[1].num". problem: missing, ill_typed,
    unknown_value or not_json.
    """

    code = "channels.message_unreadable"
    title = _("A message of the channel cannot be read.")
    hint = _("Compare it with the platform's documentation; it can be taken in again once the reader knows the form.")
    status = 422

    def __init__(self, *, path: str, problem: str, detail: str = ""):
        super().__init__(f"{path}: {problem}{f' ({detail})' if detail else ''}")
        self.path, self.problem, self.detail = path, problem, detail


class PushRefused(OrderCenterError):
    """What came to our door is not what the platform would send.

    problem: signature, stale, malformed or unknown_method.
    """

    code = "channels.push_refused"
    title = _("The request is not signed as the platform signs.")
    hint = _("Compare the secret in the account with the one at the platform.")
    status = 401

    def __init__(self, *, problem: str, detail: str = ""):
        super().__init__(f"{problem}: {detail}" if detail else problem)
        self.problem, self.detail = problem, detail


class GrantRefused(OrderCenterError):
    """A seller came back from the platform without a grant that we can use.

    why: denied (no code), signature, stale (too old or not ours), other_shop, expired (the platform does not know it).
    """

    code = "channels.grant_refused"
    title = _("The platform gave no access.")
    hint = _("Log in at the platform as the owner of this very shop, and begin again with “Give access”.")
    status = 422

    def __init__(self, *, why: str, detail: str = ""):
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why, self.detail = why, detail


class TrackingRefused(ChannelRefused):
    """The platform did not take the tracking number, and the order, read back, is not shipped."""

    code = "channels.tracking_refused"
    title = _("The channel did not take the tracking number.")
    hint = _("Look at the order at the channel: it may be closed or under refund.")

    @classmethod
    def because_of(cls, error: ChannelRefused) -> TrackingRefused:
        """The platform's no to a call about a parcel, with its own codes."""
        return cls(method=error.method, error_code=error.error_code, sub_code=error.sub_code, message=error.message)


class NumberNotChangeable(OrderCenterError):
    """A parcel's number stays. why: ended (arrived, coming back or lost), channel (it was told)."""

    code = "channels.number_not_changeable"
    title = _("The tracking number of this parcel cannot be changed.")
    hint = _(
        "A parcel that has come to its end keeps its number. Where the channel takes no other, correct it in the "
        "channel's own back office; what channels allow is on the page of channels."
    )

    def __init__(self, *, parcel_id: int, why: str):
        super().__init__(f"parcel {parcel_id}: {why}")
        self.parcel_id, self.why = parcel_id, why


class NumberTaken(OrderCenterError):
    """Another parcel of the courier has this number."""

    code = "channels.number_taken"
    title = _("Another parcel of this courier has that number.")
    hint = _("Compare the number with the label.")

    def __init__(self, *, tracking_no: str):
        super().__init__(f"{tracking_no} is another parcel's")
        self.tracking_no = tracking_no


class ReportUnderWay(OrderCenterError):
    """What the channel is told of this shipment is not settled: waiting, being sent, refused or given up."""

    code = "channels.report_under_way"
    title = _("The channel is being told of this parcel, and has not answered well.")
    hint = _("Try again in a moment; if a case about it is open, solve that first.")

    def __init__(self, *, subject: str):
        super().__init__(f"{subject}: a report is not settled")
        self.subject = subject


class BackfillSpanWrong(OrderCenterError):
    """The span to read again lies in the future, or is too long."""

    code = "channels.backfill_span_wrong"
    title = _("This span cannot be read again.")
    hint = _("Choose a span that has passed, of at most 31 days; ask again for the rest.")
    status = 422

    def __init__(self, *, most_days: int):
        super().__init__(f"a backfill is of the past and at most {most_days} days long")
        self.most_days = most_days


class ShopUnknown(OrderCenterError):
    """There is no such shop, it is closed, or the sender may not write to it."""

    code = "channels.shop_unknown"
    title = _("There is no such shop for this key.")
    hint = _("Check the shop's code, and whether the key may create orders there.")
    status = 404

    def __init__(self, *, shop: str):
        super().__init__(f"shop {shop} is unknown")
        self.shop = shop


class ShopDrivenByPlatform(OrderCenterError):
    """The shop's orders come from its platform; a second source would contradict it."""

    code = "channels.shop_driven_by_platform"
    title = _("The orders of this shop come from its platform.")
    hint = _("Send orders for a shop of your own channel.")

    def __init__(self, *, shop: str):
        super().__init__(f"shop {shop} has a channel account")
        self.shop = shop


class RowRepeated(OrderCenterError):
    """An order or payment number stands twice in one list."""

    code = "channels.row_repeated"
    title = _("The same number stands twice in the list.")
    hint = _("The first row with it counts; send the other with a number of its own.")

    def __init__(self, *, what: str, first_index: int):
        super().__init__(f"{what} is in row {first_index} already")
        self.what, self.first_index = what, first_index


class PaymentTaken(OrderCenterError):
    """The payment's number is in the books for another order."""

    code = "channels.payment_taken"
    title = _("This payment belongs to another order already.")
    hint = _("Check the provider's transaction number.")

    def __init__(self, *, provider: str, external_no: str):
        super().__init__(f"{provider} {external_no} is booked for another order")
        self.provider, self.external_no = provider, external_no


class TwoListsMet(OrderCenterError):
    """Other lists with the same orders came in at the same time; nothing of this one was taken."""

    code = "channels.two_lists_met"
    title = _("Other lists with the same orders came in at the same time.")
    hint = _("Nothing was changed: send the list again.")
    retryable = True

    def __init__(self, *, rows: int):
        super().__init__(f"a list of {rows} rows met others with the same orders")
        self.rows = rows


class PlayStalled(OrderCenterError):
    """The sandbox no longer places or pays the orders of a play."""

    code = "channels.play_stalled"
    title = _("The played day stands still.")
    hint = _("Look at the sandbox's log; a restart goes on where it stopped.")
    status = 503

    def __init__(self, *, scenario_id: str, paid: int, orders: int):
        super().__init__(f"scenario {scenario_id}: {paid} of {orders} orders paid, and nothing moves")
        self.scenario_id, self.paid, self.orders = scenario_id, paid, orders
