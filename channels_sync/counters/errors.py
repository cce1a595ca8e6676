"""What is refused of a counter; what cannot be booked yet is kept and waits."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class CounterUnknown(OrderCenterError):
    """There is no such counter, it is closed, or this key may not speak for it."""

    code = "channels.counter_unknown"
    title = _("There is no such counter for this key.")
    hint = _("Check the codes of shop and counter, and whether the counter is bound to another key.")
    status = 404

    def __init__(self, *, shop: str, counter: str):
        super().__init__(f"counter {counter} of shop {shop} is unknown")
        self.shop, self.counter = shop, counter


class CounterNumberReused(OrderCenterError):
    """Another document came under this number before."""

    code = "channels.counter_number_reused"
    title = _("Another document of this counter has the same number.")
    hint = _("Give each document a number of its own, and send it unchanged when it is sent again.")
    status = 409

    def __init__(self, *, number: str):
        super().__init__(f"{number} was another document before")
        self.number = number
