from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from channels_sync.adapters.amounts import apportion

CENT = Decimal("0.01")


def amounts(*texts):
    return [Decimal(text) for text in texts]


def sums_of(total, listed, shares, freight="0", unit=CENT):
    return apportion(
        total=Decimal(total), listed=amounts(*listed), shares=amounts(*shares), freight=Decimal(freight), unit=unit
    )


def test_what_agrees_stays_as_it_is():
    sums = sums_of("201.99", ["100.00", "99.99"], ["95.00", "94.99"], "12.00")

    assert (sums.goods_total, sums.discount_total, sums.freight) == tuple(amounts("199.99", "10.00", "12.00"))
    assert sums.shares == tuple(amounts("95.00", "94.99"))


def test_a_rounding_of_lines_goes_to_the_largest_remainders():
    sums = sums_of("10.00", ["5.005", "4.995"], ["5.004", "4.998"])

    assert sums.shares == tuple(amounts("5.00", "5.00"))
    assert sums.freight == 0


def test_what_is_paid_beside_goods_and_carriage_counts_as_freight():
    sums = sums_of("130.00", ["100.00"], ["100.00"], "10.00")

    assert (sums.freight, sums.discount_total, sums.shares) == (Decimal("30.00"), 0, (Decimal("100.00"),))


def test_what_is_missing_is_a_discount_on_the_goods():
    sums = sums_of("100.00", ["80.00", "40.00"], ["80.00", "40.00"], "10.00")

    assert (sums.discount_total, sums.freight, sums.shares) == (
        Decimal("30.00"),
        Decimal("10.00"),
        tuple(amounts("60.00", "30.00")),
    )


def test_goods_given_away_leave_only_the_carriage():
    sums = sums_of("12.00", ["50.00", "50.00"], ["0", "0"], "12.00")

    assert (sums.discount_total, sums.freight, sums.shares) == (Decimal("100.00"), Decimal("12.00"), (0, 0))


def test_yen_are_shared_in_whole_yen():
    sums = sums_of("1000", ["500", "500", "500"], ["333.3", "333.3", "333.3"], unit=Decimal(1))

    assert sums.shares == tuple(amounts("334.00", "333.00", "333.00"))


def test_yen_with_a_fraction_are_shared_in_hundredths():
    assert sums_of("10.50", ["10.50"], ["10.50"], unit=Decimal(1)).shares == (Decimal("10.50"),)


fine = st.integers(-50_000, 5_000_000).map(lambda count: Decimal(count) / 10_000)


@given(
    total=st.integers(0, 100_000),
    lines=st.lists(st.tuples(fine, fine), min_size=1, max_size=8),
    freight=fine,
    unit=st.sampled_from([CENT, Decimal(1)]),
)
def test_the_sums_always_agree_to_the_smallest_unit(total, lines, freight, unit):
    total = total * unit

    sums = apportion(
        total=total, listed=[line[0] for line in lines], shares=[line[1] for line in lines], freight=freight, unit=unit
    )

    assert sums.goods_total - sums.discount_total + sums.freight == total
    assert sum(sums.shares) + sums.freight == total
    assert min(sums.goods_total, sums.discount_total, sums.freight, *sums.shares) >= 0
    assert all(not part % unit for part in (*sums.shares, sums.freight, sums.goods_total))
