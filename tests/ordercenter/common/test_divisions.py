from __future__ import annotations

from ordercenter.common.divisions import undivided_cities


def test_cities_without_districts_are_known() -> None:
    assert {"东莞市", "中山市", "儋州市"} <= undivided_cities()


def test_cities_with_districts_are_not_among_them() -> None:
    assert not {"杭州市", "上海市", "仙桃市", ""} & undivided_cities()
