"""Fetching bills: what beat rings for, and what becomes of a bill that does not come or cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from django.utils.translation import gettext as _

from finance.errors import ProviderUnsupported
from finance.matching import day_bounds
from finance.models import PaymentEntry, ProviderAccount
from finance.services.statements import ImportOutcome, import_bill_file
from finance.statements.alipay import AlipayClient, AlipayCredentials
from finance.statements.errors import BillNotReady
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.secretfield import unseal

CASE_CODE = "STATEMENT_UNREADABLE"


def fetch_statement(
    *, account: ProviderAccount, business_day: date, at: datetime, actor: Actor = SYSTEM
) -> ImportOutcome | None:
    """Fetch, read, import and match one bill. The call goes out of any transaction.

    None: the provider has no bill of that day and our books have no payment on it either. Raises what fetching and
    reading raise (ProviderUnavailable, ProviderRefused, BillNotReady, StatementUnreadable, Misconfigured ...), after
    opening a case about it; the case closes itself as soon as the bill is in. Nothing else changes then.
    """
    subject = f"bill:{account.pk}:{business_day.isoformat()}"
    try:
        fetch = FETCHERS.get(account.provider)
        if fetch is None:
            raise ProviderUnsupported(provider=account.provider)
        outcome = import_bill_file(
            provider=account.provider,
            account=account.account,
            business_day=business_day,
            content=fetch(account, business_day),
            at=at,
            actor=actor,
        )
    except OrderCenterError as error:
        if isinstance(error, BillNotReady) and not _has_entries(account.provider, business_day):
            return None
        _open_case(subject, account, business_day, error, at=at, actor=actor)
        raise
    with unit_of_work(at=at, actor=actor) as work:
        close_cases_of(subjects=[subject], codes={CASE_CODE}, resolution=_("The bill is in."), work=work)
    return outcome


def _fetch_alipay(account: ProviderAccount, business_day: date) -> bytes:
    secrets = unseal(bytes(account.secrets))
    try:
        credentials = AlipayCredentials(
            app_id=account.app_id,
            private_key=secrets["private_key"],
            alipay_public_key=secrets["alipay_public_key"],
            gateway_url=account.gateway_url,
        )
    except (KeyError, TypeError):
        raise Misconfigured(
            f"the secrets of the Alipay account {account.account} must name private_key and alipay_public_key"
        ) from None
    return AlipayClient(credentials).fetch_bill(business_day)


# provider -> fetches the bill of a day as the provider hands it out.
FETCHERS: dict[str, Callable[[ProviderAccount, date], bytes]] = {"alipay": _fetch_alipay}


def _has_entries(provider: str, business_day: date) -> bool:
    start, end = day_bounds(business_day)
    return PaymentEntry.objects.filter(provider=provider, occurred_at__gte=start, occurred_at__lt=end).exists()


def _open_case(
    subject: str, account: ProviderAccount, business_day: date, error: OrderCenterError, *, at: datetime, actor: Actor
) -> None:
    draft = CaseDraft(
        code=CASE_CODE,
        subject=subject,
        reference=f"{account} {business_day}"[:96],
        evidence={"business_day": business_day.isoformat(), "error": error.code, "why": str(error), **error.evidence()},
    )
    with unit_of_work(at=at, actor=actor) as work:
        open_cases(drafts=[draft], work=work)
