"""Amounts: rounded half up, shared without a fen lost, read without a guess."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordercenter.common.money import from_fen, parse_amount, split_amount, to_cents, to_fen

FEN = st.integers(0, 10**12)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any)


@given(fen=FEN, weights=WEIGHTS)
def test_the_parts_add_up_to_the_whole_and_each_is_within_a_fen_of_its_share(fen: int, weights: list[int]) -> None:
    total = from_fen(fen)

    parts = split_amount(total, weights)

    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert part >= 0
        assert abs(part - total * weight / sum(weights)) < Decimal("0.01")
        assert weight or part == 0


@given(fen=FEN, prices=st.lists(st.decimals("0.01", "99999.99", places=2), min_size=1, max_size=9))
def test_weights_may_be_prices(fen: int, prices: list[Decimal]) -> None:
    assert sum(split_amount(from_fen(fen), prices)) == from_fen(fen)


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        ("10.00", [1, 1, 1], ["3.34", "3.33", "3.33"]),
        ("0.05", [50, 30, 20], ["0.03", "0.01", "0.01"]),
        ("0.01", [1, 1], ["0.01", "0.00"]),
        ("5.00", [0, 1, 0], ["0.00", "5.00", "0.00"]),
        ("0.00", [3, 4], ["0.00", "0.00"]),
    ],
)
def test_leftover_fen_go_to_the_largest_remainders_the_earlier_first(
    total: str, weights: list[int], parts: list[str]
) -> None:
    assert split_amount(Decimal(total), weights) == [Decimal(part) for part in parts]


@pytest.mark.parametrize(
    ("total", "weights"),
    [("-0.01", [1]), ("0.005", [1]), ("1.00", []), ("1.00", [0, 0]), ("1.00", [2, -1])],
)
def test_what_cannot_be_shared_is_refused(total: str, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        split_amount(Decimal(total), weights)


@pytest.mark.parametrize(
    ("exact", "rounded"), [("0.005", "0.01"), ("2.675", "2.68"), ("8.165", "8.17"), ("1.994", "1.99")]
)
def test_half_a_fen_goes_up(exact: str, rounded: str) -> None:
    assert to_cents(Decimal(exact)) == Decimal(rounded)


@given(fen=st.integers(-(10**12), 10**12))
def test_fen_and_yuan_are_the_same_amount(fen: int) -> None:
    assert to_fen(from_fen(fen)) == fen


def test_a_part_of_a_fen_is_no_fen() -> None:
    with pytest.raises(ValueError, match="whole number of fen"):
        to_fen(Decimal("0.015"))


@pytest.mark.parametrize(
    ("text", "amount"), [("236.80", "236.80"), (" 5 ", "5.00"), ("-3.1", "-3.10"), ("0.005", "0.01")]
)
def test_a_plain_number_is_read(text: str, amount: str) -> None:
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", " ", "1,000.00", "NaN", "Infinity", "1e12", "1_0", "１２", "¥5", "0x1", "--1"])
def test_anything_else_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_amount(text)
