"""Prices of contracts: against the arithmetic done the slow way, and the router's arrays against both."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment.contracts.areas import Area, goes_to
from fulfillment.contracts.compiling import compile_terms
from fulfillment.contracts.pricing import Lane, Terms, price_parcel
from fulfillment.routing.tariff import IMPOSSIBLE

DAY = date(2026, 11, 11)
PEAK = (date(2026, 11, 1), date(2026, 11, 20), Decimal("0.50"))


def terms(**changes: object) -> Terms:
    lanes = {
        "": Lane(zone="", first_g=1000, first_fee=Decimal("8.00"), step_g=1000, step_fee=Decimal("4.00"), days=5),
        "33": Lane(
            zone="33",
            tiers=((500, Decimal("2.10")), (1000, Decimal("2.60")), (3000, Decimal("4.20"))),
            first_g=1000,
            first_fee=Decimal("2.60"),
            step_g=1000,
            step_fee=Decimal("0.80"),
            days=2,
        ),
        "3301": Lane(
            zone="3301", first_g=1000, first_fee=Decimal("2.00"), step_g=500, step_fee=Decimal("0.30"), days=1
        ),
    }
    facts = {"contract_id": 1, "warehouse_id": 10, "product_id": 20, "carrier_id": 30, "lanes": lanes}
    return Terms(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "weight_g", "yuan"),
    [
        ("330106", 1000, "2.00"),
        ("330106", 1001, "2.30"),
        ("330106", 2600, "3.20"),
        ("330702", 500, "2.10"),
        ("330702", 501, "2.60"),
        ("330702", 3000, "4.20"),
        ("330702", 3001, "5.00"),
        ("650102", 0, "8.00"),
        ("650102", 2001, "16.00"),
        ("", 1, "8.00"),
    ],
)
def test_the_longest_zone_counts_and_each_begun_step_costs(code: str, weight_g: int, yuan: str) -> None:
    assert price_parcel(terms(), division_code=code, weight_g=weight_g, on=DAY).total == Decimal(yuan)


def test_every_term_of_a_price_is_told_and_they_add_up() -> None:
    lane = Lane(
        zone="65",
        first_g=1000,
        first_fee=Decimal("9.00"),
        step_g=1000,
        step_fee=Decimal("7.00"),
        remote_fee=Decimal("5.00"),
        days=6,
    )
    contract = terms(
        lanes={"65": lane},
        divisor=6000,
        rounding_g=500,
        minimum_fee=Decimal("20.00"),
        oversize_g=1000,
        oversize_fee=Decimal("3.00"),
        insurance_permille=Decimal("3"),
        peaks=(PEAK,),
    )

    price = price_parcel(
        contract, division_code="650102", weight_g=700, volume_cm3=6300, value=Decimal("100.10"), on=DAY
    )

    assert (price.charged_g, price.zone) == (1500, "65")
    assert price.terms == (
        ("first", Decimal("9.00")),
        ("steps", Decimal("7.00")),
        ("minimum", Decimal("4.00")),
        ("remote", Decimal("5.00")),
        ("oversize", Decimal("3.00")),
        ("insurance", Decimal("0.31")),
        ("peak", Decimal("0.50")),
    )
    assert price.total == Decimal("28.81")


def test_a_peak_ends_on_its_day_and_too_heavy_or_unknown_has_no_price() -> None:
    contract = terms(peaks=(PEAK,), max_g=5000)
    del_everywhere = {zone: lane for zone, lane in contract.lanes.items() if zone}

    assert price_parcel(contract, division_code="65", weight_g=1, on=date(2026, 11, 19)).total == Decimal("8.50")
    assert price_parcel(contract, division_code="65", weight_g=1, on=date(2026, 11, 20)).total == Decimal("8.00")
    assert price_parcel(contract, division_code="65", weight_g=5001, on=DAY).not_taken == "too_heavy"
    assert price_parcel(terms(lanes=del_everywhere), division_code="65", weight_g=1, on=DAY).not_taken == "no_rate"


fees = st.integers(0, 3000).map(lambda fen: Decimal(fen) / 100)
ROUNDING = 100
steps_g = st.integers(1, 20).map(lambda n: n * ROUNDING)


@st.composite
def lanes(draw: st.DrawFn, zone: str) -> Lane:
    weights = sorted(draw(st.sets(st.integers(1, 4000), max_size=4)))
    return Lane(
        zone=zone,
        tiers=tuple((weight, draw(fees)) for weight in weights),
        first_g=draw(steps_g),
        first_fee=draw(fees),
        step_g=draw(steps_g),
        step_fee=draw(fees),
        remote_fee=draw(fees),
        days=draw(st.integers(0, 9)),
    )


@st.composite
def contracts(draw: st.DrawFn, warehouse_id: int, product_id: int) -> Terms:
    zones = draw(st.sets(st.sampled_from(["", "33", "3301", "330106", "65", "6501"]), min_size=1))
    return Terms(
        contract_id=warehouse_id * 10 + product_id,
        warehouse_id=warehouse_id,
        product_id=product_id,
        carrier_id=product_id,
        divisor=draw(st.sampled_from([0, 6000, 8000, 12000])),
        rounding_g=draw(st.sampled_from([0, ROUNDING])),
        minimum_fee=draw(fees),
        oversize_g=draw(st.sampled_from([0, 1500, 2050])),
        oversize_fee=draw(fees),
        max_g=draw(st.sampled_from([0, 7777])),
        insurance_permille=draw(st.sampled_from([Decimal(0), Decimal("3"), Decimal("0.125")])),
        peaks=draw(st.sampled_from([(), (PEAK,)])),
        lanes={zone: draw(lanes(zone)) for zone in zones},
    )


def slow_price(contract: Terms, code: str, weight_g: int, volume_cm3: int, value: Decimal) -> Decimal | None:
    """The same, as a person would do it with the contract in hand."""
    zone = max((z for z in contract.lanes if code.startswith(z)), key=len, default=None)
    if zone is None:
        return None
    lane = contract.lanes[zone]
    grams = max(weight_g, 1)
    while contract.divisor and grams * contract.divisor < volume_cm3 * 1000:
        grams += 1
    while contract.rounding_g and grams % contract.rounding_g:
        grams += 1
    if contract.max_g and grams > contract.max_g:
        return None
    fee = None
    for up_to_g, price in lane.tiers:
        if fee is None and grams <= up_to_g:
            fee = price
    if fee is None:
        fee, reached = lane.first_fee, lane.first_g
        while reached < grams:
            fee, reached = fee + lane.step_fee, reached + lane.step_g
    fee = max(fee, contract.minimum_fee) + lane.remote_fee
    if contract.oversize_g and grams > contract.oversize_g:
        fee += contract.oversize_fee
    insurance, exact = Decimal(0), value * contract.insurance_permille / 1000
    while insurance < exact:
        insurance += Decimal("0.01")
    return fee + insurance + (Decimal("0.50") if contract.peaks else Decimal(0))


@settings(max_examples=300)
@given(
    contract=contracts(1, 1),
    code=st.sampled_from(["330106", "330702", "650102", "440305", ""]),
    weight_g=st.integers(0, 9000),
    volume_cm3=st.integers(0, 30000),
    value=st.integers(0, 3000).map(lambda fen: Decimal(fen) / 100),
)
def test_a_price_is_what_a_person_would_compute(
    contract: Terms, code: str, weight_g: int, volume_cm3: int, value: Decimal
) -> None:
    price = price_parcel(contract, division_code=code, weight_g=weight_g, volume_cm3=volume_cm3, value=value, on=DAY)

    assert (None if price.not_taken else price.total) == slow_price(contract, code, weight_g, volume_cm3, value)
    assert sum((amount for _term, amount in price.terms), Decimal(0)) == price.total


@settings(max_examples=200)
@given(
    made=st.tuples(contracts(1, 1), contracts(1, 2), contracts(2, 1)),
    closed=st.sets(st.tuples(st.sampled_from([1, 2]), st.sampled_from(["", "33", "3301", "65"]), st.booleans())),
    code=st.sampled_from(["330106", "330702", "650102", "440305", ""]),
    weight_g=st.integers(0, 9000),
    volume_cm3=st.integers(0, 30000),
    value_fen=st.integers(0, 300000),
)
def test_the_arrays_of_the_router_hold_the_same_prices_to_the_fen(
    made: tuple[Terms, ...],
    closed: set[tuple[int, str, bool]],
    code: str,
    weight_g: int,
    volume_cm3: int,
    value_fen: int,
) -> None:
    areas = [Area(carrier_id, None, None, zone, serves) for carrier_id, zone, serves in sorted(closed)]
    tariff = compile_terms(made, areas, on=DAY, version="v")

    zone = tariff.zone_of(code)
    found = (
        tariff.freight_fen(zone, np.array([weight_g]), np.array([volume_cm3]), np.array([value_fen]))[0]
        if zone >= 0
        else np.full((2, 2), IMPOSSIBLE)
    )

    for contract in made:
        w, c = tariff.warehouses.index(contract.warehouse_id), tariff.couriers.index(contract.product_id)
        price = price_parcel(
            contract,
            division_code=code,
            weight_g=weight_g,
            volume_cm3=volume_cm3,
            value=Decimal(value_fen) / 100,
            on=DAY,
        )
        own = [area for area in areas if area.carrier_id == contract.carrier_id]
        wanted = None if price.not_taken or not goes_to(own, code) else int(price.total * 100)
        assert (None if found[w, c] >= IMPOSSIBLE else int(found[w, c])) == wanted


def test_two_contracts_of_one_lane_are_not_compiled() -> None:
    with pytest.raises(ValueError, match="two contracts"):
        compile_terms([terms(), terms(contract_id=2)], [], on=DAY, version="v")


@pytest.mark.parametrize(
    ("rows", "open_to", "shut_to"),
    [
        ([], ["330106", ""], []),
        ([("65", False)], ["330106"], ["650102", "65"]),
        ([("33", True)], ["330106"], ["650102"]),
        ([("33", True), ("3301", False)], ["330702"], ["330106", "650102"]),
        ([("", False), ("33", True)], ["330106"], ["650102"]),
        ([("65", True), ("65", False)], [], ["650102"]),
    ],
)
def test_the_longest_area_says_whether_a_courier_goes_there(
    rows: list[tuple[str, bool]], open_to: list[str], shut_to: list[str]
) -> None:
    areas = [Area(1, None, None, zone, serves) for zone, serves in rows]

    assert [code for code in (*open_to, *shut_to) if goes_to(areas, code)] == open_to
