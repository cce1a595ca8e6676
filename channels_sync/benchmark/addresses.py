"""How many written addresses are read right, and how fast."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings

from ordercenter.common.address_score import score_addresses

_LISTS = ("common", "hard")
_TIMES = 50


def run_addresses() -> dict[str, Any]:
    """For each list of addresses with their right answers: all of it right, wrong but sure, a guess; µs per address."""
    figures = {}
    for name in _LISTS:
        path = settings.BASE_DIR / "tests" / "data" / "addresses" / f"{name}.tsv"
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        score = score_addresses(lines)
        begun = time.perf_counter()
        for _ in range(_TIMES):
            score_addresses(lines)
        took = time.perf_counter() - begun
        said = score.summary()
        figures[name] = {key: said[key] for key in ("addresses", "all_right", "wrong_but_sure", "guess")}
        figures[name]["us_per_address"] = round(1e6 * took / _TIMES / max(1, said["addresses"]))
    return figures
