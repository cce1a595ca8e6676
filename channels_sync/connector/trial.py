"""A connector tried on a real sample: raw, mapped, and what would happen. Nothing of it stays.

What would happen is not guessed: the order is taken in, looked at, and all of it is rolled back.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from channels_sync.adapters.base import Connection, Window
from channels_sync.adapters.http import HttpAdapter
from channels_sync.connector import reading
from channels_sync.connector.documents import Connector
from channels_sync.connector.fields import ORDER_FIELDS
from channels_sync.connector.paths import MISSING, JsonPath, all_of, one
from channels_sync.errors import MessageUnreadable
from channels_sync.models import ChannelAccount
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.contacts import mask_address, mask_name, mask_phone
from ordercenter.common.actor import Actor
from ordercenter.common.strictjson import UnreadableBody, dumps_exact, loads_strict
from ordercenter.orders.intake_types import IncomingLine, IncomingOrder
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import TakenOrder, take_orders
from ordercenter.orders.services.matching import sku_codes_of

LOOK_BACK = timedelta(days=7)
MAX_SAMPLE_BYTES = 200_000
PERSONAL = ("receiver_name", "receiver_phone", "address")


@dataclass(frozen=True, slots=True)
class MappedLine:
    """A line as we would have it. match: the code of our SKU, "" where the flow would ask a person."""

    line: IncomingLine
    match: str


@dataclass
class Trial:
    """raw: the sample, indented, personal data masked where asked. mapped: (label, value) of ours, masked.

    problem, place: why it could not be read, and where in the sample. outcome: new, newer, older or "" with a problem.
    """

    raw: str = ""
    mapped: Sequence[tuple[str, str]] = ()
    lines: Sequence[MappedLine] = ()
    problem: str = ""
    place: str = ""
    outcome: str = ""
    would_be: str = ""
    holds: Sequence[str] = ()
    unmatched: int = 0


def fetch_sample(connection: Connection, connector: Connector, *, at: datetime) -> list[Any]:
    """The rows of one page of what changed in the last seven days, fetched from the shop. Raises ChannelError."""
    adapter = HttpAdapter(connection, connector)
    page = adapter.page("orders", connector.orders, Window(at - LOOK_BACK, at), None)
    return [row for _place, row in page.rows]


def sample_of(text: str, connector: Connector) -> Any:
    """The order that a person pasted: one order, or an answer of the shop, of which the first order is taken.

    Raises MessageUnreadable.
    """
    try:
        content = loads_strict(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_SAMPLE_BYTES)
    except UnreadableBody as error:
        raise MessageUnreadable(path="$", problem="not_json", detail=str(error)) from None
    from_list = [row for _place, row in all_of(content, connector.orders.rows)]
    if from_list:
        return from_list[0]
    inner = one(content, connector.detail_root)
    return content if inner is MISSING else inner


def try_row(
    account: ChannelAccount, connector: Connector, row: Any, *, at: datetime, actor: Actor, shows_personal: bool
) -> Trial:
    """Read one row and see what would come of it. The trial itself is a deed; of the order nothing stays."""
    with unit_of_work(at=at, actor=actor) as work:
        record_deed(work, action="connector.try", subject=f"account:{account.pk}")
    trial = Trial(raw=_pretty(row if shows_personal else _masked(row, connector)))
    try:
        order = reading.read_order(connector, row, account_id=account.pk)
    except MessageUnreadable as error:
        trial.place = error.path
        trial.problem = _problem_text(error)
        return trial
    trial.mapped = _mapped(order)
    trial.lines = list(map(MappedLine, order.lines, sku_codes_of(account.shop_id, order.lines)))
    trial.unmatched = sum(not line.match for line in trial.lines)
    _see_what_would_happen(account, order, trial, at=at, actor=actor)
    return trial


def _see_what_would_happen(
    account: ChannelAccount, order: IncomingOrder, trial: Trial, *, at: datetime, actor: Actor
) -> None:
    with transaction.atomic():
        known = Order.objects.filter(shop_id=account.shop_id, channel_order_no=order.channel_order_no).exists()
        result = take_orders(taken=[TakenOrder(account.shop_id, order)], at=at, actor=actor)
        ours = Order.objects.get(shop_id=account.shop_id, channel_order_no=order.channel_order_no)
        trial.outcome = "older" if result.stale else "newer" if known else "new"
        trial.would_be = str(ours.get_state_display())
        held = Hold.objects.filter(order_id=ours.pk, released_at__isnull=True)
        trial.holds = list(held.order_by("code").values_list("code", flat=True))
        transaction.set_rollback(True)


def _mapped(order: IncomingOrder) -> list[tuple[str, str]]:
    receiver = order.receiver
    values: Mapping[str, Any] = {
        "order_no": order.channel_order_no,
        "status": f"{order.raw_status} → {order.status}",
        "created_at": order.created_at,
        "modified_at": order.modified_at,
        "paid_at": order.paid_at,
        "ship_by": order.ship_by,
        "total": order.total_amount,
        "freight": order.freight,
        "currency": order.currency,
        "held": _("yes") if order.held else "",
        "buyer_id": order.buyer_id,
        "buyer_nick": order.buyer_nick,
        "buyer_remark": order.buyer_remark,
        "seller_remark": order.seller_remark,
        "payment_no": order.payment.external_no if order.payment is not None else "",
        "receiver_name": mask_name(receiver.name),
        "receiver_phone": mask_phone(receiver.phone),
        "province": receiver.province,
        "city": receiver.city,
        "district": receiver.district,
        "town": receiver.town,
        "address": mask_address(receiver.address),
        "zip_code": receiver.zip_code,
    }
    rows = [(str(spec.label), _shown(values.get(name))) for name, spec in ORDER_FIELDS.items()]
    sums = [
        (_("goods before discounts"), str(order.goods_total)),
        (_("discounts"), str(order.discount_total)),
    ]
    return [row for row in [*rows, *sums] if row[1]]


def _masked(row: Any, connector: Connector) -> Any:
    """The sample without what names a person, where the rules find it."""
    masked = copy.deepcopy(row)
    for name in PERSONAL:
        rule = connector.order_fields.get(name)
        for part in rule.parts if rule is not None else ():
            if isinstance(part, JsonPath):
                _star_out(masked, part)
    return masked


def _star_out(document: Any, path: JsonPath) -> None:
    place = document
    for step in path.steps[:-1]:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            return
    last = path.steps[-1] if path.steps else None
    if isinstance(place, dict) and last in place:
        place[last] = "***"
    elif isinstance(place, list) and isinstance(last, int) and last < len(place):
        place[last] = "***"


def _pretty(row: Any) -> str:
    return json.dumps(json.loads(dumps_exact(row)), ensure_ascii=False, indent=2)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(value)


def _problem_text(error: MessageUnreadable) -> str:
    words = {
        "missing": _("nothing stands there"),
        "ill_typed": _("what stands there is not of the right kind"),
        "unknown_value": _("the table of words does not know it"),
        "not_json": _("this is not JSON that can be read"),
    }
    said = words.get(error.problem, error.problem)
    return f"{said} ({error.detail})" if error.detail else said
