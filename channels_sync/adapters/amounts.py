"""How the sums of shop systems become ours, taxes included, exact to the smallest unit of the currency.

Shop systems name a price with tax in it or a tax on top, as the shop is set up, and round lines on their own. We keep
what the buyer pays: the share of a line holds its tax, freight holds its tax, and so do goods_total and discounts.
What is paid for neither goods nor carriage (tips, duties, fees, rounding in favour of the shop) counts as freight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ordercenter.common.money import CENT, ZERO, round_to, split_amount


@dataclass(frozen=True, slots=True)
class Sums:
    """goods_total - discount_total + freight = total_amount, and shares add up to total_amount - freight."""

    goods_total: Decimal
    discount_total: Decimal
    freight: Decimal
    shares: tuple[Decimal, ...]


def apportion(
    *, total: Decimal, listed: Sequence[Decimal], shares: Sequence[Decimal], freight: Decimal, unit: Decimal
) -> Sums:
    """Sums that agree with `total`, which is what was paid and is believed.

    listed: each line before discounts, tax included; shares: each after discounts, tax included; freight: carriage, tax
    included; all of them possibly finer than `unit`, none has to be right. A difference of less than a unit a line is
    rounding and goes to the largest remainders; what is paid beyond is freight; what is missing is a discount on the
    goods, and on the freight when it is more than they cost.
    """
    if total % unit:
        unit = CENT
    carriage = min(round_to(max(freight, ZERO), unit), total)
    wanted = sum((max(share, ZERO) for share in shares), Decimal(0))
    goods = total - carriage
    if not wanted or goods - wanted >= unit * (len(shares) + 1):
        goods = min(round_to(wanted, unit), total)
        carriage = total - goods
    parts = split_amount(goods, [max(share, ZERO) for share in shares], cent=unit) if goods else [ZERO] * len(shares)
    goods_total = max(round_to(sum(listed, Decimal(0)), unit), total - carriage)
    return Sums(
        goods_total=goods_total.quantize(ZERO),
        discount_total=(goods_total + carriage - total).quantize(ZERO),
        freight=carriage.quantize(ZERO),
        shares=tuple(part.quantize(ZERO) for part in parts),
    )
