"""How urgent an order is: points by rules that business people keep, the reasons with them, and the order of work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Shop
from ordercenter.common.batch import BatchResult
from ordercenter.common.secretfield import search_hash
from ordercenter.events.types import OrderRegraded
from ordercenter.orders.models import GradeRule, Order, VipBuyer
from ordercenter.orders.states import BEFORE_FULFILLMENT, Grade, GradeRuleKind, OrderState

STAMP = "grading"
HIGHEST = 32_000
REGRADE_AT_ONCE = 500
_BEFORE_ROUTING = (
    OrderState.PENDING_PAYMENT,
    OrderState.AWAITING_BALANCE,
    OrderState.PREPROCESSING,
    OrderState.DELAYED_REVIEW,
    OrderState.PENDING_REVIEW,
    OrderState.PENDING_FINANCE_REVIEW,
)
_OPEN = (*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED)


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule, ready to ask. shop_id None: of all shops."""

    code: str
    kind: str
    points: int
    grade: str = ""
    shop_id: int | None = None
    words: tuple[str, ...] = ()
    within: timedelta = timedelta(0)
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Grading:
    """All rules. penalised: rule code -> shops of its channel. vips: (shop, hashed buyer), shop None for all."""

    reasons: tuple[Reason, ...]
    penalised: dict[str, frozenset[int]]
    vips: frozenset[tuple[int | None, str]]

    def judge(self, order: Order, at: datetime) -> tuple[int, str, str]:
        """(points, grade, "code:points;..." of the rules that hold)."""
        points, grade, why = 0, Grade.VIP if order.grade == Grade.VIP else Grade.NORMAL, []
        remarks = (
            f"{order.buyer_remark} {order.seller_remark}".lower() if order.buyer_remark or order.seller_remark else ""
        )
        clock = False
        for reason in self.reasons:
            if reason.shop_id is not None and reason.shop_id != order.shop_id:
                continue
            kind = reason.kind
            if kind == "hours":
                # Of several spans the shortest that holds counts: they are sorted so.
                holds = not clock and order.ship_by is not None and order.ship_by - at <= reason.within
                clock = clock or holds
            elif kind == "words":
                holds = bool(remarks) and any(word in remarks for word in reason.words)
            elif kind == "amount":
                holds = order.total_amount >= reason.amount
            elif kind == "channel":
                holds = order.shop_id in self.penalised[reason.code]
            else:
                holds = order.grade == Grade.VIP or self._is_vip(order)
            if holds:
                points += reason.points
                why.append(f"{reason.code}:{reason.points}")
                if reason.grade == Grade.RUSH or (reason.grade == Grade.VIP and grade == Grade.NORMAL):
                    grade = Grade(reason.grade)
        return max(-HIGHEST, min(HIGHEST, points)), grade, ";".join(why)[:160]

    def _is_vip(self, order: Order) -> bool:
        if not self.vips or not order.buyer_key:
            return False
        hashed = search_hash("buyer", order.buyer_key)
        return (None, hashed) in self.vips or (order.shop_id, hashed) in self.vips

    @property
    def longest_clock(self) -> timedelta:
        """How long before its promise an order's grade may still change by itself."""
        return max((reason.within for reason in self.reasons), default=timedelta(0))


# What applies while no rule was written: (code, name, English name, kind, value, points, grade).
USUAL = (
    ("rush-words", "备注要求加急", "A remark asks for speed", "words", "加急 急用 尽快 urgent", 400, Grade.RUSH),
    ("vip", "VIP 买家", "VIP buyer", "vip", None, 300, Grade.VIP),
    ("late-4h", "距承诺发货不足 4 小时", "Less than 4 hours left to ship", "hours", 4, 200, ""),
    ("late-12h", "距承诺发货不足 12 小时", "Less than 12 hours left to ship", "hours", 12, 120, ""),
    ("late-24h", "距承诺发货不足 24 小时", "Less than 24 hours left to ship", "hours", 24, 60, ""),
    ("worth-5000", "金额 5000 元以上", "Worth 5,000 yuan or more", "amount", 5000, 60, ""),
    ("worth-1000", "金额 1000 元以上", "Worth 1,000 yuan or more", "amount", 1000, 30, ""),
)


def usual_rules() -> list[GradeRule]:
    """The built-in rules as unsaved rows."""
    column = {"words": "words", "hours": "hours", "amount": "amount"}
    return [
        GradeRule(
            code=code,
            name=name,
            name_en=name_en,
            kind=kind,
            points=points,
            grade=grade,
            **({column[kind]: value} if kind in column else {}),
        )
        for code, name, name_en, kind, value, points, grade in USUAL
    ]


def write_usual_rules() -> None:
    """Give an installation without any rule the built-in ones as rows, so that people see and change them."""
    if not GradeRule.objects.exists():
        for rule in usual_rules():
            rule.save()


def grade_orders(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """Say how urgent each order is, and why. done: all orders. One statement: which version of the rules holds.

    Emits OrderRegraded for those that changed after they were approved: until then nothing has gone by the old grade.
    """
    result = BatchResult()
    rules = grading(work)
    for order in work.lock(Order, order_ids).values():
        before = order.priority
        if _grade(work, order, rules) and order.state not in _BEFORE_ROUTING:
            work.record(OrderRegraded(order_id=order.pk, priority=order.priority, before=before))
        result.done.append(order)
    return result


def regrade_orders(*, at: datetime, after: int = 0) -> tuple[int, int]:
    """Judge open orders anew whose promise comes near: the clock runs while nothing else happens to them.

    At most REGRADE_AT_ONCE orders, by id after `after`. Returns how many changed and the last id looked at, 0 when
    there are no more. Emits OrderRegraded.
    """
    with unit_of_work(at=at) as work:
        rules = grading(work)
        near = Order.objects.filter(state__in=_OPEN, ship_by__lte=at + rules.longest_clock, pk__gt=after)
        ids = list(near.order_by("pk").values_list("pk", flat=True)[:REGRADE_AT_ONCE])
        changed = 0
        for order in work.lock(Order, ids).values():
            before = order.priority
            if order.state in _OPEN and _grade(work, order, rules):
                changed += 1
                work.record(OrderRegraded(order_id=order.pk, priority=order.priority, before=before))
    return changed, ids[-1] if len(ids) == REGRADE_AT_ONCE else 0


def grading(work: Work) -> Grading:
    """The rules, compiled once per version and process."""
    return compiled(work, STAMP, lambda: compile_rules(list(GradeRule.objects.all()) or usual_rules()))


def compile_rules(rows: Sequence[GradeRule]) -> Grading:
    """Rules as rows to rules as plain values; reads the VIP list and which shops a channel has."""
    active = [row for row in rows if row.is_active]
    channels = {row.channel_id for row in active if row.kind == GradeRuleKind.CHANNEL and row.channel_id is not None}
    shops = list(Shop.objects.filter(channel_id__in=channels).values_list("pk", "channel_id")) if channels else []
    reasons = [
        Reason(
            code=row.code,
            kind=row.kind,
            points=row.points,
            grade=row.grade,
            shop_id=row.shop_id,
            words=tuple(row.words.lower().split()),
            within=timedelta(hours=row.hours or 0),
            amount=Decimal(row.amount or 0),
        )
        for row in active
    ]
    return Grading(
        reasons=tuple(sorted(reasons, key=lambda reason: reason.within)),
        penalised={
            row.code: frozenset(pk for pk, channel_id in shops if channel_id == row.channel_id)
            for row in active
            if row.kind == GradeRuleKind.CHANNEL
        },
        vips=frozenset(VipBuyer.objects.values_list("shop_id", "buyer_hash")),
    )


def urgency(order: Order) -> tuple[int, datetime, int]:
    """The order of work everywhere: more points, then the earlier promise, then the older order."""
    return -order.priority, order.ship_by or order.paid_at or order.placed_at, order.pk


def _grade(work: Work, order: Order, rules: Grading) -> bool:
    points, grade, why = rules.judge(order, work.at)
    if (points, grade, why) == (order.priority, order.grade, order.priority_why):
        return False
    order.priority, order.grade, order.priority_why = points, grade, why
    work.save(order, "priority", "grade", "priority_why")
    return True
