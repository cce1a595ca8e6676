"""Users of the screens, and a company with two shops and two warehouses: what belongs to the other carries MARK."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from channels_sync.models import ChannelAccount, SyncCursor
from finance.models import PaymentEntry
from fulfillment.models import (
    Carrier,
    CourierArea,
    Parcel,
    PeakFee,
    Shipment,
    ShipmentLine,
    TransitTime,
    Waybill,
    WmsAccount,
)
from ordercenter.audit.models import Deed, StateChange
from ordercenter.cases.models import Case, CaseGroup
from ordercenter.catalog.contacts import Receiver, make_contact
from ordercenter.catalog.models import Channel, Contact, ListingMatch, Shop, ShopAccess, Sku
from ordercenter.console.roles import ensure_roles, give_role
from ordercenter.events.models import Delivery, EventRow, InboxMessage, OutgoingCommand
from ordercenter.inventory.models import Reservation, StockLevel, StockMovement, Warehouse, WarehouseAccess
from ordercenter.orders.models import Hold, Order, OrderLine, RefundRequest
from tests.fulfillment.contracts import contract_of

MARK = "ZQXQZ"
_numbers = count(1)


def person(name: str = "", *, role: str = "", permissions: tuple[str, ...] = (), superuser: bool = False) -> User:
    """A user who may log in to the admin. permissions: "app.codename"; roles have to be made before."""
    name = name or f"user{next(_numbers)}"
    user = User.objects.create_user(name, password="pw", is_staff=True, is_superuser=superuser)
    if role:
        ensure_roles()
        give_role(user.pk, role)
    for permission in permissions:
        app, _dot, codename = permission.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def client_of(user: User, *, language: str = "en") -> Client:
    """A browser in which this user has logged in."""
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


@dataclass
class Branch:
    """One shop and one warehouse with a row of everything that belongs to them; all texts carry `mark`."""

    mark: str
    shop: Shop
    warehouse: Warehouse
    order: Order
    case: Case
    contact: Contact
    shipment: Shipment
    waybill: Waybill
    parcel: Parcel
    rows: list[Model] = field(default_factory=list)


def make_branch(mark: str, *, carrier: Carrier | None = None) -> Branch:
    """A shop with an order in a warehouse, from listing to payment, as plain rows."""
    now = timezone.now()
    carrier = carrier or Carrier.objects.get_or_create(code="ZTO", defaults={"name": "中通"})[0]
    channel = Channel.objects.get_or_create(code="tmall", defaults={"name": "Tmall"})[0]
    shop = Shop.objects.create(channel=channel, code=f"shop-{mark}".lower(), name=f"{mark} Shop")
    warehouse = Warehouse.objects.create(code=f"wh-{mark}".lower(), name=f"{mark} Warehouse")
    sku = Sku.objects.get_or_create(code="S1", defaults={"name": "Chair"})[0]
    order, line, contact = make_order(shop, mark, sku=sku)
    hold = Hold.objects.create(order=order, code="OUT_OF_STOCK", opened_at=now)
    refund = RefundRequest.objects.create(
        order=order, channel_refund_no=f"{mark}-R1", status="requested", amount=Decimal(1), channel_modified_at=now
    )
    group = CaseGroup.objects.create(root_cause=f"{mark} cause", code="OUT_OF_STOCK", title=f"{mark} group")
    case = make_case(order, group=group, warehouse_id=warehouse.pk)
    shipment = Shipment.objects.create(
        code=f"{mark}-DO1", shop=shop, warehouse=warehouse, carrier=carrier, contact=contact, state="accepted"
    )
    piece = ShipmentLine.objects.create(shipment=shipment, order=order, order_line=line, sku=sku, quantity=1)
    parcel = Parcel.objects.create(shipment=shipment, carrier=carrier, tracking_no=f"{mark}77001", shipped_at=now)
    waybill = Waybill.objects.create(shipment=shipment, carrier=carrier, number=f"{mark}-W1", state="assigned")
    account = ChannelAccount.objects.create(
        shop=shop, adapter="tmall", base_url="http://127.0.0.1:9/", app_key=f"{mark}-key", secrets={"s": "t"}
    )
    others: list[Model] = [
        ListingMatch.objects.create(shop=shop, listing_id=f"{mark}-L1", sku=sku),
        SyncCursor.objects.create(account=account, kind=f"{mark}-trades", read_until=now),
        StockLevel.objects.create(sku=sku, warehouse=warehouse, on_hand=10, reserved=1),
        Reservation.objects.create(order_id=order.pk, line_id=line.pk, sku=sku, warehouse=warehouse, quantity=1),
        StockMovement.objects.create(
            sku=sku, warehouse=warehouse, delta=10, reason="count", ref=f"{mark}-count", idempotency_key=f"{mark}-count"
        ),
        contract := contract_of(warehouse, carrier, {"33": "5"}, number=f"{mark}-contract"),
        PeakFee.objects.create(
            contract=contract, starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 20), fee=Decimal("0.30")
        ),
        CourierArea.objects.create(carrier=carrier, warehouse=warehouse, zone="65", reason=f"{mark}-closed"),
        TransitTime.objects.create(warehouse=warehouse, carrier=carrier, zone="33", samples=40, days_p50=1, days_p90=2),
        WmsAccount.objects.create(
            warehouse=warehouse, base_url="http://127.0.0.1:9/", app_key=f"{mark}-wms", secret="s"
        ),
        PaymentEntry.objects.create(
            order=order,
            shop=shop,
            kind="payment",
            provider="alipay",
            external_no=f"{mark}-pay1",
            amount=Decimal(100),
            occurred_at=now,
        ),
    ]
    rows = [shop, warehouse, order, line, contact, hold, refund, group, case, shipment, piece, parcel, waybill, account]
    return Branch(mark, shop, warehouse, order, case, contact, shipment, waybill, parcel, [*rows, *others])


def make_order(shop: Shop, mark: str, *, sku: Sku | None = None, phone: str = "13800001111") -> tuple[Any, Any, Any]:
    """An order with one line and a receiver in clear."""
    now = timezone.now()
    contact = make_contact(
        Receiver(
            name=f"{mark}王小明",
            phone=phone,
            province=f"{mark}省",
            city="杭州市",
            district="西湖区",
            town="",
            address=f"文三路{mark}1号",
        )
    )
    contact.save()
    order = Order.objects.create(
        shop=shop,
        channel_order_no=f"{mark}{next(_numbers):06}",
        state="preprocessing",
        total_amount=Decimal(100),
        goods_amount=Decimal(100),
        paid_amount=Decimal(100),
        placed_at=now,
        paid_at=now,
        channel_modified_at=now,
        contact=contact,
        buyer_nick=f"{mark}买家",
        is_on_hold=True,
    )
    line = OrderLine.objects.create(
        order=order,
        line_no=1,
        channel_line_no=f"{mark}-1",
        title=f"{mark} chair",
        sku=sku,
        paid_share=Decimal(100),
        ordered=1,
        unplanned=1,
    )
    return order, line, contact


def make_case(order: Order, **changes: Any) -> Case:
    """An open case about an order."""
    values: dict[str, Any] = {
        "code": "OUT_OF_STOCK",
        "subject": f"order:{order.pk}",
        "shop_id": order.shop_id,
        "reference": order.channel_order_no,
        "due_at": timezone.now() + timedelta(hours=2),
        "evidence": {"missing": ["phone"]},
    }
    return Case.objects.create(**values | changes)


def make_post_office_rows(about: str, *, at: datetime | None = None) -> list[Model]:
    """A parked delivery, a parked message and a command that was given up, and the event they came from."""
    now = at or timezone.now()
    chain = uuid4()
    event = EventRow.objects.create(
        occurred_at=now,
        name="orders.order.received",
        subject=about,
        payload={"channel_order_no": "x"},
        chain_id=chain,
        actor="system:order-center",
    )
    n = next(_numbers)
    return [
        event,
        Delivery.objects.create(
            event_id=event.pk,
            event_recorded_at=event.recorded_at,
            handler=f"test.handler{n}",
            lane=1,
            subject=about,
            status="parked",
            tries=5,
            error="ValueError: no",
        ),
        InboxMessage.objects.create(
            source="account:1",
            kind="tmall.trade",
            message_id=f"m{n}",
            subject=about,
            lane=1,
            body='{"receiver": "王小明"}'.encode(),
            status="parked",
            tries=5,
            error="unreadable",
        ),
        OutgoingCommand.objects.create(
            kind="qimen.deliveryorder.create",
            target="warehouse:1",
            subject=about,
            idempotency_key=f"k{n}",
            payload={"shipment_id": 1},
            status="dead",
            tries=8,
            error_code="common.unexpected",
            chain_id=chain,
        ),
        StateChange.objects.create(
            machine="order", subject_id=1, move="create", dst="preprocessing", actor="system:x", chain_id=chain
        ),
        Deed.objects.create(actor="person:x", action="order.cancel", subject=about, reason="why"),
    ]


def see(user: User, branch: Branch) -> None:
    """Let this user see the rows of a branch."""
    ShopAccess.objects.create(user=user, shop=branch.shop)
    WarehouseAccess.objects.create(user=user, warehouse=branch.warehouse)
