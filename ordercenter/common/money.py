"""Money: Decimal with a currency beside it. All rounding of the project happens here, half up to the fen."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

# Currencies without a hundredth (ISO 4217, minor unit 0). Those with thousandths are kept to the hundredth.
_WHOLE = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())


def to_cents(amount: Decimal) -> Decimal:
    """Round half up to the fen."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def round_to(amount: Decimal, unit: Decimal) -> Decimal:
    """Round half up to a multiple of `unit`."""
    return (amount / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit


def smallest_unit(currency: str) -> Decimal:
    """The least amount that can be paid in a currency, as our books keep it: 0.01, or 1 for the yen and its like."""
    return Decimal(1) if currency in _WHOLE else CENT


def from_fen(fen: int) -> Decimal:
    """Integer fen, as some platforms and all flow conditions have them, to yuan."""
    return (Decimal(fen) / 100).quantize(CENT)


def to_fen(amount: Decimal) -> int:
    """Yuan to integer fen. Raises ValueError for an amount with fractions of a fen."""
    fen = amount * 100
    if fen != fen.to_integral_value():
        raise ValueError(f"{amount} is not a whole number of fen")
    return int(fen)


def parse_amount(text: str) -> Decimal:
    """A platform's yuan text, e.g. "236.80", to Decimal. Raises ValueError for anything but a plain decimal number."""
    if not text.isascii() or not text.strip() or "_" in text:
        raise ValueError(f"not an amount: {text!r}")
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"not an amount: {text!r}") from None
    if not amount.is_finite() or abs(amount) >= Decimal("1e12"):
        raise ValueError(f"not an amount: {text!r}")
    return to_cents(amount)


def split_amount(total: Decimal, weights: Sequence[int | Decimal], *, cent: Decimal = CENT) -> list[Decimal]:
    """Share total >= 0 by weights >= 0, in multiples of cent that add up to it exactly.

    Leftover cents go to the largest remainders (Hamilton's method), the earlier part first on a tie.
    Raises ValueError for a total or weights that cannot be shared.
    """
    if total < 0 or total % cent or not weights or min(weights) < 0 or not sum(weights):
        raise ValueError(f"cannot split {total} by {list(weights)}")
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [(share / cent).quantize(Decimal(1), ROUND_DOWN) * cent for share in exact]
    for i in sorted(range(len(parts)), key=lambda i: parts[i] - exact[i])[: int((total - sum(parts)) / cent)]:
        parts[i] += cent
    return parts
