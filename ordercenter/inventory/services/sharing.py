"""Pieces set aside for one shop: planned, opened and ended, each moving stock in the transaction that says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events import timers
from ordercenter.events.models import Timer
from ordercenter.events.types import StockReplenished
from ordercenter.inventory.errors import QuotaBelowTaken, QuotaOverlaps, QuotaTooLarge, QuotaUnknown, QuotaWithoutTime
from ordercenter.inventory.models import ChannelQuota, StockLevel
from ordercenter.inventory.services.levels import Place, QuotaKey, lock_levels, make_levels
from ordercenter.inventory.states import QuotaKind, QuotaState

SHORT_CASE = "QUOTA_SHORT"


@dataclass(frozen=True, slots=True)
class QuotaDraft:
    """Pieces to be set aside for a shop, from starts_at on, until ends_at where it is given.

    only_named_orders: not for all orders of the shop, see `entitling`.
    """

    shop_id: int
    sku_id: int
    warehouse_id: int
    kind: QuotaKind
    quantity: int
    starts_at: datetime
    ends_at: datetime | None
    only_named_orders: bool = False


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """What a quota is to be: pieces and times. A quota that has begun keeps its start."""

    quantity: int
    starts_at: datetime
    ends_at: datetime


def plan_quota(
    *,
    shop_id: int,
    sku_id: int,
    warehouse_id: int,
    kind: QuotaKind,
    quantity: int,
    starts_at: datetime,
    ends_at: datetime | None,
    reason: str,
    at: datetime,
    actor: Actor = SYSTEM,
) -> ChannelQuota:
    """`plan_quotas` for one."""
    draft = QuotaDraft(shop_id, sku_id, warehouse_id, kind, quantity, starts_at, ends_at)
    return plan_quotas(drafts=[draft], reason=reason, at=at, actor=actor)[0]


def plan_quotas(
    *,
    drafts: Sequence[QuotaDraft],
    reason: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> list[ChannelQuota]:
    """Set pieces aside for shops: now, when starts_at has come already, else by a timer; ends_at takes them back.

    All of them or none. A quota that begins now must be there whole: QuotaTooLarge. Raises QuotaWithoutTime for times
    that are no span or a live-stream lock without an end, QuotaOverlaps where the shop has another one for these goods
    at that time. Writes the deed "stock.set_aside" for each. Constant number of statements.
    """
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        for d in drafts:
            _refuse_without_time(d, work.at)
        make_levels([(d.sku_id, d.warehouse_id) for d in drafts])
        levels = lock_levels(sku_ids={d.sku_id for d in drafts}, work=work)
        _refuse_overlaps(drafts)
        quotas = [
            ChannelQuota(
                shop_id=d.shop_id,
                sku_id=d.sku_id,
                warehouse_id=d.warehouse_id,
                kind=d.kind,
                quantity=d.quantity,
                starts_at=d.starts_at,
                ends_at=d.ends_at,
                reason=reason[:200],
                only_named_orders=d.only_named_orders,
            )
            for d in drafts
        ]
        work.add(quotas)
        for quota in quotas:
            if quota.starts_at <= work.at:
                free = levels[quota.sku_id, quota.warehouse_id].available_to_sell
                if quota.quantity > free:
                    raise QuotaTooLarge(wanted=quota.quantity, free=max(0, free))
                _open(work, quota, levels)
            _set_timers(work, quota)
            if actor.is_person:
                details = {"quota": quota.pk, "shop": quota.shop_id, "warehouse": quota.warehouse_id}
                record_deed(
                    work,
                    action="stock.set_aside",
                    subject=f"sku:{quota.sku_id}",
                    reason=reason,
                    details={**details, "pieces": quota.quantity},
                )
    return quotas


def change_quotas(
    *, changes: Mapping[int, QuotaChange], work: Work | None = None, at: datetime | None = None
) -> list[ChannelQuota]:
    """Other pieces or times for quotas, in place: what orders took from a quota stays taken from it.

    All of them or none; ended ones are left alone. Raises QuotaBelowTaken, QuotaTooLarge for pieces that are not free
    now, QuotaWithoutTime. Emits StockReplenished where pieces go back to the pool. Constant number of statements.
    """
    with unit_of_work(work, at=at) as work:
        quotas, levels = lock_quotas_with_stock(quota_ids=changes, work=work)
        alive = [quota for quota in quotas.values() if quota.state != QuotaState.ENDED]
        for quota in alive:
            change = changes[quota.pk]
            starts_at = quota.starts_at if quota.state == QuotaState.OPEN else change.starts_at
            if change.quantity < 1 or change.ends_at <= max(starts_at, work.at):
                raise QuotaWithoutTime(quantity=change.quantity)
            if quota.state == QuotaState.OPEN:
                _resize(work, quota, levels[quota.sku_id, quota.warehouse_id], change.quantity)
            quota.quantity, quota.starts_at, quota.ends_at = change.quantity, starts_at, change.ends_at
            work.save(quota, "quantity", "left", "starts_at", "ends_at")
        timers.move({f"quota:{q.pk}:open": q.starts_at for q in alive})
        timers.move({f"quota:{q.pk}:end": changes[q.pk].ends_at for q in alive})
    return alive


def _refuse_without_time(d: QuotaDraft, at: datetime) -> None:
    backwards = d.ends_at is not None and d.ends_at <= max(d.starts_at, at)
    if d.quantity < 1 or backwards or (d.kind == QuotaKind.LIVE and d.ends_at is None):
        raise QuotaWithoutTime(quantity=d.quantity)


def _refuse_overlaps(drafts: Sequence[QuotaDraft]) -> None:
    """Under the levels' locks: quotas of these goods change only under them. Also against each other."""
    known = ChannelQuota.objects.filter(shop_id__in={d.shop_id for d in drafts}, sku_id__in={d.sku_id for d in drafts})
    spans: dict[QuotaKey, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for quota in known.exclude(state=QuotaState.ENDED):
        spans[quota.shop_id, quota.sku_id, quota.warehouse_id].append((quota.starts_at, quota.ends_at))
    for d in drafts:
        mine = spans[d.shop_id, d.sku_id, d.warehouse_id]
        for start, end in mine:
            if (end is None or end > d.starts_at) and (d.ends_at is None or start < d.ends_at):
                raise QuotaOverlaps(shop_id=d.shop_id, sku_id=d.sku_id)
        mine.append((d.starts_at, d.ends_at))


def _resize(work: Work, quota: ChannelQuota, level: StockLevel, quantity: int) -> None:
    taken = quota.quantity - quota.left
    if quantity < taken:
        raise QuotaBelowTaken(sku_id=quota.sku_id, wanted=quantity, taken=taken)
    more = max(0, quantity - taken) - quota.left
    if more > max(0, level.available_to_sell):
        raise QuotaTooLarge(wanted=more, free=max(0, level.available_to_sell))
    if not more:
        return
    quota.left += more
    level.set_aside += more
    work.save(level, "set_aside")
    if more < 0:
        work.record(StockReplenished(sku_id=quota.sku_id, warehouse_id=quota.warehouse_id))


def open_quotas(*, quota_ids: Collection[int], at: datetime | None = None, work: Work | None = None) -> list[int]:
    """The time of these quotas has come: their pieces leave the pool. Answers with those opened now.

    Where fewer are free than were asked for, all that are free are set aside and a case says how many are missing.
    """
    opened = []
    with unit_of_work(work, at=at) as work:
        quotas, levels = lock_quotas_with_stock(quota_ids=quota_ids, work=work)
        drafts = []
        for quota in quotas.values():
            if quota.state != QuotaState.PLANNED:
                continue
            _open(work, quota, levels)
            opened.append(quota.pk)
            if quota.left < quota.quantity:
                drafts.append(_short(quota))
        cases.open_cases(drafts=drafts, work=work)
    return opened


def end_quotas(
    *,
    quota_ids: Collection[int],
    reason: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> list[int]:
    """These quotas are over: what is left of them is back in the pool, in this transaction. Answers with those ended.

    Emits StockReplenished where pieces came back. Raises QuotaUnknown. A person's ending is the deed
    "stock.quota_end".
    """
    ended = []
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        quotas, levels = lock_quotas_with_stock(quota_ids=quota_ids, work=work)
        for pk in quota_ids:
            if pk not in quotas:
                raise QuotaUnknown(quota_id=pk)
        for quota in quotas.values():
            if quota.state == QuotaState.ENDED:
                continue
            level = levels[quota.sku_id, quota.warehouse_id]
            if quota.left:
                level.set_aside -= quota.left
                work.save(level, "set_aside")
                work.record(StockReplenished(sku_id=quota.sku_id, warehouse_id=quota.warehouse_id))
            quota.left = 0
            quota.end()
            work.save(quota, "left")
            ended.append(quota.pk)
            if actor.is_person:
                record_deed(
                    work,
                    action="stock.quota_end",
                    subject=f"sku:{quota.sku_id}",
                    reason=reason,
                    details={"quota": quota.pk},
                )
        timers.cancel([f"quota:{pk}:{move}" for pk in ended for move in ("open", "end")], at=work.at)
        cases.close_cases_of(
            subjects=[f"quota:{pk}" for pk in ended], codes=[SHORT_CASE], resolution="the quota is over", work=work
        )
    return ended


def lock_quotas_with_stock(
    *, quota_ids: Collection[int], work: Work
) -> tuple[dict[int, ChannelQuota], Mapping[Place, StockLevel]]:
    """These quotas and the stock rows of their SKUs, locked: levels before quotas, as everywhere."""
    skus = ChannelQuota.objects.filter(pk__in=quota_ids).values_list("sku_id", flat=True)
    levels = lock_levels(sku_ids=set(skus), work=work)
    return work.lock(ChannelQuota, quota_ids), levels


def _open(work: Work, quota: ChannelQuota, levels: Mapping[Place, StockLevel]) -> None:
    level = levels[quota.sku_id, quota.warehouse_id]
    quota.left = max(0, min(quota.quantity, level.available_to_sell))
    level.set_aside += quota.left
    quota.open()
    work.save(quota, "left")
    work.save(level, "set_aside")


def _set_timers(work: Work, quota: ChannelQuota) -> None:
    cause = work.cause_of(f"quota:{quota.pk}")
    due = {"open": quota.starts_at if quota.state == QuotaState.PLANNED else None, "end": quota.ends_at}
    work.add(
        [
            Timer(
                due_at=when,
                event="inventory.quota.due",
                payload={"quota_id": quota.pk, "move": move},
                key=f"quota:{quota.pk}:{move}",
                chain_id=cause.chain_id,
                cause_id=cause.event_id,
                depth=cause.depth,
            )
            for move, when in due.items()
            if when is not None
        ]
    )


def _short(quota: ChannelQuota) -> CaseDraft:
    return CaseDraft(
        code=SHORT_CASE,
        subject=f"quota:{quota.pk}",
        shop_id=quota.shop_id,
        warehouse_id=quota.warehouse_id,
        evidence={"wanted": quota.quantity, "set_aside": quota.left, "sku_id": quota.sku_id},
        root_cause=f"{SHORT_CASE}:{quota.sku_id}",
    )
