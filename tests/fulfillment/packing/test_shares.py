"""Whatever is split, sent later, short-picked or planned again: the shares of a line add up to the fen."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.packing.shares import freight_of_lines, share_of_pieces

amounts = st.integers(0, 10**7).map(lambda fen: Decimal(fen).scaleb(-2))


def test_three_pieces_for_ten_yuan_leave_in_shares_that_add_up():
    first = share_of_pieces(Decimal("10.00"), [1], 3)
    second = share_of_pieces(Decimal("10.00") - first[0], [1, 1], 2)

    assert (first, second) == ([Decimal("3.33")], [Decimal("3.34"), Decimal("3.33")])


def test_more_pieces_than_there_are_cannot_be_shared():
    with pytest.raises(ValueError, match="cannot take"):
        share_of_pieces(Decimal(1), [2, 2], 3)


@given(amounts, st.integers(1, 60), st.data())
def test_any_sequence_of_plannings_cancellings_and_short_picks_adds_up_to_the_fen(amount, pieces, data):
    """Live shipments hold their shares; a cancelled one and the missing pieces of a short pick give theirs back."""
    live: list[tuple[int, Decimal]] = []
    for _step in range(data.draw(st.integers(1, 12))):
        held, given_out = sum(n for n, _ in live), sum((a for _, a in live), Decimal(0))
        move = data.draw(st.sampled_from(["plan", "cancel", "short"]))
        if move == "plan" and held < pieces:
            groups = data.draw(st.lists(st.integers(1, pieces - held), min_size=1, max_size=3))
            while sum(groups) > pieces - held:
                groups.pop()
            live += zip(groups, share_of_pieces(amount - given_out, groups, pieces - held), strict=True)
        elif move == "cancel" and live:
            live.pop(data.draw(st.integers(0, len(live) - 1)))
        elif move == "short" and live and live[-1][0] > 1:
            n, share = live.pop()
            left = data.draw(st.integers(1, n - 1))
            live.append((left, share_of_pieces(share, [left], n)[0]))
        assert all(0 <= a <= amount for _, a in live)
    held, given_out = sum(n for n, _ in live), sum((a for _, a in live), Decimal(0))
    if held < pieces:
        live += zip([pieces - held], share_of_pieces(amount - given_out, [pieces - held], pieces - held), strict=True)

    assert sum((a for _, a in live), Decimal(0)) == amount


@given(amounts, st.lists(st.tuples(amounts, st.integers(1, 9)), min_size=1, max_size=8))
def test_freight_falls_on_the_lines_to_the_fen(freight, lines):
    shares = freight_of_lines(freight, [a for a, _ in lines], [n for _, n in lines])

    assert sum(shares, Decimal(0)) == freight
    assert min(shares) >= 0
