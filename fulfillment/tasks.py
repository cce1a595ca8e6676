"""What beat rings for: waves, orders that wait for a warehouse, silent parcels and warehouses, numbers, stock."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.utils import timezone

from fulfillment import services
from fulfillment.models import Shipment
from fulfillment.services import tracking
from fulfillment.services.asking import ask_about_parcels
from fulfillment.services.backlog import LEARNED_FROM, reoptimise_backlog
from fulfillment.services.courier_accounts import refresh_balances
from fulfillment.services.freight_judging import judge_waiting_bills
from fulfillment.services.freight_uploads import work_off_uploads
from fulfillment.services.goods_at_warehouses import ask_stock as ask_stock_of_warehouses
from fulfillment.services.goods_at_warehouses import tell_changed_items
from fulfillment.services.labels import forget_old_labels
from fulfillment.services.late_supply import look_at_late_supply
from fulfillment.services.learning import learn_from_past_days
from fulfillment.services.shadow import run_waiting_shadows
from fulfillment.services.silence import tell_silent
from fulfillment.services.stalled import find_silent_parcels
from fulfillment.services.transit_times import measure_transit_times
from fulfillment.services.waves import is_a_wave_due, make_due_waves
from fulfillment.states import COURIER_BILLS, ShipmentState
from ordercenter.audit.work import unit_of_work
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.sessions import alone_at

logger = structlog.get_logger(__name__)
KEEP_LABELS = timedelta(days=1)
# A week has each of its days once.
LEARNED_DAYS = 7


@shared_task(name="fulfillment.waves")
def waves(**_: object) -> None:
    """Decide what is due anew and hand it over; let orders go whose warehouse is open again. It may ring often.

    One at a time: a second one finds the lock taken and leaves.
    """
    with alone_at("fulfillment", "waves") as is_ours:
        if not is_ours:
            return
        services.release_reopened()
        due = Shipment.objects.filter(state=ShipmentState.PLANNED, release_at__lte=timezone.now())
        if due.exists():
            # All that waits is looked at, not only what is due: what leaves now takes stock from what leaves later.
            run = reoptimise_backlog(cause="wave")
            logger.info("backlog.decided", run=run.pk, orders=run.orders, moved=run.moved)
        while services.release_due():
            pass


@shared_task(name="fulfillment.end_unpaid")
def end_unpaid(**_: object) -> None:
    """End what is held for orders whose money did not come in time."""
    now = timezone.now()
    while services.end_unpaid_holds(at=now):
        pass


@shared_task(name="fulfillment.watch_parcels")
def watch_parcels(**_: object) -> None:
    """Subscribe again what was given up, ask where nobody tells us, and find what is silent for too long."""
    with unit_of_work() as work:
        tracking.subscribe_again(work=work)
    try:
        ask_about_parcels(at=timezone.now())
    except OrderCenterError as error:
        logger.warning("tracking.not_asked", code=error.code, error=str(error)[:200])
    find_silent_parcels(at=timezone.now())


@shared_task(name="fulfillment.look_after_numbers")
def look_after_numbers(**_: object) -> None:
    """Ask couriers what is left of our numbers, and forget labels that nobody will print any more."""
    refresh_balances(at=timezone.now())
    forget_old_labels(before=timezone.now() - KEEP_LABELS)


@shared_task(name="fulfillment.make_waves")
def make_waves(**_: object) -> None:
    """Waves of every own warehouse whose time of day has come; before them, all that nobody has begun with is decided
    anew together. Not beside the waves of the other houses, which do the same: who comes second rings once more.
    """
    with alone_at("fulfillment", "waves") as is_ours:
        if not is_ours:
            return
        now = timezone.now()
        if is_a_wave_due(at=now):
            run = reoptimise_backlog(cause="floor")
            logger.info("backlog.decided", run=run.pk, orders=run.orders, moved=run.moved)
        make_due_waves(at=now)


@shared_task(name="fulfillment.learn_prices")
def learn_prices(**_: object) -> None:
    """Every night: what scarce stock is worth, from the orders of the last days, for those that come one by one."""
    with alone_at("fulfillment", "learn_prices") as is_ours:
        if is_ours:
            learned = learn_from_past_days(days=LEARNED_DAYS, least=LEARNED_FROM)
            number = learned.prices.pk if learned.prices is not None else None
            logger.info("prices.learned", days=len(learned.days), orders=sum(learned.days.values()), number=number)


@shared_task(name="fulfillment.tell_silent")
def find_silence(**_: object) -> None:
    """Delivery orders that a warehouse says nothing about become cases."""
    tell_silent(at=timezone.now())


@shared_task(name="fulfillment.late_supply")
def late_supply(**_: object) -> None:
    """Goods whose day has passed become cases, and those who wait for them get new dates."""
    look_at_late_supply(at=timezone.now())


@shared_task(name="fulfillment.ask_stock")
def ask_stock(**_: object) -> None:
    """What the warehouses say that they have is held against our books once a day."""
    ask_stock_of_warehouses(at=timezone.now())


@shared_task(name="fulfillment.tell_items")
def tell_items(**_: object) -> None:
    """New and changed SKUs are told to the warehouses that have a system of their own."""
    now = timezone.now()
    while tell_changed_items(at=now):
        pass


@shared_task(name="fulfillment.measure_transit")
def measure_transit(**_: object) -> None:
    """Once a day: how long parcels really took, lane by lane."""
    logger.info("transit.measured", lanes=measure_transit_times(at=timezone.now()))


@shared_task(name="fulfillment.shadow")
def shadow(**_: object) -> None:
    """Carry out the trials of rules that wait; one at a time, for each has the machine to itself."""
    with alone_at("fulfillment", "shadow") as is_ours:
        if is_ours:
            run_waiting_shadows()


@shared_task(name=COURIER_BILLS)
def courier_bills(**_: object) -> None:
    """Read, take in and judge what waits of couriers' bills, until nothing does; one at a time, the others leave."""
    with alone_at("fulfillment", "courier_bills") as is_ours:
        while is_ours and work_off_uploads() + judge_waiting_bills():
            pass
