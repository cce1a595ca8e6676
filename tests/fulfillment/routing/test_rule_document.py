"""Rule sets as documents: what is refused, what is found wrong, how rules read."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from fulfillment.routing.rule_checks import check_rules_json
from fulfillment.routing.rule_document import KINDS, parse_rules, standard_document
from fulfillment.routing.rule_fields import regions_of, short_code
from fulfillment.routing.rule_words import rule_sentence, yuan
from ordercenter.workflow.errors import DocumentInvalid
from tests.fulfillment.routing.rule_documents import IN_ZHEJIANG, IS_BATTERY, document, rule

NAMES: dict[str, Any] = {
    "warehouses": {"EAST": "华东仓", "SOUTH": "华南仓"},
    "couriers": {"SF": "顺丰"},
    "tables": {"geo": "就近"},
}


def codes(data: Any, **more: Any) -> list[tuple[str, str, str]]:
    found = check_rules_json(data, warehouses={"EAST", "SOUTH"}, couriers={"SF"}, **more)
    return [(finding.code, finding.node, finding.severity) for finding in found]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"schema": "ordercenter.routing/2"}, "schema"),
        ({"more": 1}, ""),
        ({"rules": [{"id": "a", "kind": "magic"}]}, "rules[0].kind"),
        ({"rules": [{"id": "a", "kind": "max_parcels"}]}, "rules[0].parcels"),
        ({"rules": [rule("max_parcels", parcels=2, warehouses=["EAST"])]}, "rules[0]"),
        ({"rules": [rule("max_parcels", parcels=0)]}, "rules[0].parcels"),
        ({"rules": [rule("max_parcels", parcels=1), rule("max_parcels", parcels=2)]}, "rules"),
        ({"rules": [rule("pin", warehouses=["EAST"], policy="maybe")]}, "rules[0].policy"),
        ({"costs": {"split_fen": -1}}, "costs.split_fen"),
        ({"costs": {"late_fen": {"rich": 1}}}, "costs.late_fen"),
        ({"tables": [{"id": "t", "rows": [{"region": "331", "warehouses": []}]}]}, "tables[0].rows[0].region"),
        ({"closed": "open"}, "closed"),
    ],
)
def test_what_is_out_of_shape_is_refused_with_its_place(change: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        parse_rules({**standard_document(), **change})

    assert refused.value.path == path


def test_a_good_rule_set_has_no_findings() -> None:
    assert codes(standard_document()) == []


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([rule("only_warehouses", warehouses=["NORTH"])], ("UNKNOWN_WAREHOUSE", "r", "error")),
        ([rule("never_couriers", couriers=["YTO"])], ("UNKNOWN_COURIER", "r", "error")),
        ([rule("priority", table="geo")], ("UNKNOWN_TABLE", "r", "error")),
        ([rule("pin", warehouses=["EAST", "SOUTH"], policy="hold")], ("PIN_NEEDS_ONE", "r", "error")),
        ([rule("alone_threshold", fen=-1)], ("AMOUNT_NEGATIVE", "r", "error")),
        ([rule("add_cost", fen=0)], ("RULE_DOES_NOTHING", "r", "warning")),
        ([rule("never_warehouses", warehouses=["EAST", "SOUTH"])], ("NOTHING_LEFT", "r", "error")),
        (
            [rule("max_parcels", parcels=1, when={"field": "order.colour", "operator": "=", "value": "red"})],
            ("UNKNOWN_FIELD", "r", "error"),
        ),
        (
            [rule("max_parcels", parcels=1, when={"field": "address.regions", "operator": "has_any", "value": ["99"]})],
            ("TYPE_MISMATCH", "r", "error"),
        ),
        (
            [
                rule("pin", "a", warehouses=["EAST"], policy="hold"),
                rule("pin", "b", warehouses=["SOUTH"], policy="hold"),
            ],
            ("RULE_SHADOWED", "b", "warning"),
        ),
    ],
)
def test_each_mistake_is_named_with_its_rule(rules: list[dict[str, Any]], found: tuple[str, str, str]) -> None:
    assert found in codes(document(*rules))


def test_tables_name_real_regions_and_warehouses() -> None:
    tables = [{"id": "geo", "rows": [{"region": "99", "warehouses": ["NORTH"]}]}, {"id": "empty", "rows": []}]

    assert codes(document(tables=tables)) == [
        ("UNKNOWN_REGION", "geo", "error"),
        ("UNKNOWN_WAREHOUSE", "geo", "error"),
        ("TABLE_EMPTY", "empty", "error"),
    ]


def test_holding_without_a_wave_is_warned_of() -> None:
    rules = document(rule("hold_release"))

    assert codes(rules, with_waves={"EAST"}) == [("NO_WAVE", "r", "warning")]
    assert codes(rules, with_waves={"EAST", "SOUTH"}) == []


def test_what_is_no_rule_set_at_all_is_one_finding() -> None:
    assert codes([]) == [("DOCUMENT_INVALID", "", "error")]


@pytest.mark.parametrize(
    ("given", "english", "chinese"),
    [
        (
            rule("only_warehouses", warehouses=["EAST"], when=IN_ZHEJIANG),
            "When Region has one of 浙江省: Only from 华东仓",
            "当 地区 含有 浙江省 之一：只用 华东仓",
        ),
        (
            rule("add_cost", fen=-250, warehouses=["EAST"]),
            "Prefer 华东仓: counts as ¥2.50 cheaper",
            "优先 华东仓：按便宜 ¥2.50 计",
        ),
        (
            rule("forbid_goods", goods=IS_BATTERY, couriers=["SF"]),
            "Goods with handling has one of battery may not go by 顺丰",
            "特殊属性 含有 battery 之一 的商品不得走 顺丰",
        ),
        (
            rule("pin", warehouses=["SOUTH"], policy="hold"),
            "Ship from 华南仓; if that cannot be, hold the order",
            "从 华南仓 发货；发不了时挂起订单",
        ),
    ],
)
def test_rules_read_as_sentences_in_both_languages(given: dict[str, Any], english: str, chinese: str) -> None:
    parsed = parse_rules(document(given)).rules[0]

    with translation.override("en"):
        assert rule_sentence(parsed, **NAMES) == english
    with translation.override("zh-hans"):
        assert rule_sentence(parsed, **NAMES) == chinese


def test_every_kind_of_rule_has_a_sentence_and_a_label() -> None:
    given = {
        "warehouses": ["EAST"],
        "couriers": ["SF"],
        "goods": IS_BATTERY,
        "fen": 100,
        "parcels": 2,
        "table": "geo",
        "policy": "hold",
    }

    for kind, spec in KINDS.items():
        parsed = parse_rules(document(rule(kind, **{part: given[part] for part in spec.needs}))).rules[0]
        assert rule_sentence(parsed, **NAMES)
        assert str(spec.label)


@pytest.mark.parametrize(
    ("fen", "text"), [(270, "¥2.70"), (-100, "-¥1.00"), (0, "¥0.00"), (1234567, "¥12,345.67"), (99.6, "¥1.00")]
)
def test_fen_read_as_yuan(fen: float, text: str) -> None:
    assert yuan(fen) == text


def test_a_division_code_is_as_long_as_what_it_says() -> None:
    assert [short_code(code) for code in ("330000", "330100", "330106")] == ["33", "3301", "330106"]
    assert regions_of("330106") == ("33", "3301", "330106")
    assert regions_of("110000") == ("11",)
