"""Sessions are planned and changed: what is sold, from where, for how much, and what is set aside for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from channels_sync.live.errors import LivePlanWrong, LiveSessionCalledOff, LiveSessionOverlaps, LiveSessionUnknown
from channels_sync.live_models import LiveItem, LiveSession
from channels_sync.states import LiveState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events import timers
from ordercenter.events.models import Timer
from ordercenter.events.types import LiveSessionChanged
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import QuotaChange, QuotaDraft
from ordercenter.inventory.states import QuotaKind


@dataclass(frozen=True, slots=True)
class LivePlan:
    """Who streams, where and when. room_id, author_id: the platform's; one of them may be empty."""

    title: str
    room_id: str
    author_id: str
    anchor_name: str
    planned_start: datetime
    planned_end: datetime
    lead_minutes: int = 30


@dataclass(frozen=True, slots=True)
class LiveGoods:
    """A SKU of a session: pieces to set aside in a warehouse, the price there, and the anchor's part in percent.

    few_pieces: with so many left somebody is told that it is nearly sold out; None: with a tenth left.
    """

    sku_id: int
    warehouse_id: int
    quantity: int
    price: Decimal
    commission_percent: Decimal = Decimal(0)
    few_pieces: int | None = None


def plan_session(
    *,
    shop_id: int,
    plan: LivePlan,
    goods: Sequence[LiveGoods],
    reason: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> LiveSession:
    """A session of this shop, and timers that set its goods aside, begin and end it.

    One whose end has come already is entered as over: nothing is set aside, its orders are found all the same. Raises
    LivePlanWrong, LiveSessionOverlaps, and what inventory refuses of the goods (QuotaTooLarge, QuotaOverlaps). Emits
    LiveSessionChanged; deed "live.plan". Constant number of statements.
    """
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        _check(plan, goods)
        _one_at_a_time(shop_id)
        _refuse_overlaps(shop_id, plan)
        session = LiveSession(shop_id=shop_id, **asdict(plan))
        work.add([session])
        if plan.planned_end <= work.at:
            session.start(at=plan.planned_start)
            session.end(at=plan.planned_end)
        _put_goods(work, session, goods, reason)
        if session.is_open:
            _set_timers(work, session)
        _tell(work, "live.plan", session, reason)
    return session


def change_session(
    *,
    session_id: int,
    plan: LivePlan,
    goods: Sequence[LiveGoods],
    reason: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> LiveSession:
    """What a session is to be from now on; goods that are not named any more are taken off its list.

    Of one that is over, what is set aside is not touched; its room, anchor, prices and commissions still count. Raises
    as plan_session does, QuotaBelowTaken where fewer are to be set aside than orders have, LiveSessionUnknown,
    LiveSessionCalledOff. Emits LiveSessionChanged; deed "live.change".
    """
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        _check(plan, goods)
        found = LiveSession.objects.filter(pk=session_id).first()
        if found is None:
            raise LiveSessionUnknown(session_id=session_id)
        _one_at_a_time(found.shop_id)
        session = work.lock(LiveSession, [session_id])[session_id]
        if session.state == LiveState.CANCELLED:
            raise LiveSessionCalledOff(session_id=session_id)
        if session.is_open and plan.planned_end <= work.at:
            raise LivePlanWrong(problem="it would be over already; end it")
        _refuse_overlaps(session.shop_id, plan, but=session_id)
        for name, value in asdict(plan).items():
            setattr(session, name, value)
        work.save(session, *asdict(plan))
        _put_goods(work, session, goods, reason)
        if session.is_open:
            timers.move({_key(session, "start"): plan.planned_start, _key(session, "end"): plan.planned_end})
        _tell(work, "live.change", session, reason)
    return session


def _check(plan: LivePlan, goods: Sequence[LiveGoods]) -> None:
    if not (plan.room_id or plan.author_id):
        raise LivePlanWrong(problem="neither room nor anchor")
    if plan.planned_end <= plan.planned_start:
        raise LivePlanWrong(problem="the end is not after the start")
    skus = [g.sku_id for g in goods]
    if len(set(skus)) < len(skus):
        raise LivePlanWrong(problem="a SKU is named twice")
    if any(g.quantity < 1 or g.price < 0 or not 0 <= g.commission_percent <= 100 for g in goods):
        raise LivePlanWrong(problem="pieces, price or commission")
    if Sku.objects.filter(pk__in=skus, is_bundle=True).exists():
        raise LivePlanWrong(problem="a bundle has no stock of its own")


def _one_at_a_time(shop_id: int) -> None:
    """Sessions of a shop are planned one after another: two that overlap would not see each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('live'), %s)", [shop_id])


def _refuse_overlaps(shop_id: int, plan: LivePlan, *, but: int = 0) -> None:
    same = (Q(room_id=plan.room_id) & ~Q(room_id="")) | (Q(author_id=plan.author_id) & ~Q(author_id=""))
    others = LiveSession.objects.filter(same, shop_id=shop_id).exclude(state=LiveState.CANCELLED).exclude(pk=but)
    for other in others.filter(planned_start__lt=plan.planned_end, planned_end__gt=plan.planned_start):
        if other.ended_at is None or other.ended_at > plan.planned_start:
            raise LiveSessionOverlaps(other_id=other.pk)


def _put_goods(work: Work, session: LiveSession, goods: Sequence[LiveGoods], reason: str) -> None:
    known = {item.sku_id: item for item in work.lock_children(LiveItem, "session_id", [session.pk])[session.pk]}
    wanted = {g.sku_id: g for g in goods}
    gone = [item for sku_id, item in known.items() if sku_id not in wanted and not item.is_dropped]
    # All stock rows in one step, before any of the verbs takes its own.
    inventory.lock_stock_of(order_ids=[], sku_ids=[*known, *wanted], work=work)
    quotas = inventory.lock_quotas_with_stock(
        quota_ids=[item.quota_id for item in known.values() if item.quota_id], work=work
    )[0]
    fresh: list[LiveItem] = []
    changes: dict[int, QuotaChange] = {}
    without: list[LiveItem] = []
    ending = [item.quota_id for item in gone if item.quota_id]
    for item in gone:
        item.is_dropped, item.quota_id = True, None
        work.save(item, "is_dropped", "quota_id")
    for g in goods:
        item = known.get(g.sku_id) or LiveItem(session_id=session.pk)
        quota = quotas.get(item.quota_id or 0)
        if quota is not None and quota.warehouse_id != g.warehouse_id:
            ending.append(quota.pk)
            item.quota_id = quota = None
        for name, value in asdict(g).items():
            setattr(item, name, value)
        item.is_dropped = False
        if item.pk is None:
            fresh.append(item)
        else:
            work.save(item, *asdict(g), "is_dropped", "quota_id")
        if quota is None:
            without.append(item)
        else:
            changes[quota.pk] = QuotaChange(g.quantity, session.opens_at, session.planned_end)
    work.add(fresh)
    if session.is_open:
        _lock_stock(work, session, ending, changes, without, reason)


def _lock_stock(
    work: Work,
    session: LiveSession,
    ending: Sequence[int],
    changes: dict[int, QuotaChange],
    without: Sequence[LiveItem],
    reason: str,
) -> None:
    if ending:
        inventory.end_quotas(quota_ids=ending, reason=reason, work=work)
    if changes:
        inventory.change_quotas(changes=changes, work=work)
    drafts = [
        QuotaDraft(
            session.shop_id,
            item.sku_id,
            item.warehouse_id,
            QuotaKind.LIVE,
            item.quantity,
            session.opens_at,
            session.planned_end,
            only_named_orders=True,
        )
        for item in without
    ]
    if drafts:
        quotas = inventory.plan_quotas(drafts=drafts, reason=session.title, work=work)
        for item, quota in zip(without, quotas, strict=True):
            item.quota_id = quota.pk


def _set_timers(work: Work, session: LiveSession) -> None:
    cause = work.cause_of(f"live_session:{session.pk}")
    work.add(
        [
            Timer(
                due_at=when,
                event="channels.live_session.due",
                payload={"live_session_id": session.pk, "move": move},
                key=_key(session, move),
                chain_id=cause.chain_id,
                cause_id=cause.event_id,
                depth=cause.depth,
            )
            for move, when in (("start", session.planned_start), ("end", session.planned_end))
        ]
    )


def _key(session: LiveSession, move: str) -> str:
    return f"live_session:{session.pk}:{move}"


def _tell(work: Work, action: str, session: LiveSession, reason: str) -> None:
    work.record(LiveSessionChanged(live_session_id=session.pk, state=session.state))
    if work.actor.is_person:
        details = {"shop": session.shop_id, "start": session.planned_start.isoformat()}
        record_deed(work, action=action, subject=f"live_session:{session.pk}", reason=reason, details=details)
