"""What of an order's money falls on the pieces in one shipment: to the fen, whatever is split, merged or sent later."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ordercenter.common.money import ZERO, split_amount


def share_of_pieces(amount: Decimal, groups: Sequence[int], pieces: int) -> list[Decimal]:
    """What of `amount`, which stands for `pieces` pieces, falls on each of these groups of them.

    Shares and the rest that stays for the other pieces add up to the amount exactly, so the last of them always get
    what is left, in however many steps they go. Raises ValueError for more pieces than there are.
    """
    rest = pieces - sum(groups)
    if rest < 0 or any(group <= 0 for group in groups):
        raise ValueError(f"cannot take {list(groups)} of {pieces} pieces")
    if len(groups) == 1 and rest == 0:
        return [amount]
    return split_amount(amount, [*groups, rest])[:-1]


def freight_of_lines(freight: Decimal, amounts: Sequence[Decimal], pieces: Sequence[int]) -> list[Decimal]:
    """What of the freight that the buyer paid falls on each line: by amount, by pieces where nothing costs anything."""
    if not freight:
        return [ZERO] * len(amounts)
    return split_amount(freight, amounts if any(amounts) else pieces)
