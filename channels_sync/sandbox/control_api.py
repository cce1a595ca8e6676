"""The remote control of the played world: JSON under /control/, for loopback only.

| call | what it does |
|---|---|
| POST /control/scenario | play a scenario.Spec; answers {"id"} |
| GET /control/progress/<id> | {"orders", "created", "paid", "done"} of a scenario, cheap enough to be asked often |
| GET /control/scenario/<id> | how far it is, its planted problems by order number, its planted bill differences |
| GET, POST /control/switches | read or set misbehaviours and pace (switches.Switches); "reset": true rests all first |
| GET /control/state | counts: trades, messages, deliveries (with repeated commands), tracking, payments |
| GET /control/receipts[?scenario=<id>] | per order number the instants of its way, ISO 8601 with milliseconds |
| POST /control/reset | forget all trades, deliveries, messages, bills; switches rest |
| POST /control/trade | make trades (see `_make_trade`); answers {"tids"} |
| GET /control/trade/<tid> | one trade in the clear |
| POST /control/pay, close, receive /<tid> | the buyer pays, gives up, has received |
| POST /control/memo/<tid> | {"memo", "flag"}: the seller writes a memo |
| POST /control/message/<tid> | {"topic", "times"}: the message comes again |
| POST /control/refund/<tid> | {"oid", "reason"}: the buyer asks for money; answers {"refund_id"} |
| POST /control/refund/<refund_id>/agree, refuse, close | what becomes of it |
| POST /control/parcel/<number> | {"steps", "refuse", "again"}: a followed parcel goes on, comes back, is told again |
| POST /control/count | {"warehouse", "items": [{"sku", "delta", "type"}], "adjust"}: the warehouse reports a count |
| POST /control/change | {"warehouse", "items": [...]}: the warehouse reports single changes |
| GET /control/words | what warehouses have told besides deliveries, and inbound goods |
| GET, POST /control/bill[?day=] | what a day's bill holds; POST plants {"missing", "extra", "amount_off", "fee_off"} |
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from channels_sync.sandbox import goods
from channels_sync.sandbox.bill import plant_differences
from channels_sync.sandbox.documents import TRADE_FIELDS, trade_document, yuan
from channels_sync.sandbox.people import Buyer, invent_buyer
from channels_sync.sandbox.plays import Plays
from channels_sync.sandbox.scenario import TIDS_PER_ORDER, BillPlan, spec_from_json
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.switches import Switches, changed
from channels_sync.sandbox.trades import FRONT_NOPAID_FINAL_NOPAID, Delivery, Line, Trade
from channels_sync.sandbox.warehouse import Warehouse
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import World, day_of, iso
from ordercenter.common.money import parse_amount, to_fen

Json = dict[str, Any]


class NotFound(Exception):
    """No such thing in this world."""


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
        self._gets: dict[str, Callable[[list[str], Mapping[str, str]], Json]] = {
            "state": lambda _rest, _query: self._state(),
            "switches": lambda _rest, _query: asdict(world.switches),
            "progress": lambda rest, _query: self._progress(self._play(rest)),
            "scenario": self._get_scenario,
            "receipts": lambda _rest, query: self._receipts(query.get("scenario", "")),
            "trade": self._get_trade,
            "words": lambda _rest, _query: self._words(),
            "bill": lambda _rest, query: self._bill(query.get("day") or day_of(world.clock())),
        }
        self._posts: dict[str, Callable[[list[str], Json], Json]] = {
            "scenario": lambda _rest, body: {"id": plays.start(spec_from_json(body))},
            "switches": lambda _rest, body: self._set_switches(body),
            "reset": lambda _rest, _body: self._reset(),
            "trade": lambda _rest, body: self._make_trades(body),
            "pay": lambda rest, _body: self._short(shop.pay(_tid(rest))),
            "close": lambda rest, _body: self._short(shop.close_unpaid(_tid(rest))),
            "receive": lambda rest, _body: self._short(shop.receive(_tid(rest))),
            "memo": lambda rest, body: self._short(
                shop.change_memo(_tid(rest), memo=str(body.get("memo", "")), flag=int(body.get("flag", 0)))
            ),
            "message": self._repeat_message,
            "refund": self._refund,
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
            "messages_waiting": len(world.messages),
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
                    str(trade.tid): trade.send_receipts for trade in world.trades.values() if trade.send_receipts > 1
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
            str(trade.tid): self._way_of(trade, by_trade.get(str(trade.tid), []))
            for trade in self.world.trades.values()
            if not scenario_id or trade.scenario_id == scenario_id
        }

    @staticmethod
    def _way_of(trade: Trade, deliveries: list[Delivery]) -> Json:
        first = min(deliveries, key=lambda delivery: delivery.received_ms) if deliveries else None
        return {
            "status": trade.status,
            "problem": trade.problem,
            "paid_at": iso(trade.announced_ms),
            "message_at": iso(trade.first_message_ms),
            "read_at": iso(trade.first_read_ms),
            "warehouse_at": iso(first.received_ms) if first else None,
            "shipped_at": iso(first.shipped_ms) if first else None,
            "confirmed_at": iso(first.confirmed_ms) if first else None,
            "tracking_at": iso(trade.consigned_ms),
            "finished_at": iso(trade.ended_ms) if trade.status == "TRADE_FINISHED" else None,
            "deliveries": {delivery.code: delivery.receipts for delivery in deliveries},
            "tracking_receipts": trade.send_receipts,
        }

    # Single trades

    def _make_trades(self, body: Json) -> Json:
        count = int(body.pop("count", 1))
        paid = body.pop("paid", True)
        known = {"lines", "buyer", "buyer_message", "seller_memo", "seller_flag", "post_fee", "presale"}
        if unknown := set(body) - known:
            raise ValueError(
                f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known | {'count', 'paid'}))}"
            )
        with self.world.change():
            trades = [self._make_trade(body) for _no in range(count)]
            for trade in trades:
                self.shop.place(trade)
                if paid:
                    self.shop.pay(trade.tid)
        return {"tids": [str(trade.tid) for trade in trades]}

    def _make_trade(self, body: Json) -> Trade:
        """One trade as asked for.

        lines: [{"sku", "num", "price", "discount", "adjust"}], amounts as yuan text, one SKU-1001 unless said; a code
        that is in no catalogue makes an unknown listing. buyer: any of Buyer's fields, the rest is invented.
        """
        now, tid = self.world.clock(), self.world.next_number("tid", TIDS_PER_ORDER)
        invented = asdict(invent_buyer(random.Random(f"trade/{tid}"), identity=f"trade/{tid}"))
        if unknown := set(body.get("buyer") or {}) - set(invented):
            raise ValueError(f"a buyer has no {', '.join(sorted(unknown))}")
        wanted = body.get("lines") or [{"sku": "SKU-1001"}]
        if len(wanted) >= TIDS_PER_ORDER:
            raise ValueError(f"at most {TIDS_PER_ORDER - 1} lines")
        lines = [_make_line(line, tid if len(wanted) == 1 else tid + at) for at, line in enumerate(wanted, start=1)]
        return Trade(
            tid=tid,
            buyer=Buyer(**{**invented, **(body.get("buyer") or {})}),
            lines=lines,
            created_ms=now,
            modified_ms=now,
            post_fen=to_fen(parse_amount(body.get("post_fee", "0"))),
            buyer_message=body.get("buyer_message", ""),
            seller_memo=body.get("seller_memo", ""),
            seller_flag=int(body.get("seller_flag", 0)),
            step_status=FRONT_NOPAID_FINAL_NOPAID if body.get("presale") else "",
        )

    def _get_trade(self, rest: list[str], _query: Mapping[str, str]) -> Json:
        trade = self.shop.trade(_tid(rest))
        number = str(trade.tid)
        deliveries = [delivery for delivery in self.world.deliveries.values() if number in delivery.trades]
        document = trade_document(trade, ",".join(TRADE_FIELDS), clear=True)
        return {"trade": document, "problem": trade.problem, "way": self._way_of(trade, deliveries)}

    def _short(self, trade: Trade) -> Json:
        return {"tid": str(trade.tid), "status": trade.status, "step_status": trade.step_status}

    def _repeat_message(self, rest: list[str], body: Json) -> Json:
        times = int(body.get("times", 1))
        with self.world.change():
            trade = self.shop.trade(_tid(rest))
            for _no in range(times):
                self.shop.emit(body.get("topic", "taobao_trade_TradeBuyerPay"), trade)
        return {"times": times}

    def _refund(self, rest: list[str], body: Json) -> Json:
        if len(rest) == 2:
            if rest[1] not in ("agree", "refuse", "close"):
                raise NotFound(f"no decision {rest[1]}")
            refund = self.shop.decide_refund(rest[0], rest[1])
        else:
            with self.world.change():
                trade = self.shop.trade(_tid(rest))
                oid = int(body.get("oid") or trade.lines[0].oid)
                refund = self.shop.open_refund(trade.tid, oid=oid, reason=body.get("reason", "不想要了"))
        return {"refund_id": refund.refund_id, "status": refund.status, "fee": yuan(refund.fee_fen)}

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


def _tid(rest: list[str]) -> int:
    if len(rest) != 1 or not rest[0].isdigit():
        raise NotFound("name a trade by its number")
    return int(rest[0])


def _make_line(wanted: Json, oid: int) -> Line:
    if unknown := set(wanted) - {"sku", "num", "price", "discount", "adjust"}:
        raise ValueError(f"a line has no {', '.join(sorted(unknown))}")
    code = wanted.get("sku", "SKU-1001")
    ware = goods.SKU_BY_CODE.get(code) or goods.BUNDLE_BY_CODE.get(code)
    price = to_fen(parse_amount(wanted["price"])) if "price" in wanted else ware.price_fen if ware else 9_900
    return Line(
        oid=oid,
        num_iid=ware.num_iid if ware else 690_000_000_000 + oid % 10**9,
        sku_id=ware.sku_id if ware else 5_900_000_000 + oid % 10**8,
        outer_sku_id=code,
        outer_iid=ware.spu if ware else "",
        title=ware.title if ware else f"新品 {code}",
        properties=ware.properties if ware else "",
        cid=ware.cid if ware else 50008779,
        price_fen=price,
        num=int(wanted.get("num", 1)),
        discount_fen=to_fen(parse_amount(wanted.get("discount", "0"))),
        adjust_fen=to_fen(parse_amount(wanted.get("adjust", "0"))),
    )
