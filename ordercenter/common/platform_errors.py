"""What a call to an outside platform may end in, and what to do about it.

Each class says by itself how to go on: `retryable` whether the same call may succeed later, `wait_s` how long to leave
the platform alone first, `outcome_known` whether nothing was done there for certain.
"""

from __future__ import annotations

from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class ChannelError(OrderCenterError):
    """Base of what a call to a platform can end in. error_code is the platform's number, sub_code its word."""

    code = "channels.refused"
    title = _("The channel refused the request.")
    status = 502
    outcome_known: ClassVar[bool] = True

    def __init__(self, *, method: str, error_code: int = 0, sub_code: str = "", message: str = "", wait_s: int = 0):
        super().__init__(f"{method}: {error_code} {sub_code} {message}".rstrip())
        self.method, self.error_code, self.sub_code, self.message = method, error_code, sub_code, message
        self.wait_s = wait_s


class ChannelUnavailable(ChannelError):
    """The platform failed or did not answer in time (isp.*, transport, 5xx), also after the immediate repeats.

    The outcome is unknown: read back before repeating what moves goods or money.
    """

    code = "channels.unavailable"
    title = _("The channel does not answer properly.")
    hint = _("It is asked again by itself.")
    retryable = True
    outcome_known = False


class ChannelAnswerUnreadable(ChannelUnavailable):
    """The answer came but is not the envelope of the protocol; the outcome is unknown."""

    code = "channels.answer_unreadable"
    title = _("The answer of the channel cannot be read.")


class ChannelThrottled(ChannelError):
    """Too many calls: wait `wait_s` seconds, then call again. Nothing was done."""

    code = "channels.throttled"
    title = _("The channel asks us to wait.")
    hint = _("It is asked again by itself after the pause.")
    retryable = True
    status = 503


class ChannelQuotaUsedUp(ChannelThrottled):
    """The quota of the day is used up; `wait_s` reaches to the next midnight of GMT+8."""

    code = "channels.quota_used_up"
    title = _("The channel's quota of calls for today is used up.")


class AuthorizationExpired(ChannelError):
    """The seller's access token is missing, invalid or expired: only the seller's new grant helps."""

    code = "channels.authorization_expired"
    title = _("The shop's authorisation is no longer valid.")
    hint = _("Ask the shop owner to authorise the connection again.")


class ChannelRefused(ChannelError):
    """A final answer (isv.*, wrong arguments, missing permission): the same call will be refused again."""
