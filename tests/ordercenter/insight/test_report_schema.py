"""The views of the schema `report`: exact rows of a small world, and no way to write through them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from finance.matching import business_day_of
from finance.models import PaymentEntry, StatementLine
from fulfillment.models import Shipment
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.events.models import OutgoingCommand
from ordercenter.orders.models import Order
from tests.flows.outside import answer_everything, finished, import_bill, settle_down, ship
from tests.flows.world import World

pytestmark = pytest.mark.django_db

COLUMNS = {
    "orders": "external_no channel shop state total currency changed_at",
    "order_lines": "external_no line sku ordered cancelled reserved shipped",
    "stock": "sku warehouse on_hand reserved",
    "stock_moves": "sku warehouse delta ref",
    "reservations": "sku warehouse qty open",
    "payments": "id order_no kind amount external_no",
    "settlements": "day channel amount",
    "inbox": "source message_id status",
    "outgoing": "id kind idempotency_key status tries created_at",
    "state_changes": "id order_no at src dst",
    "cases": "order_no code open",
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Three orders: one with its buyer, one at the warehouse, one that nobody can match."""
    answer_everything(monkeypatch)
    world = World(stock=10)
    world.done = world.trade(("SKU-1", 2, "110.00"), ("SET-1", 1, "89.90"))  # type: ignore[attr-defined]
    world.deliver(world.done)  # type: ignore[attr-defined]
    settle_down()
    ship(Shipment.objects.get(), tracking_no="ZT1")
    settle_down()
    world.deliver(
        finished(world.done),  # type: ignore[attr-defined]
        world.trade(("SKU-2", 3, "156.00")),
        world.trade(("SKU-9", 1, "60.00"), ("NOBODY", 1, "30.00")),
    )
    settle_down()
    return world


def rows(view: str, columns: str = "*", *, order_by: str = "1, 2, 3") -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM report.{view} ORDER BY {order_by}")
        return cursor.fetchall()


def numbers() -> list[str]:
    return list(Order.objects.order_by("pk").values_list("channel_order_no", flat=True))


@pytest.mark.parametrize("view", COLUMNS)
def test_a_view_has_exactly_the_promised_columns(view: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM report.{view}")

        assert " ".join(column.name for column in cursor.description) == COLUMNS[view]


def test_orders_say_where_each_stands(world: World) -> None:
    first, second, third = numbers()

    assert rows("orders", "external_no, channel, shop, state, total, currency") == [
        (first, "tmall", "tm1", "completed", Decimal("199.90"), "CNY"),
        (second, "tmall", "tm1", "in_fulfillment", Decimal("156.00"), "CNY"),
        (third, "tmall", "tm1", "preprocessing", Decimal("90.00"), "CNY"),
    ]
    changed = dict(rows("orders", "external_no, changed_at", order_by="1"))
    assert changed == {o.channel_order_no: o.history.latest().history_date for o in Order.objects.all()}


def test_order_lines_count_pieces(world: World) -> None:
    first, second, third = numbers()

    assert rows("order_lines") == [
        (first, 1, "SKU-1", 2, 0, 0, 2),
        (first, 2, "SKU-0", 1, 0, 0, 1),
        (first, 3, "SKU-1", 2, 0, 0, 2),
        (second, 1, "SKU-2", 3, 0, 3, 0),
        (third, 1, "SKU-9", 1, 0, 0, 0),
        (third, 2, "", 1, 0, 0, 0),
    ]


def test_stock_and_its_moves_and_promises(world: World) -> None:
    shipped, waiting = Shipment.objects.order_by("pk").values_list("code", flat=True)

    stock = {(sku, warehouse): (on_hand, reserved) for sku, warehouse, on_hand, reserved in rows("stock")}
    assert len(stock) == 20
    assert stock["SKU-1", "EAST"] == (6, 0)
    assert stock["SKU-2", "EAST"] == (10, 3)
    assert stock["SKU-2", "SOUTH"] == (10, 0)
    assert [row for row in rows("stock_moves") if row[3] == shipped] == [
        ("SKU-0", "EAST", -1, shipped),
        ("SKU-1", "EAST", -2, shipped),
        ("SKU-1", "EAST", -2, shipped),
    ]
    assert [row for row in rows("stock_moves") if row[3] == waiting] == []
    assert rows("reservations") == [
        ("SKU-0", "EAST", 1, False),
        ("SKU-1", "EAST", 2, False),
        ("SKU-1", "EAST", 2, False),
        ("SKU-2", "EAST", 3, True),
    ]


def test_payments_and_what_the_bill_settled(world: World) -> None:
    import_bill(**{"2026112222001499000000000001": "12.34"})

    assert rows("payments") == [
        (e.pk, e.order.channel_order_no, "payment", e.amount, e.external_no)
        for e in PaymentEntry.objects.order_by("pk")
    ]
    line = StatementLine.objects.first()
    assert line is not None
    day = line.statement.business_day
    assert day == business_day_of(line.statement.imported_at)
    assert rows("settlements", order_by="1, 2") == [(day, "", Decimal("12.34")), (day, "tmall", Decimal("445.90"))]


def test_an_entry_that_the_bill_lacks_settles_nothing(world: World) -> None:
    import_bill()
    PaymentEntry.objects.filter(amount=Decimal("60.00")).update(external_no="unheard-of")
    day = rows("settlements", order_by="1, 2")[0][0]

    StatementLine.objects.create(
        statement_id=StatementLine.objects.values_list("statement_id", flat=True)[0],
        line_no=0,
        kind="payment",
        external_no="unheard-of",
        amount=0,
        verdict="not_in_bill",
    )

    assert rows("settlements", order_by="1, 2") == [(day, "tmall", Decimal("445.90"))]


def test_inbox_and_outgoing(world: World) -> None:
    tids = sorted(numbers())

    assert [(row[0], row[1].partition(":")[0], row[2]) for row in rows("inbox")] == [
        (f"account:{world.account.pk}", number, "done") for number in [tids[0], *tids]
    ]
    assert rows("outgoing") == [
        (c.pk, c.kind, c.idempotency_key, "done", 1, c.created_at) for c in OutgoingCommand.objects.order_by("pk")
    ]
    assert [row[1] for row in rows("outgoing")] == [
        "qimen.deliveryorder.create",
        "channel.tracking",
        "qimen.deliveryorder.create",
    ]


def test_state_changes_are_those_of_orders_in_order(world: World) -> None:
    first = numbers()[0]

    moves = [(src, dst) for _id, number, src, dst in rows("state_changes", "id, order_no, src, dst") if number == first]
    assert moves == [
        ("", "pending_payment"),
        ("pending_payment", "preprocessing"),
        ("preprocessing", "approved"),
        ("approved", "in_fulfillment"),
        ("in_fulfillment", "shipped"),
        ("shipped", "delivered"),
        ("delivered", "completed"),
    ]


def test_cases_name_their_order_however_they_are_about_it(world: World) -> None:
    first, second, third = numbers()
    first_id, second_id, _third_id = Order.objects.order_by("pk").values_list("pk", flat=True)
    shipment = Shipment.objects.order_by("pk").last()
    assert shipment is not None
    open_cases(
        drafts=[
            CaseDraft(code="TRACKING_UPLOAD_FAILED", subject=f"shipment:{shipment.pk}"),
            CaseDraft(code="COMMAND_FAILED", subject="command:5", evidence={"about": f"shipment:{shipment.pk}"}),
            CaseDraft(code="EVENT_PARKED", subject="delivery:7", evidence={"about": f"order:{first_id}"}),
            CaseDraft(code="SETTLEMENT_DIFF", subject="statement_line:9", evidence={"order_id": None}),
            CaseDraft(code="MESSAGE_PARKED", subject="message:3"),
        ]
    )
    open_cases(drafts=[CaseDraft(code="BLACKLIST", subject=f"order:{second_id}")])
    close_cases_of(subjects=[f"order:{second_id}"], codes=["BLACKLIST"], resolution="taken off the list")

    assert rows("cases") == [
        ("", "MESSAGE_PARKED", True),
        ("", "SETTLEMENT_DIFF", True),
        (first, "EVENT_PARKED", True),
        (second, "BLACKLIST", False),
        (second, "COMMAND_FAILED", True),
        (second, "TRACKING_UPLOAD_FAILED", True),
        (third, "SKU_UNMAPPED", True),
    ]


@pytest.mark.parametrize("view", COLUMNS)
def test_nobody_writes_through_a_view(view: str) -> None:
    column = COLUMNS[view].split()[0]

    for statement in (f"DELETE FROM report.{view}", f"UPDATE report.{view} SET {column} = NULL"):
        with pytest.raises(DatabaseError, match="cannot (delete from|update) view"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(statement)


def test_the_readers_role_reads_the_views_and_nothing_below_them() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE ordercenter_report")
        cursor.execute("SELECT count(*) FROM report.orders")
        assert cursor.fetchone() == (0,)
        with pytest.raises(DatabaseError, match="permission denied for table"), transaction.atomic():
            cursor.execute("SELECT count(*) FROM orders_order")
        cursor.execute("RESET ROLE")


def test_the_migration_can_be_taken_back_and_made_again() -> None:
    def views() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM information_schema.views WHERE table_schema = 'report'")
            return int(cursor.fetchone()[0])

    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("insight")
    MigrationExecutor(connection).migrate([("insight", None)])
    assert views() == 0

    MigrationExecutor(connection).migrate(latest)
    assert views() == len(COLUMNS)
