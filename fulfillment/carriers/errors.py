"""What a call to a courier may end in, and what to do about it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class CourierError(OrderCenterError):
    """Base. courier_code: the courier's own word for it. wait_s: how long to leave it alone first."""

    code = "fulfillment.courier_refused"
    title = _("The courier refused the request.")
    hint = _("Read its reason, mend the cause, and ask again.")
    status = 502

    def __init__(self, *, method: str, courier_code: str = "", message: str = "", wait_s: int = 0):
        super().__init__(f"{method}: {courier_code} {message}".rstrip())
        self.method, self.courier_code, self.message, self.wait_s = method, courier_code, message[:200], wait_s


class CourierRefused(CourierError):
    """A final answer: the same request will be refused again."""


class CourierUnavailable(CourierError):
    """No usable answer: whether the request took effect is not known."""

    code = "fulfillment.courier_unavailable"
    title = _("The courier does not answer properly.")
    hint = _("It is asked again by itself.")
    retryable = True


class CourierThrottled(CourierError):
    """Too many calls: wait `wait_s` seconds. Nothing was done."""

    code = "fulfillment.courier_throttled"
    title = _("The courier asks us to wait.")
    hint = _("It is asked again by itself after the pause.")
    retryable = True
    status = 503


class CourierOutOfNumbers(CourierError):
    """The prepaid waybill numbers are used up. Nothing was done; it goes on when there are new ones."""

    code = "fulfillment.courier_out_of_numbers"
    title = _("The courier has no waybill numbers left for us.")
    hint = _("Buy numbers from the courier's branch; waiting requests go on by themselves.")
    retryable = True


class CourierAuthorisationLost(CourierError):
    """Keys or grants are not, or no longer, valid: only new ones help."""

    code = "fulfillment.courier_authorisation_lost"
    title = _("The access to the courier is not valid.")
    hint = _("Check the keys of its account in the admin.")
    retryable = True


class CourierPaused(OrderCenterError):
    """The account has to be left alone for a while; nothing was tried."""

    code = "fulfillment.courier_paused"
    title = _("The courier account is paused.")
    hint = _("It goes on by itself; see the account for the reason.")
    retryable = True
    is_pause = True
    status = 503

    def __init__(self, *, target: str, wait_s: float, reason: str):
        super().__init__(f"{target} is paused for {wait_s:.0f} s: {reason}")
        self.target, self.wait_s, self.reason = target, wait_s, reason


class TrackingMessageUnreadable(OrderCenterError):
    """What is said of a parcel is not in the form of the protocol. path: the field; problem: missing, ill_typed ..."""

    code = "fulfillment.tracking_message_unreadable"
    title = _("A message about a parcel cannot be read.")
    status = 422

    def __init__(self, *, path: str, problem: str):
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem


class TrackingSignatureInvalid(OrderCenterError):
    """A push that claims to come from the provider, without its signature."""

    code = "fulfillment.tracking_signature_invalid"
    title = _("The signature of the message about a parcel is not valid.")
    status = 403
