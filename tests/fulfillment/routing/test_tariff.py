"""What a parcel costs by weight, volume, tiers and surcharges; which zone a place is in."""

from __future__ import annotations

import numpy as np
import pytest

from fulfillment.routing.tariff import IMPOSSIBLE, CourierLimits, TariffRow, compile_tariff


def row(zone="33", **fields):
    return TariffRow(
        **{"warehouse_id": 1, "courier_id": 2, "zone": zone, "first_fen": 300, "step_fen": 100, "days": 2, **fields}
    )


def fee(tariff, weight_g, *, code="330100", volume_cm3=0, value_fen=0):
    charged = tariff.freight_fen(
        tariff.zone_of(code), np.array([weight_g]), np.array([volume_cm3]), np.array([value_fen])
    )
    return int(charged[0, 0, 0])


def tariff_of(*rows, **limits):
    return compile_tariff(rows, warehouses=[1], couriers=[2], limits={(1, 2): CourierLimits(**limits)})


@pytest.mark.parametrize(("weight_g", "fen"), [(1, 300), (1000, 300), (1001, 400), (2000, 400), (2001, 500)])
def test_steps_begin_above_the_first_weight(weight_g, fen):
    assert fee(tariff_of(row()), weight_g) == fen


@pytest.mark.parametrize(("weight_g", "fen"), [(300, 200), (301, 280), (500, 280), (501, 300), (1500, 400)])
def test_tiers_come_before_first_weight_and_steps(weight_g, fen):
    assert fee(tariff_of(row(tiers=((300, 200), (500, 280)))), weight_g) == fen


def test_the_minimum_counts_before_the_surcharge():
    assert fee(tariff_of(row(minimum_fen=450, surcharge_fen=60)), 1000) == 510


def test_volume_counts_as_weight_by_the_divisor_and_rounds_up():
    tariff = tariff_of(row(), divisor=6000)

    assert fee(tariff, 500, volume_cm3=6000) == 300
    assert fee(tariff, 500, volume_cm3=6001) == 400


def test_oversize_insurance_and_the_heaviest_parcel():
    tariff = tariff_of(row(), oversize_g=3000, oversize_fen=700, max_g=5000, insurance_ppm=1000)

    assert fee(tariff, 3000) == 500
    assert fee(tariff, 3001) == 1300
    assert fee(tariff, 1000, value_fen=100_001) == 300 + 101
    assert fee(tariff, 5001) == IMPOSSIBLE


def test_the_longest_zone_wins_and_a_longer_zone_of_another_courier_does_not_hide_a_price():
    rows = [row("33"), row("3301", first_fen=200), row("", first_fen=900), row("44", courier_id=3)]
    tariff = compile_tariff([*rows, row("3302", courier_id=3)], warehouses=[1], couriers=[2, 3])

    assert fee(tariff, 100, code="330102") == 200
    assert fee(tariff, 100, code="330200") == 300
    assert fee(tariff, 100, code="650100") == 900
    at_3302 = tariff.freight_fen(tariff.zone_of("330200"), np.array([100]))
    assert at_3302[0, 0].tolist() == [300, 300]


def test_a_place_that_no_zone_covers_has_no_row():
    assert tariff_of(row("33")).zone_of("440100") == -1


@pytest.mark.parametrize(
    "rows",
    [
        [row(), row()],
        [row(step_g=0)],
        [row(first_fen=-1)],
        [row(warehouse_id=9)],
        [row(tiers=((500, 200), (500, 300)))],
    ],
)
def test_prices_that_cannot_be_are_refused_with_their_lane(rows):
    with pytest.raises(ValueError, match="lane"):
        tariff_of(*rows)


def test_arrays_of_many_parcels_agree_with_one_at_a_time():
    tariff = tariff_of(row(tiers=((300, 200),)), row("44", first_fen=800), divisor=6000)
    zones = np.array([tariff.zone_of("330000"), tariff.zone_of("440000")])

    both = tariff.freight_fen(zones, np.array([200, 2500]), np.array([0, 0]))

    assert both[:, 0, 0].tolist() == [fee(tariff, 200), fee(tariff, 2500, code="440000")]
