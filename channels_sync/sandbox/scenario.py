"""Seeded days: who orders what, and which orders carry a planted problem. Pure: no clock, no state, no network.

`Script(spec, first_tid=...)` answers `order(index)` for every index below `spec.orders`; the same spec and first_tid
give the same orders, whichever is asked first, so a play can be resumed anywhere. Which index carries which problem
depends on the seed alone; names, goods and ids also on first_tid: the same day played twice is no day of duplicates.

Every planted order carries exactly one problem:

| code | what is wrong with the trade |
|---|---|
| SKU_UNMAPPED | one line's outer code and listing are in no catalogue |
| ADDRESS_INCOMPLETE | receiver_state, receiver_district or (with the town) receiver_address is empty |
| REMARK_NEEDS_HUMAN | buyer_message or seller_memo is not empty (clean orders have neither) |
| PRICE_BELOW_FLOOR | one line's divide_order_fee / num is below the SKU's floor price (about half of it) |
| BLACKLIST | the buyer is one of people.BLACKLIST: known phone, buyer_open_uid and oaid |
| REFUND_BEFORE_SHIP | a refund WAIT_SELLER_AGREE on one line, at payment or refund_after_s later |
| DUPLICATE_SUSPECT | same buyer, oaid, SKUs and quantities as an order (`partner`, itself clean) of minutes before |
| OUT_OF_STOCK | more pieces of goods.SCARCE than all warehouses hold together |

Every order is sold on one platform of the spec's mix; a problem that a platform cannot tell falls to the others.

Clean orders: every line above its floor whichever way bundles and promotions are shared, complete addresses (a county
directly under its province has no city: that is complete), no remarks, no gifts.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain, islice
from typing import Any

from channels_sync.sandbox import goods
from channels_sync.sandbox.pacing import Peak, checked
from channels_sync.sandbox.people import BLACKLIST, Buyer, invent_buyer
from channels_sync.sandbox.platforms import TMALL, TRAITS
from channels_sync.sandbox.rooms import SHOWN, Room, room_of, rooms_from_json
from channels_sync.sandbox.trades import Line, Trade

PROBLEMS = (
    "SKU_UNMAPPED",
    "ADDRESS_INCOMPLETE",
    "REMARK_NEEDS_HUMAN",
    "PRICE_BELOW_FLOOR",
    "BLACKLIST",
    "REFUND_BEFORE_SHIP",
    "DUPLICATE_SUSPECT",
    "OUT_OF_STOCK",
)
# 0.9 % of all orders: 99.1 % go through untouched.
DEFAULT_SHARES: Mapping[str, float] = {
    "SKU_UNMAPPED": 0.0010,
    "ADDRESS_INCOMPLETE": 0.0010,
    "REMARK_NEEDS_HUMAN": 0.0030,
    "PRICE_BELOW_FLOOR": 0.0008,
    "BLACKLIST": 0.0006,
    "REFUND_BEFORE_SHIP": 0.0012,
    "DUPLICATE_SUSPECT": 0.0008,
    "OUT_OF_STOCK": 0.0006,
}
TIDS_PER_ORDER = 10
# So many listings of a shop are not matched to anything.
NEW_LISTINGS = 12
_BUYER_MESSAGES = (
    "周末送",
    "请发顺丰，急用",
    "送人的，不要放价格单",
    "颜色换成灰色可以吗",
    "麻烦多放一个包装袋",
    "下周三再发货",
)
_SELLER_MEMOS = ("客户要求改地址，等确认", "补发上次漏的隔热垫", "老客户，送小样一份", "差价已退，按备注发")
_REFUND_REASONS = ("不想要了", "拍错了", "地址写错", "其他渠道更便宜")
_PROMOTIONS = ((40_000, 5_000, "满 400 减 50"), (20_000, 2_000, "满 200 减 20"))


@dataclass(frozen=True, kw_only=True)
class BillPlan:
    """How many differences of each kind to plant in the bill; see trades.BillDifference."""

    missing: int = 0
    extra: int = 0
    amount_off: int = 0
    fee_off: int = 0


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What to play. Shares are of all orders, between 0 and 1; their sum at most 1.

    rate_per_s: orders a second, None = as fast as possible. unpaid_first_share: created unpaid and paid within
    pay_after_s. presale_share: deposit first, balance after balance_after_s. refund_after_s: how long after payment a
    planted refund comes. refund_agree_after_s: when such a refund succeeds by itself, None = never. platforms: where
    the orders are sold, by weight; which index goes where depends on the seed alone. peaks: times in which orders come
    faster than rate_per_s, counted from the beginning (after a restart, from there). rooms: live rooms by platform;
    live_share: the part of the orders of such a platform that is bought in one of its rooms, of what is shown there.
    """

    seed: int
    orders: int
    rate_per_s: float | None = None
    peaks: tuple[Peak, ...] = ()
    problem_shares: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    unpaid_first_share: float = 0.10
    pay_after_s: float = 2.0
    presale_share: float = 0.02
    balance_after_s: float = 2.0
    bundle_share: float = 0.10
    promotion_share: float = 0.30
    discount_share: float = 0.20
    freight_share: float = 0.05
    refund_after_s: float = 0.0
    refund_agree_after_s: float | None = None
    platforms: Mapping[str, float] = field(default_factory=lambda: {TMALL: 1.0})
    rooms: Mapping[str, Sequence[Room]] = field(default_factory=dict)
    live_share: float = 0.0
    bill: BillPlan = BillPlan()

    def __post_init__(self) -> None:
        unknown = set(self.problem_shares) - set(PROBLEMS)
        if unknown:
            raise ValueError(f"unknown problem: {', '.join(sorted(unknown))}; known: {', '.join(PROBLEMS)}")
        shares = [*self.problem_shares.values(), self.unpaid_first_share, self.presale_share, self.bundle_share]
        shares += [self.promotion_share, self.discount_share, self.freight_share, self.live_share]
        if any(not 0 <= share <= 1 for share in shares) or sum(self.problem_shares.values()) > 1:
            raise ValueError("shares lie between 0 and 1, and those of the problems add up to at most 1")
        if unknown := set(self.platforms) - set(TRAITS):
            raise ValueError(f"unknown platform: {', '.join(sorted(unknown))}; known: {', '.join(TRAITS)}")
        if not self.platforms or any(weight <= 0 for weight in self.platforms.values()):
            raise ValueError("platforms: at least one, with a weight above 0")
        if self.orders < 0 or (self.rate_per_s is not None and self.rate_per_s <= 0):
            raise ValueError("orders must not be negative, rate_per_s must be above 0 or null")
        if self.peaks and self.rate_per_s is None:
            raise ValueError("peaks need a rate_per_s that they are above")
        object.__setattr__(self, "peaks", checked(self.peaks))


def spec_from_json(document: Mapping[str, Any]) -> Spec:
    """A spec from a JSON object. Raises ValueError that names what is unknown or wrong."""
    known = {item.name for item in fields(Spec)}
    unknown = set(document) - known
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    values = dict(document)
    try:
        values["bill"] = BillPlan(**(values.get("bill") or {}))
        values["peaks"] = tuple(Peak(**peak) for peak in values.get("peaks") or ())
        if values.get("problem_shares") is None:
            values["problem_shares"] = dict(DEFAULT_SHARES)
        if values.get("platforms") is None:
            values.pop("platforms", None)
        values["rooms"] = rooms_from_json(values.get("rooms") or {})
        return Spec(**values)
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class PlannedRefund:
    line_no: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One order of the script. trade: unpaid, its instants 0. lead_ms: how long before it appears it was created.

    unpaid_first: comes in unpaid, to be paid pay_after_ms later. partner: index of the order it doubles, or None.
    """

    index: int
    trade: Trade
    problem: str
    lead_ms: int
    unpaid_first: bool
    presale: bool
    pay_after_ms: int
    refund: PlannedRefund | None
    partner: int | None


class Script:
    """All orders of one spec, by index."""

    def __init__(self, spec: Spec, *, first_tid: int):
        self.spec = spec
        self.first_tid = first_tid
        self.problems = _place_problems(spec)
        self._twins = _pair_twins(spec, self.problems)
        blacklisted = [index for index, problem in sorted(self.problems.items()) if problem == "BLACKLIST"]
        self._blacklist_rank = {index: rank for rank, index in enumerate(blacklisted)}
        self._blacklist_goods = random.Random(f"blacklist/{spec.seed}/{first_tid}").sample(range(len(goods.SKUS)), 2)

    def tid(self, index: int) -> int:
        return self.first_tid + index * TIDS_PER_ORDER

    def extra_tid(self, number: int) -> int:
        """The number of an order that was never placed, for rows of the bill that belong to nothing."""
        return self.tid(number) - 1_000_000_000_000_000_000

    def number(self, index: int) -> str:
        """The order's number as its platform tells it."""
        return str(self.tid(index) - TRAITS[self.platform(index)].number_shift)

    def platform(self, index: int) -> str:
        """Where the order at this index is sold; a duplicate where the order is that it doubles."""
        return _platform_of(self.spec, self._twins.get(index, index), self.problems)

    def room(self, index: int) -> Room | None:
        """The live room in which the order at this index is bought; a duplicate where the order is that it doubles."""
        first = self._twins.get(index, index)
        return room_of(
            self.spec.rooms,
            platform=self.platform(index),
            share=self.spec.live_share,
            seed=self.spec.seed,
            index=first,
        )

    def twin_of(self, index: int) -> int:
        """The order that the duplicate at this index doubles."""
        return self._twins[index]

    def order(self, index: int) -> PlannedOrder:
        """The order at this index, complete but unpaid."""
        problem = self.problems.get(index, "")
        if problem == "DUPLICATE_SUSPECT":
            return self._double(index, self.order(self._twins[index]))
        rng = random.Random(f"{self.spec.seed}/{self.first_tid}/{index}")
        platform = self.platform(index)
        unpaid_first, presale = _traits(self.spec, index, problem)
        buyer = self._buyer(rng, index, problem)
        lines = self._lines(rng, index, problem)
        post_fen = 800 if rng.random() < self.spec.freight_share else 0
        name = _apply_promotion(rng, lines, share=self.spec.promotion_share)
        refund = None
        if problem == "REFUND_BEFORE_SHIP":
            refund = PlannedRefund(rng.randrange(len(lines)), rng.choice(_REFUND_REASONS))
        trade = self._trade(index, buyer, lines, problem, post_fen=post_fen)
        trade.promotion_name, trade.promotion_id = name, f"mjs-{self.spec.seed}_{index}" if name else ""
        if problem == "REMARK_NEEDS_HUMAN":
            _add_remark(rng, trade)
        return PlannedOrder(
            index=index,
            trade=trade,
            problem=problem,
            lead_ms=rng.randrange(20_000, 60_000),
            unpaid_first=unpaid_first,
            presale=presale and TRAITS[platform].has_presale,
            pay_after_ms=int(self.spec.pay_after_s * 1000 * rng.uniform(0.2, 1)),
            refund=refund,
            partner=None,
        )

    def _trade(self, index: int, buyer: Buyer, lines: list[Line], problem: str, *, post_fen: int) -> Trade:
        tid, room = self.tid(index), self.room(index)
        for line_no, line in enumerate(lines, start=1):
            line.oid = tid if len(lines) == 1 else tid + line_no
        return Trade(
            tid=tid,
            buyer=buyer,
            lines=lines,
            created_ms=0,
            modified_ms=0,
            post_fen=post_fen,
            problem=problem,
            platform=self.platform(index),
            room_id=room.room_id if room else "",
            author_id=room.author_id if room else "",
        )

    def _double(self, index: int, twin: PlannedOrder) -> PlannedOrder:
        lines = [replace(line) for line in twin.trade.lines]
        trade = self._trade(index, twin.trade.buyer, lines, "DUPLICATE_SUSPECT", post_fen=twin.trade.post_fen)
        trade.promotion_name, trade.promotion_id = twin.trade.promotion_name, twin.trade.promotion_id
        # Created after its twin even when both appear at the same moment.
        lead_ms = twin.lead_ms - 5_000 - index % 10_000
        return replace(twin, index=index, trade=trade, problem="DUPLICATE_SUSPECT", lead_ms=lead_ms, partner=twin.index)

    def _buyer(self, rng: random.Random, index: int, problem: str) -> Buyer:
        if problem == "BLACKLIST":
            return BLACKLIST[self._blacklist_rank[index] % len(BLACKLIST)]
        buyer = invent_buyer(rng, identity=f"{self.spec.seed}/{self.tid(index)}")
        if problem == "ADDRESS_INCOMPLETE":
            # Without its district a county directly under the province would have nothing left but the province.
            missing = rng.choice(("state", "district", "address"))
            buyer = replace(buyer, **{missing: ""})
            if missing == "address":
                # Shops with one text for all of it would be left with the name of the town as the address.
                buyer = replace(buyer, town="")
        return buyer

    def _lines(self, rng: random.Random, index: int, problem: str) -> list[Line]:
        if problem == "OUT_OF_STOCK":
            return [_line(goods.SCARCE, goods.SCARCE_ORDER_QTY)]
        count = rng.choices((1, 2, 3, 4, 5), cum_weights=(55, 80, 92, 97, 100))[0]
        wares: list[goods.Sku | goods.Bundle] = list(rng.sample(goods.SKUS, count))
        if problem == "BLACKLIST":
            # The same buyer comes again every len(BLACKLIST) times, and in the next play: never with the same goods.
            rank = self._blacklist_rank[index]
            wares = [goods.SKUS[(rank + shift) % len(goods.SKUS)] for shift in self._blacklist_goods]
        elif problem != "PRICE_BELOW_FLOOR" and rng.random() < self.spec.bundle_share * 1.7:
            # 1.7 lines an order on average: the share is one of lines.
            wares[rng.randrange(count)] = rng.choice(goods.BUNDLES)
        if problem != "BLACKLIST" and self.room(index) is not None:
            wares = list(rng.sample(SHOWN, count))
        lines = [_line(ware, rng.choices((1, 2, 3), cum_weights=(82, 95, 100))[0]) for ware in wares]
        for line in lines:
            if rng.random() < self.spec.discount_share:
                line.discount_fen = line.price_fen * line.num * rng.choice((5, 10)) // 100
        if problem == "SKU_UNMAPPED":
            _make_unknown(rng, rng.choice(lines), self.tid(index))
        elif problem == "PRICE_BELOW_FLOOR":
            cheap = rng.choice(lines)
            cheap.discount_fen, cheap.adjust_fen = 0, -(cheap.price_fen * cheap.num * 7 // 10)
        return lines


def plan_bill_differences(script: Script) -> list[tuple[str, int | None, int]]:
    """Which payments of the script get a planted difference: (kind, order index or None, offset in fen).

    Only orders paid when they appear, without a planted problem; the offset is added to the amount or the fee that the
    bill shows. An extra row belongs to no order; its offset is its amount.
    """
    spec, plan = script.spec, script.spec.bill
    rng = random.Random(f"bill/{spec.seed}")
    wanted = [("MISSING_ROW", plan.missing), ("AMOUNT_OFF", plan.amount_off), ("FEE_OFF", plan.fee_off)]
    needed = sum(count for _kind, count in wanted)
    places = rng.sample(range(spec.orders), spec.orders) if needed else []
    billed = (at for at in places if TRAITS[script.platform(at)].provider)
    picked = list(islice((at for at in billed if _is_plain(spec, at, script.problems)), needed))
    if len(picked) < needed or needed + plan.extra > spec.orders:
        raise ValueError(f"{needed} differences of the bill need as many plain orders, there are {len(picked)}")
    found: list[tuple[str, int | None, int]] = []
    for kind, count in wanted:
        for _no in range(count):
            offset = 0 if kind == "MISSING_ROW" else rng.choice((-1, 1)) * rng.randrange(1, 100)
            found.append((kind, picked.pop(), offset))
    found.extend(("EXTRA_ROW", None, rng.randrange(1_000, 50_000)) for _no in range(plan.extra))
    return found


def _place_problems(spec: Spec) -> dict[int, str]:
    """Order index -> code. Exact numbers: shares of all orders by largest remainders, places by the seed."""
    exact = {code: spec.problem_shares.get(code, 0) * spec.orders for code in PROBLEMS}
    counts = {code: int(count + 1e-9) for code, count in exact.items()}
    rest = int(sum(exact.values()) + 0.5 + 1e-9) - sum(counts.values())
    for code in sorted(PROBLEMS, key=lambda code: counts[code] - exact[code])[:rest]:
        counts[code] += 1
    codes = [code for code in PROBLEMS if code != "DUPLICATE_SUSPECT" for _no in range(counts[code])]
    doubled = counts["DUPLICATE_SUSPECT"]
    wanted = len(codes) + doubled
    rng = random.Random(f"places/{spec.seed}")
    # A duplicate needs a plain order before it: the first order stays plain when it can, duplicates come late.
    places = sorted(rng.sample(range(0 if wanted == spec.orders else 1, spec.orders), wanted))
    doubles = set(rng.sample(places[min(wanted // 2, wanted - doubled) :], doubled))
    rng.shuffle(codes)
    others = iter(codes)
    return {place: "DUPLICATE_SUSPECT" if place in doubles else next(others) for place in places}


def _pair_twins(spec: Spec, problems: Mapping[int, str]) -> dict[int, int]:
    """For each duplicate the order it doubles: plain, a few places (at a given rate: two minutes) before it.

    One order is doubled twice only when there is no other left.
    """
    rng = random.Random(f"twins/{spec.seed}")
    reach = 20 if spec.rate_per_s is None else max(0, min(20, int(spec.rate_per_s * 120)))
    twins: dict[int, int] = {}
    taken: set[int] = set()
    for index in sorted(index for index, problem in problems.items() if problem == "DUPLICATE_SUSPECT"):
        candidate = max(0, index - 1 - rng.randrange(reach + 1))
        nearest_first = chain(range(candidate, -1, -1), range(candidate + 1, index))
        plain = (at for at in nearest_first if _is_plain(spec, at, problems))
        nearest = next(plain, None)
        twin = nearest if nearest not in taken else next((at for at in plain if at not in taken), nearest)
        if twin is None:
            raise ValueError("a duplicate needs a plain order before it: play more orders or fewer problems")
        taken.add(twin)
        twins[index] = twin
    return twins


def _is_plain(spec: Spec, index: int, problems: Mapping[int, str]) -> bool:
    return index not in problems and not any(_traits(spec, index, ""))


def _platform_of(spec: Spec, index: int, problems: Mapping[int, str]) -> str:
    if len(spec.platforms) == 1:
        return next(iter(spec.platforms))
    problem = problems.get(index, "")
    fit = {code: weight for code, weight in spec.platforms.items() if problem not in TRAITS[code].never}
    if not fit:
        raise ValueError(f"none of {', '.join(spec.platforms)} can tell {problem}")
    return random.Random(f"platform/{spec.seed}/{index}").choices(list(fit), list(fit.values()))[0]


def _traits(spec: Spec, index: int, problem: str) -> tuple[bool, bool]:
    """(unpaid first, presale). Presale orders carry no problem: one thing at a time."""
    if not index:
        return False, False
    rng = random.Random(spec.seed * 1_000_003 + index)
    unpaid_first = rng.random() < spec.unpaid_first_share
    presale = rng.random() < spec.presale_share and not problem
    return unpaid_first, presale


def _line(ware: goods.Sku | goods.Bundle, num: int) -> Line:
    return Line(
        oid=0,
        num_iid=ware.num_iid,
        sku_id=ware.sku_id,
        outer_sku_id=ware.code,
        outer_iid=ware.spu,
        title=ware.title,
        properties=ware.properties,
        cid=ware.cid,
        price_fen=ware.price_fen,
        num=num,
    )


def _make_unknown(rng: random.Random, line: Line, tid: int) -> None:
    """The line sells what the shop has just put up and nobody has matched: one of a dozen new listings of known goods,
    some with a code of their own, some with none, some that speak of a gift box or of two pieces.
    """
    number = tid // TIDS_PER_ORDER % NEW_LISTINGS
    ware = goods.SKUS[number * 5 % len(goods.SKUS)]
    line.outer_sku_id = f"NEW-{2601 + number}" if rng.random() < 0.7 and number % 3 else ""
    line.outer_iid = ""
    line.num_iid, line.sku_id = 690_000_000_001 + number, 5_900_000_001 + number
    line.properties, line.cid, line.price_fen, line.discount_fen = ware.properties, ware.cid, ware.price_fen, 0
    name = ware.title.split(" ")[0]
    line.title = (f"新品预上架 {ware.title}", f"木棉家居 {name} 2026新款 礼盒装", f"{name} 北欧风 家用 2个装")[
        number // 4 % 3
    ]


def _apply_promotion(rng: random.Random, lines: Sequence[Line], *, share: float) -> str:
    """Take the shop's promotion off, shared by the lines' totals to the fen. Returns its name, "" when none applies."""
    if rng.random() >= share:
        return ""
    weights = [line.total_fen for line in lines]
    whole = sum(weights)
    for threshold, off, name in _PROMOTIONS:
        if whole >= threshold:
            for line, part in zip(lines, share_fen(off, weights), strict=True):
                line.share_fen = part
            return name
    return ""


def share_fen(total: int, weights: Sequence[int]) -> list[int]:
    """Share whole fen by weights so that the parts add up exactly (largest remainders)."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda at: -(total * weights[at] % whole))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return parts


def _add_remark(rng: random.Random, trade: Trade) -> None:
    kind = rng.randrange(3)
    if kind != 1:
        trade.buyer_message = rng.choice(_BUYER_MESSAGES)
    if kind != 0:
        trade.seller_memo, trade.seller_flag = rng.choice(_SELLER_MEMOS), rng.randrange(1, 6)
