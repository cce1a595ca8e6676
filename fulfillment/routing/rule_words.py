"""Rules in words: 当 地区 含任一 浙江省: 只用 华东仓, in the active language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from fulfillment.routing.rule_document import HOLD, Rule
from fulfillment.routing.rule_fields import SHOP, goods_fields, order_fields
from ordercenter.workflow.conditions import sentence
from ordercenter.workflow.errors import ConditionInvalid
from ordercenter.workflow.fields import Catalogue

Names = Mapping[str, str]


def rule_sentence(rule: Rule, *, warehouses: Names, couriers: Names, tables: Names, shops: Names | None = None) -> str:
    """A rule as one sentence. The names: code -> what people call it; shops by id, for conditions that name them."""
    words = _Words(warehouses, couriers, tables)
    said = _SAY[rule.kind](rule, words)
    if rule.when is None:
        return said
    condition = condition_words(_with_shops(rule.when, shops or {}), order_fields())
    return _("When %(condition)s: %(rule)s") % {"condition": condition, "rule": said}


def _with_shops(tree: Mapping[str, Any], shops: Names) -> Mapping[str, Any]:
    """The condition with names of shops in place of their ids."""
    if "rules" in tree:
        return {**tree, "rules": [_with_shops(each, shops) for each in tree["rules"]]}
    value = tree.get("value")
    if tree.get("field") != SHOP or value is None:
        return tree
    named = [shops.get(str(each), str(each)) for each in value] if isinstance(value, list) else shops.get(value, value)
    return {**tree, "value": named}


def condition_words(tree: Mapping[str, Any], catalogue: Catalogue) -> str:
    """A condition in words; of one that is wrong, that it is."""
    try:
        return sentence(tree, catalogue)
    except ConditionInvalid:
        return _("(the condition is not valid)")


def yuan(fen: float) -> str:
    """Fen as people read them: ¥2.70, -¥1.00."""
    sign, whole = ("-" if fen < 0 else ""), abs(round(fen))
    return f"{sign}¥{whole // 100:,}.{whole % 100:02d}"


class _Words:
    def __init__(self, warehouses: Names, couriers: Names, tables: Names):
        self._warehouses, self._couriers, self.tables = warehouses, couriers, tables

    def warehouses(self, rule: Rule, every: str) -> str:
        return _(", ").join(self._warehouses.get(code, code) for code in rule.warehouses) or every

    def couriers(self, rule: Rule, every: str) -> str:
        return _(", ").join(self._couriers.get(code, code) for code in rule.couriers) or every

    def lanes(self, rule: Rule) -> str:
        """Who is meant by a rule that names warehouses, couriers, both or none."""
        if rule.warehouses and rule.couriers:
            both = {"warehouses": self.warehouses(rule, ""), "couriers": self.couriers(rule, "")}
            return _("%(couriers)s from %(warehouses)s") % both
        return self.couriers(rule, "") or self.warehouses(rule, "") or _("anywhere")


def _otherwise(rule: Rule) -> str:
    return _("hold the order") if rule.policy == HOLD else _("fall back to the others")


def _priority(rule: Rule, words: _Words) -> str:
    table = {"table": words.tables.get(rule.table, rule.table), "step": yuan(rule.step_fen)}
    if rule.strict:
        text = _("Take the first warehouse of the table “%(table)s” that has everything") % table
    else:
        text = (
            _("Prefer the warehouses of the table “%(table)s”; each place further down counts as %(step)s more") % table
        )
    return text + (_("; others are not used") if rule.others == "never" else "")


def _cost(rule: Rule, words: _Words) -> str:
    lanes = {"lanes": words.lanes(rule), "amount": yuan(abs(rule.fen))}
    return (
        _("Prefer %(lanes)s: counts as %(amount)s cheaper")
        if rule.fen < 0
        else _("Avoid %(lanes)s: counts as %(amount)s dearer")
    ) % lanes


def _forbidden(rule: Rule, words: _Words) -> str:
    goods = {"goods": condition_words(rule.goods or {}, goods_fields()), "lanes": words.lanes(rule)}
    if not rule.warehouses and not rule.couriers:
        return _("Goods with %(goods)s may not be sent") % goods
    if rule.warehouses and not rule.couriers:
        return _("Goods with %(goods)s may not leave from %(lanes)s") % goods
    return _("Goods with %(goods)s may not go by %(lanes)s") % goods


_SAY: Mapping[str, Callable[[Rule, _Words], str]] = {
    "only_warehouses": lambda rule, words: _("Only from %(names)s") % {"names": words.warehouses(rule, "-")},
    "never_warehouses": lambda rule, words: _("Never from %(names)s") % {"names": words.warehouses(rule, "-")},
    "only_couriers": lambda rule, words: _("Only by %(lanes)s") % {"lanes": words.lanes(rule)},
    "never_couriers": lambda rule, words: _("Never by %(lanes)s") % {"lanes": words.lanes(rule)},
    "forbid_goods": _forbidden,
    "add_cost": _cost,
    "priority": _priority,
    "pin": lambda rule, words: (
        _("Ship from %(names)s; if that cannot be, %(otherwise)s")
        % {"names": words.warehouses(rule, "-"), "otherwise": _otherwise(rule)}
    ),
    "max_parcels": lambda rule, _words: _("At most %(count)d parcels") % {"count": rule.parcels},
    "alone_threshold": lambda rule, _words: (
        _("Goods worth less than %(amount)s do not travel in a parcel of their own") % {"amount": yuan(rule.fen)}
    ),
    "when_closed": lambda rule, words: (
        _("While %(names)s is temporarily closed: %(otherwise)s")
        % {"names": words.warehouses(rule, _("a warehouse")), "otherwise": _otherwise(rule)}
    ),
    "hold_release": lambda rule, words: (
        _("Hand over shipments of %(names)s only at the next wave or cut-off")
        % {"names": words.warehouses(rule, _("every warehouse"))}
    ),
}
