"""What a listing may be: by code, by bar code, by title; sure only where nothing speaks against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from channels_sync.listings.suggesting import Asked, Suggestion, suggest, sure_one
from channels_sync.sandbox import goods
from fulfillment.models import Barcode
from ordercenter.catalog.listings import Listing
from ordercenter.catalog.models import Sku
from ordercenter.catalog.titles import TitleIndex, choice_values, grams_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def skus() -> dict[str, Sku]:
    made = Sku.objects.bulk_create(Sku(code=sku.code, name=sku.title) for sku in goods.SKUS)
    return {sku.code: sku for sku in made}


def suggested(title: str = "", choice: str = "", code: str = "") -> list[Suggestion]:
    listing = Listing(1, "L", "")
    return suggest([Asked(listing, title, choice, code)])[listing]


def seen(suggestions: list[Suggestion]) -> list[tuple[str, str, int, bool]]:
    return [(s.sku_name, s.kind, s.score, s.is_sure) for s in suggestions]


def test_a_long_title_with_a_choice_finds_the_variant_and_the_others_far_behind(skus: dict[str, Sku]) -> None:
    found = suggested("2026新款 北欧风 亚麻靠垫 沙发抱枕 客厅卧室", "颜色分类:雾蓝;尺寸:45cm")

    assert (found[0].sku_name, found[0].score, found[0].is_sure) == ("亚麻靠垫 雾蓝 45cm", 95, True)
    assert found[1].sku_name == "亚麻靠垫 燕麦色 45cm"
    assert max(s.score for s in found[1:]) < 60
    assert found[0].reason == "The title says “亚麻靠垫 雾蓝 45cm”."
    assert found[1].reason == "The title says “亚麻靠垫 45cm”. It does not say “燕麦色”."


def test_a_title_without_its_variant_is_suggested_but_never_sure(skus: dict[str, Sku]) -> None:
    found = suggested("亚麻靠垫 沙发抱枕")

    assert {s.sku_name.split()[0] for s in found} == {"亚麻靠垫"}
    assert sure_one(found) is None


def test_a_title_that_speaks_of_several_pieces_is_never_sure(skus: dict[str, Sku]) -> None:
    best = suggested("亚麻靠垫 雾蓝 45cm 2个装")[0]

    assert (best.sku_name, best.is_sure) == ("亚麻靠垫 雾蓝 45cm", False)
    assert best.reason.endswith("It speaks of “2个”: look whether it is more than one piece.")


def test_the_pieces_that_our_own_name_has_are_no_doubt(skus: dict[str, Sku]) -> None:
    assert sure_one(suggested("水洗棉四件套 纯棉 浅灰 1.8m床")) is not None


def test_a_title_of_other_goods_suggests_nothing(skus: dict[str, Sku]) -> None:
    assert suggested("不锈钢保温水壶 500毫升", "颜色:红色") == []


@pytest.mark.parametrize("code", ["sku1004", "SKU-001004", "ｓｋｕ_１００４"])
def test_the_code_goes_before_any_title_and_is_sure(skus: dict[str, Sku], code: str) -> None:
    found = suggested("亚麻靠垫 雾蓝 45cm", code=code)

    assert seen(found)[0] == ("棉麻桌布 米白 140cm", "code", 100, True)
    assert found[0].reason == "Its code is this SKU's, apart from how it is written."


def test_a_code_of_two_skus_suggests_both_and_is_sure_of_none(skus: dict[str, Sku]) -> None:
    Sku.objects.create(code="SKU1004", name="旧款桌布")

    found = suggested(code="sku-1004")

    assert [(s.sku_code, s.is_sure) for s in found] == [("SKU-1004", False), ("SKU1004", False)]
    assert sure_one(found) is None


def test_a_bar_code_is_found_with_other_leading_zeros(skus: dict[str, Sku]) -> None:
    Barcode.objects.create(text="0036000291452", sku=skus["SKU-1007"])

    assert seen(suggested(code="036000291452"))[0][1:] == ("barcode", 98, True)
    assert suggested(code="36000291453") == []


def test_goods_that_are_not_sold_any_more_are_not_suggested(skus: dict[str, Sku]) -> None:
    Sku.objects.filter(code="SKU-1002").update(is_active=False)

    assert "SKU-1002" not in {s.sku_code for s in suggested("亚麻靠垫 雾蓝 45cm", code="sku-1002")}


def statements(count: int) -> int:
    asked = [Asked(Listing(1, str(n), ""), s.title, "", s.code) for n, s in enumerate(goods.SKUS[:count])]
    with CaptureQueriesContext(connection) as queries:
        suggest(asked)
    return len([q for q in queries if "SAVEPOINT" not in q["sql"]])


def test_many_listings_take_as_many_statements_as_one(skus: dict[str, Sku]) -> None:
    statements(1)

    assert statements(1) == statements(50) == 4


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("雾蓝 45CM", {"雾蓝", "蓝", "45cm"}),
        ("70×140", {"70x140"}),
        ("７０*140", {"70x140"}),
        ("1.5m床", {"1.5m", "床"}),
        ("", set()),
    ],
)
def test_a_text_is_compared_by_pairs_words_and_numbers(text: str, grams: set[str]) -> None:
    assert grams_of(text) == grams


def test_a_choice_counts_without_the_names_of_its_properties() -> None:
    assert choice_values("颜色分类:雾蓝;尺寸：45cm") == "雾蓝 45cm"


def test_no_goods_at_all_suggest_nothing() -> None:
    assert TitleIndex([]).best("亚麻靠垫", "雾蓝", most=3) == []


def test_a_word_of_the_choice_that_none_of_ours_has_makes_it_less_sure(skus: dict[str, Sku]) -> None:
    def best(**said: Any) -> int:
        return suggested(**said)[0].score

    assert best(title="亚麻靠垫 雾蓝 45cm", choice="款式:绣花") < best(title="亚麻靠垫 雾蓝 45cm")
