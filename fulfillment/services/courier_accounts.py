"""From a stored courier account to a client; what is left of its numbers; leaving it alone when it asks for that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from fulfillment.carriers.cainiao import Cainiao, CainiaoContract
from fulfillment.carriers.documents import CourierClient, Place
from fulfillment.carriers.errors import (
    CourierAuthorisationLost,
    CourierError,
    CourierOutOfNumbers,
    CourierPaused,
    CourierThrottled,
)
from fulfillment.carriers.sf import Sf, SfContract, SfCredentials
from fulfillment.models import CourierAccount, TrackingAccount
from fulfillment.states import CourierAdapter
from ordercenter.audit.work import unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.secretfield import unseal
from ordercenter.common.top_client import TopClient, TopCredentials
from ordercenter.events.retrying import pause_is_over

logger = structlog.get_logger(__name__)

# How often an account that has no numbers or no valid keys looks whether it has them again.
EMPTY_PAUSE_S = 120
AUTHORISATION_PAUSE_S = 120

Account = CourierAccount | TrackingAccount


def target_of(account: Account) -> str:
    """How outgoing commands name an account as their receiver."""
    return f"{'courier' if isinstance(account, CourierAccount) else 'tracking'}:{account.pk}"


def accounts_for(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], CourierAccount]:
    """The account for each (warehouse id, carrier id): the warehouse's own, else the one for all. One statement."""
    wanted = set(pairs)
    rows = CourierAccount.objects.filter(
        Q(warehouse_id__in={warehouse for warehouse, _ in wanted}) | Q(warehouse__isnull=True),
        carrier_id__in={carrier for _, carrier in wanted},
        is_active=True,
    ).select_related("carrier")
    by_lane = {(row.warehouse_id, row.carrier_id): row for row in rows}
    found = {}
    for warehouse_id, carrier_id in wanted:
        account = by_lane.get((warehouse_id, carrier_id)) or by_lane.get((None, carrier_id))
        if account is not None:
            found[warehouse_id, carrier_id] = account
    return found


def courier_account(target: str) -> CourierAccount:
    """The account that a command's target names. Raises Misconfigured when it is gone, CourierPaused while paused."""
    account_id = int(target.partition(":")[2])
    account = CourierAccount.objects.filter(pk=account_id, is_active=True).select_related("carrier").first()
    if account is None:
        raise Misconfigured(f"courier account {account_id} is gone or switched off")
    refuse_while_paused(account)
    return account


def client_of(account: CourierAccount) -> CourierClient:
    """A client for this account. Raises Misconfigured for incomplete secrets."""
    secrets = unseal(account.secrets)
    try:
        if account.adapter == CourierAdapter.CAINIAO:
            return _cainiao(account, secrets)
        if account.adapter == CourierAdapter.SF:
            credentials = SfCredentials(account.app_key, secrets["checkword"], account.base_url)
            contract = SfContract(sender_of(account), account.customer_code, account.product_code or "1")
            return Sf(credentials, contract)
    except KeyError as missing:
        raise Misconfigured(f"courier account {account.pk}: its secrets lack {missing}") from missing
    raise Misconfigured(f"courier account {account.pk}: there is no adapter {account.adapter}")


def sender_of(account: CourierAccount) -> Place:
    """Who stands on the label as sender."""
    return Place(
        name=account.sender_name,
        phone=account.sender_phone,
        province=account.sender_province,
        city=account.sender_city,
        district=account.sender_district,
        address=account.sender_address,
    )


def refuse_while_paused(account: Account) -> None:
    """Raises CourierPaused while the account is left alone."""
    if account.paused_until is not None and account.paused_until > timezone.now():
        wait_s = (account.paused_until - timezone.now()).total_seconds()
        raise CourierPaused(target=target_of(account), wait_s=wait_s, reason=account.pause_reason)


def pause_after(target: str, error: OrderCenterError) -> CourierPaused | None:
    """Leave the account alone after a throttle, without numbers, or without valid keys; the last two make one case.

    Returns what further calls get, or None for an error that does not concern the account as a whole.
    """
    if not isinstance(error, CourierThrottled | CourierOutOfNumbers | CourierAuthorisationLost):
        return None
    kind, _colon, number = target.partition(":")
    model = CourierAccount if kind == "courier" else TrackingAccount
    with unit_of_work() as work:
        # One after the other: several processes meet the same trouble at the same moment.
        account = model._default_manager.select_for_update().filter(pk=int(number)).first()
        if account is None:
            return None
        wait_s = error.wait_s
        if isinstance(error, CourierOutOfNumbers):
            wait_s = EMPTY_PAUSE_S
            CourierAccount.objects.filter(pk=account.pk).update(numbers_left=0, numbers_checked_at=work.at)
            cases.open_cases(drafts=[_case(account, "WAYBILL_POOL_LOW", {"numbers_left": 0})], work=work)
        elif isinstance(error, CourierAuthorisationLost):
            wait_s = AUTHORISATION_PAUSE_S
            cases.open_cases(drafts=[_case(account, "COURIER_AUTH", error.evidence())], work=work)
        reason = f"{error.code}: {error}"[:200]
        until = work.at + timedelta(seconds=wait_s)
        model._default_manager.filter(pk=account.pk).update(paused_until=until, pause_reason=reason)
    return CourierPaused(target=target, wait_s=wait_s, reason=reason)


def all_is_well(targets: Iterable[str]) -> None:
    """Calls to these accounts went through: what was wrong with them is over, and what waits for them is due."""
    for target in sorted(set(targets)):
        kind, _colon, number = target.partition(":")
        model = CourierAccount if kind == "courier" else TrackingAccount
        if (
            model._default_manager.filter(pk=int(number))
            .exclude(pause_reason="")
            .update(paused_until=None, pause_reason="")
        ):
            pause_is_over(target)
            cases.close_cases_of(subjects=[target], codes=["COURIER_AUTH"], resolution="the access works again")


def refresh_balances(*, at: datetime) -> int:
    """Ask every account what is left of its numbers; returns how many answered. Few are left: a case; enough: closed.

    Calls the couriers: never within a transaction. One account's trouble is its own.
    """
    answered = 0
    for account in CourierAccount.objects.filter(is_active=True).select_related("carrier").order_by("pk"):
        try:
            left = client_of(account).balance()
        except (CourierError, Misconfigured) as error:
            logger.warning("courier.balance", account=account.pk, error=str(error)[:200])
            continue
        _note_balance(account, left, at)
        answered += 1
    return answered


@transaction.atomic
def _note_balance(account: CourierAccount, left: int | None, at: datetime) -> None:
    CourierAccount.objects.filter(pk=account.pk).update(numbers_left=left, numbers_checked_at=at)
    if left is None:
        return
    if left < account.warn_below:
        cases.open_cases(drafts=[_case(account, "WAYBILL_POOL_LOW", {"numbers_left": left})])
        return
    cases.close_cases_of(subjects=[target_of(account)], codes=["WAYBILL_POOL_LOW"], resolution="numbers were bought")
    if account.pause_reason.startswith(CourierOutOfNumbers.code):
        CourierAccount.objects.filter(pk=account.pk).update(paused_until=None, pause_reason="")
        pause_is_over(target_of(account))


def _case(account: Account, code: str, evidence: Mapping[str, Any]) -> CaseDraft:
    warehouse_id = account.warehouse_id if isinstance(account, CourierAccount) else None
    name = account.carrier.name if isinstance(account, CourierAccount) else account.name
    return CaseDraft(
        code=code,
        subject=target_of(account),
        warehouse_id=warehouse_id,
        reference=name,
        evidence={"account": str(account), "carrier": name, **evidence},
    )


def _cainiao(account: CourierAccount, secrets: Mapping[str, Any]) -> Cainiao:
    credentials = TopCredentials(
        app_key=account.app_key, secret=secrets["secret"], session=secrets["session"], base_url=account.base_url
    )
    contract = CainiaoContract(
        carrier_code=account.carrier.code,
        sender=sender_of(account),
        user_id=int(secrets.get("user_id") or 0),
        customer_code=account.customer_code,
        product_code=account.product_code,
        template_url=account.template_url,
    )
    return Cainiao(TopClient(credentials), contract)
