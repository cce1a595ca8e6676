"""A shop without a platform account, and files of orders for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User

from channels_sync.order_file_models import FileOrderRow, OrderFile
from channels_sync.order_files.bringing import Brought, approve_file, bring_file
from channels_sync.order_files.running import work_on
from ordercenter.catalog.models import Channel, Shop, Sku
from ordercenter.common.actor import Actor
from ordercenter.common.scope import EVERYTHING

NOON = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
HEADING = (
    "订单号",
    "商家编码",
    "数量",
    "单价",
    "运费",
    "实付金额",
    "收货人",
    "手机",
    "省",
    "市",
    "区",
    "详细地址",
    "付款时间",
    "卖家备注",
)


class Shelf:
    """The shop, three SKUs, and the person who brings files."""

    def __init__(self) -> None:
        channel = Channel.objects.create(code="direct", name="直营")
        self.shop = Shop.objects.create(channel=channel, code="direct-1", name="直营店")
        for code in ("CUP", "PLATE", "BOWL"):
            Sku.objects.create(code=code, name=code)
        user = User.objects.create_user("boss")
        self.actor = Actor("person", "boss", user.pk)

    def bring(self, content: bytes, *, at: datetime = NOON, name: str = "订单.csv", **more: Any) -> Brought:
        return bring_file(shop=self.shop, pieces=pieces(content), file_name=name, actor=self.actor, at=at, **more)

    def checked(self, content: bytes, *, at: datetime = NOON, **more: Any) -> OrderFile:
        """Brought, read and looked at."""
        file = self.bring(content, at=at, **more).file
        assert work_on(file.pk)
        return OrderFile.objects.get(pk=file.pk)

    def taken(self, content: bytes, *, at: datetime = NOON) -> OrderFile:
        """Taken in, with a yes."""
        file = self.checked(content, at=at)
        approve_file(file_id=file.pk, reach=EVERYTHING, actor=self.actor, at=at)
        assert work_on(file.pk)
        return OrderFile.objects.get(pk=file.pk)


def pieces(content: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: [content]


def row(number: str, sku: str = "CUP", quantity: object = 1, price: object = "10.00", **more: object) -> list[str]:
    """One row under HEADING. more: by heading."""
    cells: dict[str, object] = dict.fromkeys(HEADING, "") | {
        "订单号": number,
        "商家编码": sku,
        "数量": quantity,
        "单价": price,
        "收货人": "王小明",
        "手机": "13800001234",
        "省": "浙江省",
        "市": "杭州市",
        "区": "西湖区",
        "详细地址": "文三路90号",
        "付款时间": "2026-11-30 10:05:00",
    }
    return [str(value) for value in (cells | more).values()]


def table(
    *rows: Sequence[str], encoding: str = "utf-8-sig", heading: Sequence[str] = HEADING, sign: str = ","
) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=sign).writerows([heading, *rows])
    return text.getvalue().encode(encoding)


def verdicts(file: OrderFile) -> list[tuple[int, str, str]]:
    """Row, order number and verdict of each order."""
    rows = FileOrderRow.objects.filter(file=file).order_by("first_row")
    return [(r.first_row, r.channel_order_no, r.verdict) for r in rows]


def problems(file: OrderFile) -> list[list[Any]]:
    return [p for r in FileOrderRow.objects.filter(file=file).order_by("first_row") for p in r.problems]
