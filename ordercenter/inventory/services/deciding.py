"""What people decide about offering and promising: shares of the pool, limits, buffers, and where pieces come from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.inventory.errors import PolicyOutOfRange, PresaleWithoutDate
from ordercenter.inventory.models import ChannelPolicy, ReservePolicy, StockPolicy
from ordercenter.inventory.services.noting import note_changes_of_shop
from ordercenter.inventory.states import ReserveOn, StockSource

MOST_BUFFER_Z = Decimal("99.9")
MOST_HOLD_MINUTES = 100_000
MOST_BALANCE_DAYS = 366
MOST_CAP = 10_000_000


@dataclass(frozen=True, slots=True)
class Share:
    """What a shop may offer of the pool: a part of it in per cent, never more than cap, buffers kept back.

    buffer_z: so many times what is sold while a number is on its way is kept back.
    """

    share_percent: int
    cap: int | None = None
    buffer_pieces: int = 0
    buffer_z: Decimal = Decimal("2.5")
    is_active: bool = True


def set_share(
    *, shop_id: int, sku_id: int | None, share: Share, reason: str, at: datetime, actor: Actor
) -> ChannelPolicy:
    """From here on the shop offers so much of this SKU; sku_id None: of all that have no policy of their own.

    Its platform is told new numbers where they change; of a SKU whose own policy is not active it is told none. Raises
    PolicyOutOfRange and ReasonMissing. Writes the deed "stock.share" with what held before.
    """
    _check_share(share)
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work, connection.cursor() as cursor:
        # Two people who make the first policy of a SKU at one instant make one.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('share'), %s)", [shop_id % 2**31])
        of_sku = Q(sku_id=sku_id) if sku_id is not None else Q(sku__isnull=True)
        known = ChannelPolicy.objects.filter(of_sku, shop_id=shop_id).values_list("pk", flat=True)
        policy = next(iter(work.lock(ChannelPolicy, list(known)).values()), None)
        was = _said(policy) if policy is not None else None
        if policy is None:
            policy = ChannelPolicy(shop_id=shop_id, sku_id=sku_id)
            work.add([policy])
        else:
            work.save(policy, "share_percent", "cap", "buffer_pieces", "buffer_z", "is_active")
        policy.share_percent, policy.cap, policy.is_active = share.share_percent, share.cap, share.is_active
        policy.buffer_pieces, policy.buffer_z = share.buffer_pieces, share.buffer_z
        subject = f"sku:{sku_id}" if sku_id else f"shop:{shop_id}"
        details = {"shop": shop_id, "was": was, "now": _said(policy)}
        record_deed(work, action="stock.share", subject=subject, reason=reason, details=details)
        note_changes_of_shop(shop_id=shop_id, sku_id=sku_id)
    return policy


@dataclass(frozen=True, slots=True)
class Source:
    """How orders get the pieces of a SKU, and how long pieces are kept for an order that is not paid.

    hold_minutes, balance_days: as in `Keeping`. rush_cap_percent, rush_cap_pieces: how much of what less urgent orders
    are promised more urgent ones may take over in a day; the smaller of both counts, None: only the percentage.
    """

    source: StockSource
    reserve_on: ReserveOn = ReserveOn.PAID
    hold_minutes: int = 30
    balance_days: int = 7
    ships_on: date | None = None
    rush_cap_percent: int = 0
    rush_cap_pieces: int | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """When a shop's orders get their pieces set aside, and how long: unpaid in minutes, with a deposit in days."""

    reserve_on: ReserveOn
    hold_minutes: int
    balance_days: int


def set_stock_policy(*, sku_id: int, source: Source, reason: str, at: datetime, actor: Actor) -> StockPolicy:
    """How orders get the pieces of a SKU from here on; orders that have theirs keep them.

    Raises PolicyOutOfRange, PresaleWithoutDate and ReasonMissing. Writes the deed "stock.policy" with what held before.
    """
    _check_keeping(source.hold_minutes, source.balance_days)
    if not 0 <= source.rush_cap_percent <= 100:
        raise PolicyOutOfRange(field="rush_cap_percent")
    if source.rush_cap_pieces is not None and not 0 <= source.rush_cap_pieces <= MOST_CAP:
        raise PolicyOutOfRange(field="rush_cap_pieces")
    if source.source == StockSource.PRESALE and source.ships_on is None:
        raise PresaleWithoutDate(sku_id=sku_id)
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('stock policy'), %s)", [sku_id % 2**31])
        known = StockPolicy.objects.filter(sku_id=sku_id).values_list("pk", flat=True)
        policy = next(iter(work.lock(StockPolicy, list(known)).values()), None)
        was = _values(policy, Source) if policy is not None else None
        if policy is None:
            policy = StockPolicy(sku_id=sku_id)
            work.add([policy])
        else:
            work.save(policy, *_names(Source))
        for name in _names(Source):
            setattr(policy, name, getattr(source, name))
        details = {"was": was, "now": _values(policy, Source)}
        record_deed(work, action="stock.policy", subject=f"sku:{sku_id}", reason=reason, details=details)
    return policy


def set_reserving(
    *, shop_id: int, sku_id: int | None, keeping: Keeping | None, reason: str, at: datetime, actor: Actor
) -> ReservePolicy | None:
    """When this shop's orders of a SKU get their pieces from here on; sku_id None: of all without a rule of their own.

    keeping None: the shop has no rule of its own any more; the next general one holds. What is set aside by now stays
    so until its end. Raises PolicyOutOfRange and ReasonMissing. Writes the deed "stock.reserving" with what held
    before.
    """
    if keeping is not None:
        _check_keeping(keeping.hold_minutes, keeping.balance_days)
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work, connection.cursor() as cursor:
        # Two people who make the first rule of a shop at one instant make one.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('reserving'), %s)", [shop_id % 2**31])
        of_sku = Q(sku_id=sku_id) if sku_id is not None else Q(sku__isnull=True)
        known = ReservePolicy.objects.filter(of_sku, shop_id=shop_id).values_list("pk", flat=True)
        policy = next(iter(work.lock(ReservePolicy, list(known)).values()), None)
        was = _values(policy, Keeping) if policy is not None else None
        if keeping is None:
            ReservePolicy.objects.filter(pk__in=list(known)).delete()
            policy = None
        elif policy is None:
            policy = ReservePolicy(shop_id=shop_id, sku_id=sku_id)
            work.add([policy])
        else:
            work.save(policy, *_names(Keeping))
        if policy is not None and keeping is not None:
            for name in _names(Keeping):
                setattr(policy, name, getattr(keeping, name))
        now = _values(policy, Keeping) if policy is not None else None
        subject = f"sku:{sku_id}" if sku_id else f"shop:{shop_id}"
        details = {"shop": shop_id, "was": was, "now": now}
        record_deed(work, action="stock.reserving", subject=subject, reason=reason, details=details)
    return policy


def _check_keeping(hold_minutes: int, balance_days: int) -> None:
    if not 1 <= hold_minutes <= MOST_HOLD_MINUTES:
        raise PolicyOutOfRange(field="hold_minutes")
    if not 1 <= balance_days <= MOST_BALANCE_DAYS:
        raise PolicyOutOfRange(field="balance_days")


def _names(kind: type[Source | Keeping]) -> list[str]:
    return [field.name for field in fields(kind)]


def _values(policy: StockPolicy | ReservePolicy, kind: type[Source | Keeping]) -> dict[str, object]:
    """What a policy says, as plain values for the audit."""
    found = {name: getattr(policy, name) for name in _names(kind)}
    return {name: value if value is None or isinstance(value, int) else str(value) for name, value in found.items()}


def _check_share(share: Share) -> None:
    if not 0 <= share.share_percent <= 100:
        raise PolicyOutOfRange(field="share_percent")
    if share.cap is not None and share.cap < 0:
        raise PolicyOutOfRange(field="cap")
    if share.buffer_pieces < 0:
        raise PolicyOutOfRange(field="buffer_pieces")
    if not 0 <= share.buffer_z <= MOST_BUFFER_Z:
        raise PolicyOutOfRange(field="buffer_z")


def _said(policy: ChannelPolicy) -> dict[str, object]:
    return {
        "percent": policy.share_percent,
        "cap": policy.cap,
        "buffer": policy.buffer_pieces,
        "z": str(policy.buffer_z),
        "active": policy.is_active,
    }
