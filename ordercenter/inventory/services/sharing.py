"""Pieces set aside for one shop: planned, opened and ended, each moving stock in the transaction that says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import Q

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events import timers
from ordercenter.events.models import Timer
from ordercenter.events.types import StockReplenished
from ordercenter.inventory.errors import QuotaOverlaps, QuotaTooLarge, QuotaUnknown, QuotaWithoutTime
from ordercenter.inventory.models import ChannelQuota, StockLevel
from ordercenter.inventory.services.levels import Place, lock_levels, make_levels
from ordercenter.inventory.states import QuotaKind, QuotaState

SHORT_CASE = "QUOTA_SHORT"


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
    """Set pieces aside for a shop: now, when starts_at has come already, else by a timer; ends_at takes them back.

    A quota that begins now must be there whole: QuotaTooLarge. Raises QuotaWithoutTime for times that are no span or a
    live-stream lock without an end, QuotaOverlaps where the shop has another one for these goods at that time. Writes
    the deed "stock.set_aside".
    """
    if quantity < 1 or (ends_at is not None and ends_at <= max(starts_at, at)) or (kind == "live" and ends_at is None):
        raise QuotaWithoutTime(quantity=quantity)
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        make_levels([(sku_id, warehouse_id)])
        levels = lock_levels(sku_ids=[sku_id], work=work)
        # Under the level's lock: quotas of these goods change only under it.
        others = ChannelQuota.objects.filter(shop_id=shop_id, sku_id=sku_id, warehouse_id=warehouse_id)
        others = others.exclude(state=QuotaState.ENDED).filter(Q(ends_at__isnull=True) | Q(ends_at__gt=starts_at))
        if ends_at is not None:
            others = others.filter(starts_at__lt=ends_at)
        if others.exists():
            raise QuotaOverlaps(shop_id=shop_id, sku_id=sku_id)
        quota = ChannelQuota(
            shop_id=shop_id,
            sku_id=sku_id,
            warehouse_id=warehouse_id,
            kind=kind,
            quantity=quantity,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason[:200],
        )
        work.add([quota])
        if starts_at <= at:
            free = levels[sku_id, warehouse_id].available_to_sell
            if quantity > free:
                raise QuotaTooLarge(wanted=quantity, free=max(0, free))
            _open(work, quota, levels)
        _set_timers(work, quota)
        if actor.is_person:
            details = {"quota": quota.pk, "shop": shop_id, "warehouse": warehouse_id, "pieces": quantity}
            record_deed(work, action="stock.set_aside", subject=f"sku:{sku_id}", reason=reason, details=details)
    return quota


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
