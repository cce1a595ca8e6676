"""What the demo company routes by: calendars, a contract with a regional courier, rules with groups, a trial."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone

from channels_sync.sandbox import goods
from fulfillment.models import Carrier, CourierArea, CourierContract, PeakFee, WarehouseCalendar, WarehouseClosing
from fulfillment.routing.rule_document import standard_document
from fulfillment.services.courier_contracts import import_contracts
from fulfillment.services.routing_rules import active_document, edit_draft, install_rules, put_rule, rule_set
from fulfillment.services.shadow import start_shadow
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.scope import EVERYTHING
from ordercenter.inventory.models import Warehouse

REGIONAL = "YTO"
_HEADINGS = "仓库,快递,产品,生效日期,地区,是否派送,首重(kg),首费,续重(kg),续费,承诺时效,阶梯价,偏远附加费,体积重除数"
# Near zones are cheap with the regional courier; elsewhere it is dear.
_RATES = (
    ("浙江省", "是,1,2.60,1,0.80,1,,,6000"),
    ("上海市", "是,1,2.80,1,0.90,1,,,6000"),
    ("江苏省", "是,3,4.20,1,0.90,2,0-0.5:2.40;0.5-1:2.90;1-3:4.20,,6000"),
    ("安徽省", "是,1,3.00,1,1.00,2,,0.50,6000"),
    ("*", "是,1,12.00,1,8.00,5,,,6000"),
)


def lay_routes(shop: Shop, *, at: datetime, actor: Actor) -> None:
    """Calendars, contract and rules, before the orders come. shop: the one that streams live."""
    today = timezone.localdate(at)
    places = {warehouse.code: warehouse for warehouse in Warehouse.objects.all()}
    _calendars(places, today)
    _contract(places[goods.OWN_WAREHOUSE.code], today, at=at, actor=actor)
    install_rules(_document(shop), actor=actor, reason="首版规则")
    cheaper = _rule("live-east", 250, _east_and_dear(shop, from_fen=10000), zh="直播单：华东或高客单优先杭州仓（放宽）")
    edit_draft(change=put_rule(cheaper), revision=rule_set().draft_revision, actor=actor, at=at)


def ask_for_trial(*, at: datetime, actor: Actor) -> None:
    """The draft held against the rules in force, over the days whose orders are there; the beat carries it out."""
    today, row = timezone.localdate(at), rule_set()
    if row.draft is not None:
        start_shadow(
            name="放宽直播单门槛",
            trial=row.draft,
            base=active_document(),
            first_day=today - timedelta(days=1),
            last_day=today,
            actor=actor,
        )


def _calendars(places: dict[str, Warehouse], today: date) -> None:
    for code, cut_off, waves, parcels in (
        ("WH-HZ-01", time(18), [], None),
        ("WH-GZ-01", time(17, 30), [time(11), time(17)], None),
        (goods.OWN_WAREHOUSE.code, time(16, 30), [], 300),
    ):
        WarehouseCalendar.objects.create(warehouse=places[code], cut_off=cut_off, waves=waves, daily_parcels=parcels)
    WarehouseClosing.objects.create(
        warehouse=places["WH-TJ-01"],
        starts_on=today + timedelta(days=20),
        reopens_on=today + timedelta(days=22),
        policy="fall_back",
        reason="年终盘点",
    )


def _contract(own: Warehouse, today: date, *, at: datetime, actor: Actor) -> None:
    carrier, _ = Carrier.objects.get_or_create(code=REGIONAL, defaults={"name": goods.CARRIERS[REGIONAL][1]})
    rows = [f"{own.code},{REGIONAL},standard,{today.year}-01-01,{zone},{rest}" for zone, rest in _RATES]
    done = import_contracts(
        content="\n".join([_HEADINGS, *rows]).encode(), at=at, actor=actor, reach=EVERYTHING, closes_earlier=True
    )
    if done.errors:
        raise ValueError(done.errors)
    contract = CourierContract.objects.get(pk=done.created[0])
    contract.number, contract.is_sample = f"YTO-{today.year}-示例", True
    contract.save()
    PeakFee.objects.create(
        contract=contract, starts_on=today + timedelta(days=40), ends_on=today + timedelta(days=60), fee="0.50"
    )
    CourierArea.objects.create(carrier=carrier, warehouse=own, zone="3309", reason="海岛，时效无保证")


def _document(shop: Shop) -> dict[str, Any]:
    rules = [
        _rule("live-east", 200, _east_and_dear(shop, from_fen=20000), zh="直播单：华东或高客单优先杭州仓"),
        {
            "id": "small-orders-whole",
            "kind": "max_parcels",
            "name": {"zh": "百元以下不拆三件以上", "en": "Small orders in two parcels at most"},
            "when": {"field": "order.paid_total", "operator": "<", "value": 10000},
            "parcels": 2,
        },
        {
            "id": "gz-waves",
            "kind": "hold_release",
            "name": {"zh": "广州仓直播单按波次下发", "en": "Live orders leave Guangzhou by waves"},
            "when": {"field": "order.shop", "operator": "=", "value": str(shop.pk)},
            "warehouses": ["WH-GZ-01"],
        },
        {
            "id": "north-table",
            "kind": "priority",
            "on": False,
            "name": {"zh": "按地区表排仓（停用）", "en": "Warehouses by region (off)"},
            "table": "regions",
        },
    ]
    rows = [
        {"region": "", "warehouses": ["WH-HZ-01", "WH-TJ-01", "WH-GZ-01"]},
        {"region": "44", "warehouses": ["WH-GZ-01", "WH-HZ-01"]},
        {"region": "11", "warehouses": ["WH-TJ-01", "WH-HZ-01"]},
    ]
    table = {"id": "regions", "name": {"zh": "地区表", "en": "Regions"}, "rows": rows}
    return {**standard_document(), "rules": rules, "tables": [table]}


def _rule(rule_id: str, fen: int, when: dict[str, Any], *, zh: str) -> dict[str, Any]:
    return {
        "id": rule_id,
        "kind": "add_cost",
        "name": {"zh": zh, "en": "Live orders: Hangzhou first for the east and dear ones"},
        "when": when,
        "fen": -fen,
        "warehouses": ["WH-HZ-01"],
    }


def _east_and_dear(shop: Shop, *, from_fen: int) -> dict[str, Any]:
    """Orders of the shop that are for the east, or dear and not many pieces: groups within groups."""
    return {
        "combinator": "and",
        "rules": [
            {"field": "order.shop", "operator": "=", "value": str(shop.pk)},
            {
                "combinator": "or",
                "rules": [
                    {"field": "address.regions", "operator": "has_any", "value": ["31", "32", "33"]},
                    {
                        "combinator": "and",
                        "rules": [
                            {"field": "order.paid_total", "operator": ">=", "value": from_fen},
                            {"field": "order.qty_total", "operator": "<=", "value": 3},
                        ],
                    },
                ],
            },
        ],
    }
