"""The remote control of the played world: JSON under /control/, for loopback only.

Orders are named by the numbers that their platforms tell (a trade's own number works as well); each range is its own.

| call | what it does |
|---|---|
| POST /control/scenario | play a scenario.Spec; answers {"id"} |
| GET /control/progress/<id> | {"orders", "created", "paid", "done"} of a scenario, cheap enough to be asked often |
| GET /control/scenario/<id> | how far it is; planted problems and live rooms by order number, bill differences |
| GET, POST /control/switches | read or set misbehaviours and pace (switches.Switches); "reset": true rests all first |
| GET /control/state | counts: trades, messages, deliveries (with repeated commands), tracking, payments |
| GET /control/receipts[?scenario=<id>] | per order number the instants of its way, ISO 8601 with milliseconds |
| POST /control/reset | forget all trades, deliveries, messages, bills; switches rest |
| POST /control/trade | make trades (see `control_trades`); answers {"tids"} |
| GET /control/trade/<number> | one trade in the clear |
| POST /control/pay, close, receive /<number> | the buyer pays, gives up, has received |
| POST /control/memo/<number> | {"memo", "flag"}: the seller writes a memo |
| POST /control/message/<number> | {"fact", "times"}: it is told again (a platforms.Fact) |
| POST /control/number/<number> | {"old", "waybill", "carrier"}: a parcel's number is corrected on the platform |
| POST /control/split/<number> | {}: the platform splits a paid order, a part for each line; gives {"tids"} |
| POST /control/refund/<number> | {"oid", "reason", "kind", "num", "fee"}: the buyer wants money; gives {"refund_id"} |
| POST /control/refund/<refund_id>/agree, refuse, close | what becomes of it |
| POST /control/refund/<refund_id>/back | {"waybill", "carrier"}: the buyer sends the goods back |
| GET /control/pushes | what platforms still bring to our door, with tries and errors; how many they gave up |
| POST /control/parcel/<number> | {"steps", "refuse", "again"}: a followed parcel goes on, comes back, is told again |
| POST /control/count | {"warehouse", "items": [{"sku", "delta", "type"}], "adjust"}: the warehouse reports a count |
| POST /control/change | {"warehouse", "items": [...]}: the warehouse reports single changes |
| GET /control/listed/<SKU> | what each platform shows as left: {platform: {"quantity", "at"}}; at: set last |
| GET /control/shipped | pieces that have left, {"warehouse": {"item code": pieces}} |
| GET /control/words | what warehouses have told besides deliveries, and inbound goods |
| GET, POST /control/bill[?day=] | what a day's bill holds; POST plants {"missing", "extra", "amount_off", "fee_off"} |
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from channels_sync.sandbox.bill import plant_differences
from channels_sync.sandbox.control_trades import NotFound, TradeControl, way_of
from channels_sync.sandbox.documents import yuan
from channels_sync.sandbox.doors import DOORS
from channels_sync.sandbox.goods import BUNDLE_BY_CODE, SKU_BY_CODE
from channels_sync.sandbox.plays import Plays
from channels_sync.sandbox.scenario import BillPlan, spec_from_json
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.switches import Switches, changed
from channels_sync.sandbox.trades import Delivery
from channels_sync.sandbox.warehouse import Warehouse
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import World, day_of, iso

Json = dict[str, Any]


@dataclass(frozen=True)
class Reporter:
    """Whose warehouses can be made to report something."""

    warehouse: Warehouse
    customer_id: str


class ControlApi:
    """Answers one call: (HTTP status, JSON)."""

    def __init__(
        self,
        world: World,
        shop: Shop,
        plays: Plays,
        couriers: Couriers,
        *,
        resting: Switches,
        reporter: Reporter,
    ):
        """resting: the switches after a reset, as the process was started."""
        self.world, self.shop, self.plays, self.resting = world, shop, plays, resting
        self.couriers, self.reporter = couriers, reporter
        trades = TradeControl(shop)
        self._gets: dict[str, Callable[[list[str], Mapping[str, str]], Json]] = {
            "state": lambda _rest, _query: self._state(),
            "switches": lambda _rest, _query: asdict(world.switches),
            "progress": lambda rest, _query: self._progress(self._play(rest)),
            "scenario": self._get_scenario,
            "receipts": lambda _rest, query: self._receipts(query.get("scenario", "")),
            "trade": trades.get,
            "pushes": lambda _rest, _query: self._pushes(),
            "listed": lambda rest, _query: self._listed(rest),
            "shipped": lambda _rest, _query: self._shipped(),
            "words": lambda _rest, _query: self._words(),
            "bill": lambda _rest, query: self._bill(query.get("day") or day_of(world.clock())),
        }
        self._posts: dict[str, Callable[[list[str], Json], Json]] = {
            "scenario": lambda _rest, body: {"id": plays.start(spec_from_json(body))},
            "switches": lambda _rest, body: self._set_switches(body),
            "reset": lambda _rest, _body: self._reset(),
            "trade": lambda _rest, body: trades.make(body),
            "pay": lambda rest, _body: trades.short(shop.pay(trades.tid(rest))),
            "close": lambda rest, _body: trades.short(shop.close_unpaid(trades.tid(rest))),
            "receive": lambda rest, _body: trades.short(shop.receive(trades.tid(rest))),
            "memo": trades.change_memo,
            "message": trades.tell_again,
            "number": trades.change_number,
            "refund": trades.refund,
            "split": trades.split,
            "count": lambda _rest, body: self._report_stock(body, is_count=True),
            "change": lambda _rest, body: self._report_stock(body, is_count=False),
            "bill": lambda _rest, body: self._plant_bill(body),
            "parcel": self._move_parcel,
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Json]:
        """path: what follows /control/. body: the decoded JSON of a POST."""
        name, *rest = path.strip("/").split("/")
        try:
            if method == "GET" and name in self._gets:
                with self.world.lock:
                    return 200, self._gets[name](rest, query)
            if method == "POST" and name in self._posts:
                if not isinstance(body, dict):
                    return 400, {"error": "the body must be a JSON object"}
                return 200, self._posts[name](rest, body)
        except (ValueError, KeyError, TypeError) as error:
            return 400, {"error": str(error)}
        except Refused as refusal:
            return 409, {"error": refusal.message, "code": refusal.code}
        except NotFound as missing:
            return 404, {"error": str(missing)}
        return 404, {"error": f"no {method} /control/{path}"}

    # Switches and scenarios

    def _set_switches(self, body: Json) -> Json:
        wanted = dict(body)
        with self.world.change():
            base = self.resting if wanted.pop("reset", False) else self.world.switches
            switches = changed(base, wanted)
            rate_before = self.world.switches.background_per_min
            self.world.switches = switches
            if switches.background_per_min != rate_before:
                self.plays.set_background(switches.background_per_min)
            return asdict(switches)

    def _reset(self) -> Json:
        with self.world.change():
            self.world.reset()
            self.world.switches = self.resting
            self.plays.set_background(self.resting.background_per_min)
            return {}

    def _get_scenario(self, rest: list[str], _query: Mapping[str, str]) -> Json:
        play = self._play(rest)
        trades = [trade for trade in self.world.trades.values() if trade.scenario_id == play["id"]]
        days = sorted({day_of(trade.paid_ms) for trade in trades if trade.paid_ms})
        numbers = {trade.order_no for trade in trades}
        started = day_of(play["started_ms"])
        script = self.plays.script(play)
        numbers |= {f"T200P{script.extra_tid(number)}" for number in range(script.spec.orders)}
        bill = [_difference(lie) for lie in self.world.differences if lie.order_no in numbers]
        return {
            **self._progress(play),
            "spec": play["spec"],
            "states": Counter(trade.status for trade in trades),
            "days": days or [started],
            "planted": self.plays.planted(play),
            "rooms": {trade.number: trade.room_id for trade in trades if trade.room_id},
            "bill": bill,
        }

    def _play(self, rest: list[str]) -> Json:
        play = self.world.plays.get("/".join(rest))
        if play is None:
            raise NotFound(f"no scenario {'/'.join(rest)}")
        return play

    @staticmethod
    def _progress(play: Json) -> Json:
        return {
            "id": play["id"],
            "orders": play["spec"]["orders"],
            "created": play["next"],
            "paid": play["paid"],
            "done": bool(play["done_ms"]),
        }

    # What happened

    def _state(self) -> Json:
        world = self.world
        deliveries = world.deliveries.values()
        return {
            "now": iso(world.clock()),
            "trades": Counter(trade.status for trade in world.trades.values()),
            "platforms": Counter(trade.platform for trade in world.trades.values()),
            "messages_waiting": len(world.messages),
            "pushes_waiting": len(world.pushes),
            "refunds": Counter(refund.status for refund in world.refunds.values()),
            "deliveries": {
                "received": len(world.deliveries),
                "states": Counter(delivery.status for delivery in deliveries),
                "confirmed": sum(1 for delivery in deliveries if delivery.confirmed_ms),
                "repeated": {delivery.code: delivery.receipts for delivery in deliveries if delivery.receipts > 1},
                "changed": [delivery.code for delivery in deliveries if delivery.changed_receipts],
                "trades_twice": self._trades_twice(),
            },
            "tracking": {
                "sent": sum(1 for trade in world.trades.values() if trade.consigned_ms),
                "repeated": {
                    trade.number: trade.send_receipts for trade in world.trades.values() if trade.send_receipts > 1
                },
            },
            "payments": {
                day: {
                    "payments": sum(1 for row in rows if row.kind == "pay"),
                    "refunds": sum(1 for row in rows if row.kind == "refund"),
                    "paid": yuan(sum(row.amount_fen for row in rows if row.kind == "pay")),
                    "given_back": yuan(sum(row.amount_fen for row in rows if row.kind == "refund")),
                }
                for day, rows in sorted(world.payments.items())
            },
            "couriers": dict(self.couriers.counts()),
            "scenarios": {play["id"]: self._progress(play) for play in world.plays.values()},
        }

    def _report_stock(self, body: Json, *, is_count: bool) -> Json:
        warehouse, items = str(body["warehouse"]), list(body["items"])
        customer = self.reporter.customer_id
        if is_count:
            goods_words = self.reporter.warehouse.goods.report_count(
                customer, warehouse, items, adjust=str(body.get("adjust", "CHECK"))
            )
            return {"words": goods_words}
        return {"words": [self.reporter.warehouse.goods.report_changes(customer, warehouse, items)]}

    def _listed(self, rest: list[str]) -> Json:
        code = rest[0] if rest else ""
        ware = SKU_BY_CODE.get(code) or BUNDLE_BY_CODE.get(code)
        if ware is None:
            raise NotFound(f"no goods {code!r}")
        keys = {platform: f"{platform}/{ware.num_iid}/{ware.sku_id}" for platform in DOORS}
        return {
            platform: {"quantity": self.world.listed[key], "at": iso(self.world.listed_ms.get(key, 0))}
            for platform, key in keys.items()
            if key in self.world.listed
        }

    def _shipped(self) -> Json:
        shipped: Json = defaultdict(dict)
        for (warehouse, item_code), pieces in self.world.shipped_stock.items():
            shipped[warehouse][item_code] = pieces
        return shipped

    def _words(self) -> Json:
        return {
            "words": [
                {"id": w.id, "method": w.method, "tries": w.tries, "heard": bool(w.heard_ms), "error": w.error}
                for w in self.world.words.values()
            ],
            "inbound": [
                {"code": i.code, "kind": i.kind, "warehouse": i.warehouse, "status": i.status, "receipts": i.receipts}
                for i in self.world.inbounds.values()
            ],
        }

    def _trades_twice(self) -> dict[str, list[str]]:
        """Trades of which some line was ordered from the warehouse in more than one living delivery order."""
        seen: dict[tuple[str, str], list[str]] = {}
        for delivery in self.world.deliveries.values():
            if delivery.status != "CANCELED":
                for line in {(line.trade, line.item_code) for line in delivery.lines if line.trade}:
                    seen.setdefault(line, []).append(delivery.code)
        return {trade: codes for (trade, _item), codes in seen.items() if len(codes) > 1}

    def _receipts(self, scenario_id: str) -> Json:
        by_trade: dict[str, list[Delivery]] = {}
        for delivery in self.world.deliveries.values():
            for number in delivery.trades:
                by_trade.setdefault(number, []).append(delivery)
        return {
            trade.number: way_of(trade, by_trade.get(trade.number, []))
            for trade in self.world.trades.values()
            if not scenario_id or trade.scenario_id == scenario_id
        }

    def _pushes(self) -> Json:
        return {
            "waiting": [
                {"id": p.id, "platform": p.platform, "topic": p.topic, "tries": p.tries, "error": p.error}
                for p in self.world.pushes.values()
            ],
            "given_up": self.world.pushes_given_up,
        }

    # Parcels

    def _move_parcel(self, rest: list[str], body: Json) -> Json:
        number = "/".join(rest)
        with self.world.change():
            if body.get("refuse"):
                self.world.refusing.add(number)
            if number not in self.world.followed:
                raise NotFound(f"nobody follows {number}")
            self.couriers.advance(number, int(body.get("steps", 1)))
            if body.get("again"):
                self.couriers.push_again(number)
        return {"told": self.world.followed[number]["told"], "status": self.world.followed[number]["status"]}

    # Bills

    def _bill(self, day: str) -> Json:
        rows = self.world.payments.get(day, [])
        return {
            "day": day,
            "payments": sum(1 for row in rows if row.kind == "pay"),
            "refunds": sum(1 for row in rows if row.kind == "refund"),
            "differences": [_difference(lie) for lie in self.world.differences if lie.day == day],
        }

    def _plant_bill(self, body: Json) -> Json:
        wanted = dict(body)
        with self.world.change():
            day, seed = wanted.pop("day", None) or day_of(self.world.clock()), int(wanted.pop("seed", 1))
            spared = {lie.alipay_no for lie in self.world.differences}
            payments = self.world.payments.get(day, [])
            planted = plant_differences(payments, BillPlan(**wanted), seed=seed, day=day, spared=spared)
            for lie in planted:
                self.world.add_difference(lie)
        return {"day": day, "differences": [_difference(lie) for lie in planted]}


def _difference(lie: Any) -> Json:
    return {
        "kind": lie.kind,
        "day": lie.day,
        "alipay_no": lie.alipay_no,
        "order_no": lie.order_no,
        "true": yuan(lie.true_fen),
        "shown": yuan(lie.shown_fen),
    }
