from __future__ import annotations

import pytest

from ordercenter.common.divisions import chain_of, code_of, lies_in, place_of, undivided_cities


def test_cities_without_districts_are_known() -> None:
    assert {"东莞市", "中山市", "儋州市", "嘉峪关市"} <= undivided_cities()


def test_cities_with_districts_are_not_among_them() -> None:
    assert not {"杭州市", "上海市", "仙桃市", ""} & undivided_cities()


@pytest.mark.parametrize(
    ("province", "city", "district", "code"),
    [
        ("浙江省", "杭州市", "西湖区", "330106"),
        ("浙江", "杭州", "西湖", "330106"),
        ("上海", "上海市", "浦东新区", "310115"),
        ("湖北省", "仙桃市", "仙桃市", "429004"),
        ("湖北省", "", "仙桃市", "429004"),
        ("广东省", "东莞市", "", "441900"),
        ("江苏省", "苏州市", "工业园区", "320500"),
        ("浙江省", "", "", "330000"),
        ("浙江省", "广州市", "天河区", ""),
        ("远东省", "杭州市", "西湖区", ""),
        ("", "", "", ""),
    ],
)
def test_fields_have_the_code_of_the_deepest_place_that_is_known(
    province: str, city: str, district: str, code: str
) -> None:
    assert code_of(province, city, district) == code


def test_a_code_knows_its_names_and_what_it_lies_in() -> None:
    assert [division.name for division in chain_of("330106")] == ["浙江省", "杭州市", "西湖区"]
    assert (place_of("429004").city, place_of("429004").county) == ("", "仙桃市")
    assert lies_in("330106", "330000")
    assert not lies_in("330106", "320000")
    assert place_of("999999").code == ""
