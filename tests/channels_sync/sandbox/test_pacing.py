"""How fast orders come: evenly, and faster in campaign peaks."""

from __future__ import annotations

import pytest

from channels_sync.sandbox.pacing import Peak, checked, orders_by, time_of
from channels_sync.sandbox.scenario import Spec, spec_from_json

PEAKS = checked([Peak(at_s=60, for_s=10, times=20), Peak(at_s=10, for_s=5, times=2)])


@pytest.mark.parametrize(
    ("elapsed_s", "orders"), [(0, 0), (10, 20), (12.5, 30), (15, 40), (60, 130), (65, 330), (70, 530), (100, 590)]
)
def test_orders_come_faster_while_a_peak_lasts(elapsed_s: float, orders: float) -> None:
    assert orders_by(elapsed_s, 2, PEAKS) == pytest.approx(orders)
    assert time_of(orders, 2, PEAKS) == pytest.approx(elapsed_s)


def test_without_peaks_the_rate_is_even() -> None:
    assert orders_by(30, 4, ()) == 120
    assert time_of(120, 4, ()) == 30


def test_a_scenario_takes_peaks_as_json_and_says_what_is_wrong_with_them() -> None:
    spec = spec_from_json({"seed": 1, "orders": 10, "rate_per_s": 2, "peaks": [{"at_s": 5, "for_s": 5, "times": 3}]})
    assert spec.peaks == (Peak(at_s=5, for_s=5, times=3),)

    for wrong, text in (
        ({"peaks": [{"at_s": 5, "for_s": 5, "times": 3}]}, "peaks need a rate_per_s"),
        ({"rate_per_s": 1, "peaks": [{"at_s": 5, "for_s": 0, "times": 3}]}, "lasts longer than 0 s"),
        ({"rate_per_s": 1, "peaks": [{"at_s": 5}]}, "for_s"),
        ({"rate_per_s": 1, "peaks": [{"at_s": at, "for_s": 5, "times": 3} for at in (1, 4)]}, "two peaks at 4 s"),
    ):
        with pytest.raises(ValueError, match=text):
            spec_from_json({"seed": 1, "orders": 10, **wrong})


def test_an_even_scenario_has_none() -> None:
    assert Spec(seed=1, orders=2).peaks == ()
