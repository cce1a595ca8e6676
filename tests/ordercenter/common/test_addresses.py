"""Written addresses: what is said must be right, and what may be wrong must not be called sure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from ordercenter.common.address_score import score_addresses
from ordercenter.common.addresses import parse_address
from ordercenter.common.divisions import COUNTY, Division, chain_of, divisions

DATA = Path(__file__).parents[2] / "data" / "addresses"
COMMON = DATA / "common.tsv"


def hard() -> Iterator[tuple[str, tuple[str, str, str] | None, str]]:
    """(address, right answer or None where any guess will do, sure | guess | any)."""
    for line in (DATA / "hard.tsv").read_text(encoding="utf-8").splitlines():
        address, province, city, county, certainty, _note = line.split("\t")
        yield address, None if province == "*" else (province, city, county), certainty


def test_every_common_address_is_right_and_none_wrong_but_sure() -> None:
    score = score_addresses(COMMON.read_text(encoding="utf-8").splitlines()).summary()

    assert score == {
        "addresses": 40,
        "sure": 39,
        "guess": 1,
        "judged": 40,
        "province_right": 40,
        "city_right": 40,
        "all_right": 40,
        "wrong_but_sure": 0,
    }


@pytest.mark.parametrize(("address", "right", "certainty"), list(hard()))
def test_a_hard_address_is_right_or_known_to_be_a_guess(
    address: str, right: tuple[str, str, str] | None, certainty: str
) -> None:
    parsed = parse_address(address)

    if right is not None:
        assert (parsed.place.province, parsed.place.city, parsed.place.county) == right
    if certainty != "any":
        assert parsed.certainty == certainty
    assert bool(parsed.doubt) == (parsed.certainty == "guess")


STREETS = ("人民路1号", "北京西路12号3幢", "中山镇长安街8号", "新华北路88号南京大厦", "东风街道西湖社区")
Way = Callable[[Division, Division | None, Division], str]


def names(way: str) -> Way:
    """How a place is written. P, C, D: full name of province, city, county; p, c, d: the short one."""

    def write(province: Division, city: Division | None, county: Division) -> str:
        by_letter = {"p": province, "c": city, "d": county}
        parts = ((letter, by_letter[letter.lower()]) for letter in way)
        return "".join((d.name if letter.isupper() else d.short_name) for letter, d in parts if d is not None)

    return write


def counties() -> Iterator[tuple[Division, Division | None, Division]]:
    for division in divisions().values():
        if division.level == COUNTY:
            province, *city = chain_of(division.code)[:-1]
            yield province, city[0] if city else None, division


@pytest.mark.parametrize("before", ["", "张海南 13800138000 "])
@pytest.mark.parametrize("way", ["PCD", "pCD", "pcD"])
def test_every_county_of_the_country_written_with_its_city_is_found_for_sure(way: str, before: str) -> None:
    write, draw = names(way), random.Random(way + before)

    wrong = [
        text
        for province, city, county in counties()
        if (parsed := parse_address(text := before + write(province, city, county) + draw.choice(STREETS)))
        and not (parsed.place.code == county.code and parsed.is_sure)
    ]

    assert wrong == []


@pytest.mark.parametrize("way", ["CD", "cD", "PD", "pD", "D", "pcd", "cd"])
def test_whatever_is_left_out_no_county_of_the_country_is_wrong_but_sure(way: str) -> None:
    write, draw = names(way), random.Random(way)
    sure_and_wrong, right, total = [], 0, 0

    for province, city, county in counties():
        parsed = parse_address(text := write(province, city, county) + draw.choice(STREETS))
        total += 1
        right += parsed.place.code == county.code
        # 嘉峪关市 is a city and its only county: either answer is the place.
        if parsed.is_sure and parsed.place.code not in (county.code, "620200"):
            sure_and_wrong.append((text, parsed.place))

    assert sure_and_wrong == []
    assert right > total * 0.9


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser_and_nothing_is_made_of_nothing(text: str) -> None:
    parsed = parse_address(text)

    assert parsed.place.code == "" or parsed.place.code in divisions()
    assert parsed.place.code or not parsed.is_sure


@given(st.text(alphabet="京沪杭州市区县省路街道西湖南北东长安朝阳海中山 1号", max_size=24))
def test_the_same_text_has_the_same_answer_whatever_stands_around_its_blanks(text: str) -> None:
    assert parse_address(text) == parse_address(text)
    assert parse_address(text).place == parse_address(f"  {text}  ").place


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("parse_addresses", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_its_answers_and_the_score() -> None:
    out = run(str(COMMON)).splitlines()

    assert out[0] == "浙江省杭州市余杭区文一西路969号3号楼5层\t浙江省\t杭州市\t余杭区\tsure\tright"
    assert out[-2:] == [
        "40 addresses: 39 sure, 1 a guess",
        "right of 40: province 40, with city 40, with county 40; wrong but sure 0",
    ]


def test_the_command_reads_addresses_without_answers_and_says_what_it_makes_of_them(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("\ufeff鼓楼区湖东路154号\r\n\n广东省深圳市南山区科苑路15号\n", encoding="utf-8")

    told = json.loads(run(str(file), "--json"))

    assert told["score"] | {"addresses": 2, "sure": 1, "guess": 1, "judged": 0} == told["score"]
    first, second = told["addresses"]
    assert (first["certainty"], first["doubt"]) == ("guess", "homonym")
    assert "right" not in first
    assert first["others"] == ["320106", "320302", "350102", "410204"]
    assert (second["code"], second["certainty"], second["row"]) == ("440305", "sure", 3)


def test_a_wrong_answer_is_counted_as_wrong_and_as_sure(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("广东省深圳市南山区科苑路15号\t广东省\t深圳市\t福田区\n", encoding="utf-8")

    score = json.loads(run(str(file), "--json"))["score"]

    assert (score["city_right"], score["all_right"], score["wrong_but_sure"]) == (1, 0, 1)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["absent", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "a.tsv"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CommandError, match=r"a\.tsv (cannot be read|is not UTF-8)"):
        run(str(file))
