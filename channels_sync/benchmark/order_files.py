"""A file of a hundred thousand rows, from its bytes to its last order, through the very code that takes files in."""

from __future__ import annotations

import csv
import io
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from channels_sync.benchmark.measure import cpu_now, server_pid
from channels_sync.order_file_models import OrderFile
from channels_sync.order_files.bringing import approve_file, bring_file
from channels_sync.order_files.running import work_on
from ordercenter.catalog.models import Channel, Shop, Sku
from ordercenter.common.actor import SYSTEM
from ordercenter.common.scope import EVERYTHING
from ordercenter.common.xlsxsafe import xlsx_bytes
from ordercenter.orders.models import Order, OrderLine

HEADING = (
    "订单号 商家编码 商品标题 数量 单价 运费 收货人 手机 省 市 区 详细地址"
    " 买家会员名 付款时间 卖家备注 支付方式 支付流水号"
).split()
# Two orders of three have one row, the third has three: what shops of our own channels send.
_ROWS_OF = (1, 1, 3)
PLACES = (("浙江省", "杭州市", "西湖区"), ("广东省", "广州市", "天河区"), ("四川省", "成都市", "武侯区"))


def run_file_import(*, rows: int = 100_000, form: str = "csv") -> dict[str, Any]:
    """Seconds of each step for a file of so many rows, with receivers, payments and several rows an order.

    It is read (by the process of its own), looked at order by order, and taken in with payments and history, on this
    one process; memory is the most that this process ever had.
    """
    shop = Shop.objects.create(channel=Channel.objects.create(code="file", name="文件"), code="bench", name="文件店")
    Sku.objects.bulk_create(Sku(code=f"SKU-{n}", name=f"商品{n}") for n in range(500))
    content = _content(rows, form)
    steps: dict[str, float] = {}
    server = server_pid()
    before = cpu_now(server)
    begun = time.monotonic()
    at = datetime.now(UTC)
    file = bring_file(shop=shop, pieces=lambda: [content], file_name=f"bench.{form}", actor=SYSTEM, at=at).file
    steps["upload_s"] = time.monotonic() - begun
    begun = time.monotonic()
    work_on(file.pk)
    steps["read_and_check_s"] = time.monotonic() - begun
    approve_file(file_id=file.pk, reach=EVERYTHING, actor=SYSTEM, at=at)
    begun = time.monotonic()
    work_on(file.pk)
    steps["import_s"] = time.monotonic() - begun
    done = OrderFile.objects.get(pk=file.pk)
    whole = sum(steps.values())
    used = cpu_now(server) - before
    return {
        "form": form,
        "rows": rows,
        "bytes": len(content),
        "orders": Order.objects.count(),
        "lines": OrderLine.objects.count(),
        "refused": done.refused,
        "state": done.state,
        **{name: round(seconds, 1) for name, seconds in steps.items()},
        "whole_s": round(whole, 1),
        "rows_per_s": round(rows / whole),
        # What other work on the machine does not change much: the processors' own seconds.
        "cpu_s": round(used.client_s, 1),
        "database_cpu_s": round(used.database_s, 1),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _content(rows: int, form: str) -> bytes:
    if form == "xlsx":
        return xlsx_bytes([HEADING, *_rows(rows)], title="订单")
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADING, *_rows(rows)])
    return text.getvalue().encode("gb18030")


def _rows(rows: int) -> Iterator[list[str]]:
    paid = datetime.now(UTC) - timedelta(hours=1)
    made = order = 0
    while made < rows:
        place = PLACES[order % len(PLACES)]
        for line in range(min(_ROWS_OF[order % len(_ROWS_OF)], rows - made)):
            yield [
                f"F{order:08d}",
                f"SKU-{(order * 7 + line * 31) % 500}",
                "木棉系列 杯子 350ml",
                str(1 + (order + line) % 3),
                f"{10 + (order + line) % 90}.90",
                "6.00",
                f"王小明{order % 97}",
                f"138{order:08d}",
                *place,
                f"文三路{order % 999}号{order % 30}幢",
                f"买家{order}",
                f"{paid + timedelta(hours=8, seconds=order % 1800):%Y-%m-%d %H:%M:%S}",
                "",
                "支付宝",
                f"2026113022{order:010d}",
            ]
            made += 1
        order += 1
