"""The benchmark of routing measures what it says, on days of its own."""

from __future__ import annotations

import pytest

from fulfillment.benchmark import measure_decisions, run_routing


def test_single_decisions_are_timed_without_a_database():
    figures = measure_decisions(orders=60)

    assert 0 < figures["undisturbed_ms"]["p50"] <= figures["undisturbed_ms"]["p99"]
    assert figures["decisions_per_s"] > 0


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_backlogs_are_measured_against_the_bound_that_they_prove():
    figures = run_routing(orders=150, seconds=2, large=False, shapes=["base"])

    run = figures["batch_base"]
    assert run["orders"] == 150
    assert 0 < run["bound"] <= run["total"]
    assert run["memory_mb"] > 0
    online = figures["online"]
    assert online["without_prices"]["total"] >= figures["batch_base"]["bound"]
    assert online["with_learned_prices"]["over_bound_pct"] >= 0
