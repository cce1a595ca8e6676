"""What sets of goods weigh. No database."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ordercenter.common.money import split_amount


def piece_weights(own_g: int, parts: Sequence[tuple[int, int]]) -> list[int | None]:
    """Grams of a piece of each part, so that the set weighs what was set for it (its box and filling are shared out by
    weight, by pieces where nothing has one); None for all where nothing was set. Rounded to the gram a piece.

    own_g: grams set for the bundle, 0 for none. parts: (grams a piece, pieces) of each.
    """
    if not own_g:
        return [None] * len(parts)
    weights = [grams * pieces for grams, pieces in parts]
    shares = split_amount(Decimal(own_g), weights if any(weights) else [n for _g, n in parts], cent=Decimal(1))
    return [round(int(share) / pieces) for share, (_grams, pieces) in zip(shares, parts, strict=True)]
