"""How long a courier's bill takes from the file to its differences, and how much memory: read, taken in, judged."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection

from fulfillment.models import (
    Carrier,
    CourierContract,
    CourierProduct,
    CourierRate,
    FreightBill,
    FreightLine,
    FreightUpload,
    Parcel,
    Shipment,
)
from fulfillment.services.freight_judging import judge_waiting_bills
from fulfillment.services.freight_uploads import keep_upload, wish_import, work_off_uploads
from fulfillment.states import ParcelState, ShipmentState
from ordercenter.catalog.models import Channel, Contact, Shop
from ordercenter.common.actor import SYSTEM
from ordercenter.common.bulk import insert_instances
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import new_row
from ordercenter.inventory.models import Warehouse

_DAY = date(2026, 10, 12)
_AT = datetime(2026, 10, 12, 8, tzinfo=UTC)
_PLACES = (
    ("浙江省", "杭州市", "330100", "5"),
    ("广东省", "广州市", "440100", "8"),
    ("四川省", "成都市", "510100", "9"),
)
_CHUNK = 20_000
# One line in so many of each kind of difference.
_SHARE = 1000


def run_courier_bill(lines: int) -> dict[str, Any]:
    """Plant parcels, take in a bill of so many lines that lies here and there, and compare, as a worker does it.

    The rows stay in the database: use one made for measuring. request_s: what the two requests of the page take; peak:
    how much the process grew meanwhile, in MiB; differences by verdict.
    """
    carrier = _plant(lines)
    content, planted = _bill(lines)
    before = _start_peak()
    started = time.perf_counter()
    upload = keep_upload(content=content, file_name="bill.csv", carrier_id=carrier.pk, at=_AT, actor=SYSTEM)
    kept_s = time.perf_counter() - started
    work_off_uploads()
    read_s = time.perf_counter() - started - kept_s
    upload.refresh_from_db()
    columns = upload.reading["columns"] if upload.reading else {}
    wished = time.perf_counter()
    wish_import(upload_id=upload.pk, columns=columns, at=_AT, actor=SYSTEM)
    request_s = kept_s + time.perf_counter() - wished
    write = time.perf_counter()
    work_off_uploads()
    write_s = time.perf_counter() - write
    judge = time.perf_counter()
    judge_waiting_bills()
    judge_s = time.perf_counter() - judge
    bill = FreightBill.objects.get(pk=FreightUpload.objects.values_list("bill", flat=True).get(pk=upload.pk))
    found = Counter(
        FreightLine.objects.filter(bill=bill).exclude(verdict="matched").values_list("verdict", flat=True).iterator()
    )
    return {
        "lines": bill.line_count,
        "file_bytes": len(content),
        "request_s": round(request_s, 3),
        "read_s": round(read_s, 2),
        "write_s": round(write_s, 2),
        "judge_s": round(judge_s, 2),
        "lines_per_s": round(lines / (read_s + write_s + judge_s)),
        "peak_mib": round((_peak() - before) / 1024, 1),
        "planted": dict(sorted(planted.items())),
        "found": dict(sorted(found.items())),
    }


def _plant(lines: int) -> Carrier:
    """A courier with a contract, and a parcel for each line."""
    shop = Shop.objects.create(channel=Channel.objects.create(code="bench", name="Bench"), code="bench", name="Bench")
    warehouse = Warehouse.objects.create(code="BENCH", name="Bench")
    carrier = Carrier.objects.create(code="BENCH", name="Bench")
    product = CourierProduct.objects.create(carrier=carrier)
    contract = CourierContract.objects.create(warehouse=warehouse, product=product, valid_from=date(2020, 1, 1))
    CourierRate.objects.bulk_create(
        CourierRate(contract=contract, zone=code[:2], first_fee=Decimal(fee), step_fee=Decimal(2), days_p90=0)
        for _province, _city, code, fee in _PLACES
    )
    for first in range(0, lines, _CHUNK):
        numbers = range(first, min(first + _CHUNK, lines))
        contacts = _made(
            Contact,
            [{"province": p, "city": c, "division_code": code} for p, c, code, _fee in map(_place, numbers)],
        )
        shipments = _made(
            Shipment,
            [
                {
                    "code": f"B{n}",
                    "shop_id": shop.pk,
                    "warehouse_id": warehouse.pk,
                    "carrier_id": carrier.pk,
                    "contact_id": contact.pk,
                    "weight_g": 900,
                    "state": ShipmentState.SHIPPED,
                    "shipped_at": _AT,
                }
                for n, contact in zip(numbers, contacts, strict=True)
            ],
        )
        _made(
            Parcel,
            [
                {
                    "shipment_id": shipment.pk,
                    "carrier_id": carrier.pk,
                    "tracking_no": _number(n),
                    "weight_g": 800,
                    "state": ParcelState.DELIVERED,
                    "shipped_at": _AT,
                }
                for n, shipment in zip(numbers, shipments, strict=True)
            ],
        )
    with connection.cursor() as cursor:
        # What autovacuum has done long ago on a database that has lived.
        cursor.execute("VACUUM ANALYZE")
    return carrier


def _made(model: Any, rows: list[dict[str, Any]]) -> list[Any]:
    made = [new_row(model, **values) for values in rows]
    for row, pk in zip(made, new_ids(model, len(made)), strict=True):
        row.pk = pk
    insert_instances(model, made)
    return made


def _bill(lines: int) -> tuple[bytes, Counter[str]]:
    """The file, and what it lies about by verdict."""
    planted: Counter[str] = Counter()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("运单号", "揽收日期", "目的省份", "计费重量(kg)", "合计金额"))
    for row, verdict in _rows(lines):
        if row is not None:
            writer.writerow(row)
        if verdict:
            planted[verdict] += 1
    return text.getvalue().encode(), planted


def _rows(lines: int) -> Iterator[tuple[tuple[object, ...] | None, str]]:
    for n in range(lines):
        province, _city, _code, fee = _place(n)
        right = (_number(n), _DAY, province, "0.8", f"{fee}.00")
        kind = n % _SHARE
        if kind == 1:
            yield (_number(n), _DAY, province, "2", f"{int(fee) + 2}.00"), "weight_differs"
        elif kind == 2:
            yield (_number(n), _DAY, province, "0.8", f"{fee}.70"), "price_differs"
        elif kind == 3:
            # Instead of a number of ours one of nobody: two differences.
            yield (f"NOBODY{n}", _DAY, province, "0.8", f"{fee}.00"), "unknown_parcel"
            yield None, "not_billed"
        elif kind == 4:
            yield (_number(n - 4), _DAY, province, "0.8", f"{fee}.00"), "billed_twice"
            yield None, "not_billed"
        else:
            yield right, ""


def _place(n: int) -> tuple[str, str, str, str]:
    return _PLACES[n % len(_PLACES)]


def _number(n: int) -> str:
    return f"BN{n:09d}"


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise RuntimeError(f"the system does not tell {name}")


def _start_peak() -> int:
    """Begin to measure the peak anew; the memory of this process by now, in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")
