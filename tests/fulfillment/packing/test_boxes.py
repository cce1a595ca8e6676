"""Every piece lies in exactly one box, no box holds more than it may, what travels apart is alone."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fulfillment.packing.boxes import Item, Limits, fill_boxes


def test_twelve_kilograms_at_five_a_box_leave_in_three():
    boxes = fill_boxes([Item("a", 6, weight_g=2000)], Limits(weight_g=5000))

    assert boxes == [{"a": 2}, {"a": 2}, {"a": 2}]


def test_light_goods_fill_the_room_that_heavy_ones_leave():
    boxes = fill_boxes([Item("light", 3, weight_g=900), Item("heavy", 2, weight_g=4000)], Limits(weight_g=5000))

    assert boxes == [{"heavy": 1, "light": 1}, {"heavy": 1, "light": 1}, {"light": 1}]


def test_a_piece_above_the_limit_has_a_box_of_its_own():
    assert fill_boxes([Item("piano", 2, weight_g=90_000), Item("pin", 1, weight_g=1)], Limits(weight_g=5000)) == [
        {"piano": 1},
        {"piano": 1},
        {"pin": 1},
    ]


def test_food_and_liquids_travel_apart_and_gifts_with_the_rest():
    items = [
        Item("rice", 1, category="food"),
        Item("ink", 1, tags=frozenset({"liquid", "fragile"})),
        Item("book", 1),
        Item("cup", 1),
    ]

    boxes = fill_boxes(items, Limits(apart_categories=frozenset({"food"}), apart_tags=frozenset({"liquid"})))

    assert boxes == [{"book": 1, "cup": 1}, {"rice": 1}, {"ink": 1}]


numbers = st.integers(0, 3000)
items = st.lists(
    st.tuples(st.integers(1, 40), numbers, numbers, st.sampled_from(["", "food", "toys"]), st.booleans()),
    min_size=1,
    max_size=8,
).map(
    lambda rows: [
        Item(n, pieces, weight, volume, category, frozenset({"liquid"} if wet else ()))
        for n, (pieces, weight, volume, category, wet) in enumerate(rows)
    ]
)
limits = st.builds(
    Limits,
    weight_g=st.none() | st.integers(1, 6000),
    volume_cm3=st.none() | st.integers(1, 6000),
    pieces=st.none() | st.integers(1, 12),
    apart_categories=st.sampled_from([frozenset(), frozenset({"food"})]),
    apart_tags=st.sampled_from([frozenset(), frozenset({"liquid"})]),
)


@given(items, limits)
def test_no_piece_is_lost_and_no_box_is_too_full(goods, limits):
    boxes = fill_boxes(goods, limits)

    by_key = {item.key: item for item in goods}
    packed = Counter()
    for box in boxes:
        packed.update(box)
        inside = [(by_key[key], n) for key, n in box.items()]
        count = sum(n for _, n in inside)
        if count > 1:
            assert limits.weight_g is None or sum(i.weight_g * n for i, n in inside) <= limits.weight_g
            assert limits.volume_cm3 is None or sum(i.volume_cm3 * n for i, n in inside) <= limits.volume_cm3
            assert limits.pieces is None or count <= limits.pieces
        wet = {bool(i.tags & limits.apart_tags) for i, _ in inside}
        food = {i.category in limits.apart_categories and not i.tags & limits.apart_tags for i, _ in inside}
        assert len(wet) == len(food) == 1
    assert packed == {item.key: item.pieces for item in goods}
    assert boxes == fill_boxes(goods, limits)
