"""A small shop with a JSON API of its own kind, and the connector's document for it."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from typing import Any

from channels_sync.adapters.base import Connection
from tests.local_http import Reply

DOCUMENT: dict[str, Any] = {
    "format": "ordercenter.connector/1",
    "auth": {"kind": "header", "name": "X-Api-Key", "value": "{secret.api_key}"},
    "time": {"format": "%Y-%m-%d %H:%M:%S", "zone": "Asia/Shanghai"},
    "accepted": {"path": "$.code", "value": 0, "message": "$.msg"},
    "orders": {
        "request": {
            "method": "GET",
            "path": "/v1/orders",
            "query": {"from": "{start}", "to": "{end}", "page": "{page}", "size": "{size}"},
        },
        "rows": "$.data.items[*]",
        "paging": {"kind": "page", "first": 1, "size": 2, "total": "$.data.total"},
        "detail": {"request": {"path": "/v1/orders/{order_no}"}, "order": "$.data"},
        "fields": {
            "order_no": "$.no",
            "status": {"path": "$.state", "words": {"10": "created", "20": "paid", "30": "shipped", "90": "closed"}},
            "created_at": "$.placed",
            "modified_at": "$.changed",
            "paid_at": {"path": "$.pay.at", "time": {"format": "unix"}},
            "total": {"path": "$.cents", "unit": "fen"},
            "freight": {"path": "$.post", "default": "0"},
            "buyer_id": "$.buyer",
            "buyer_remark": "$.memo",
            "payment_no": "$.pay.no",
            "receiver_name": "$.to.name",
            "receiver_phone": "$.to.tel",
            "province": "$.to.area[0]",
            "city": "$.to.area[1]",
            "district": "$.to.area[2]",
            "address": {"concat": ["$.to.street", " ", "$.to.house"]},
        },
        "lines": "$.goods[*]",
        "line_fields": {
            "line_no": "$.id",
            "title": "$.name",
            "quantity": "$.qty",
            "unit_price": "$.price",
            "outer_sku": "$.sku",
            "listing_id": "$.item",
            "sku_id": "$.spec",
        },
    },
    "refunds": {
        "request": {"path": "/v1/refunds", "query": {"from": "{start}", "to": "{end}"}},
        "rows": "$.data[*]",
        "fields": {
            "refund_no": "$.no",
            "order_no": "$.order",
            "line_no": "$.line",
            "status": {"path": "$.state", "words": {"ask": "requested", "done": "succeeded"}, "otherwise": "refused"},
            "amount": {"path": "$.cents", "unit": "fen"},
            "modified_at": "$.changed",
            "reason": "$.why",
        },
    },
    "tracking": {
        "request": {
            "method": "POST",
            "path": "/v1/orders/{order_no}/parcels",
            "body": {"courier": "{carrier}", "number": "{tracking_no}", "goods": "{lines}", "key": "{key}"},
        },
        "carriers": {"SF": "shunfeng"},
    },
    "stock": {
        "request": {
            "method": "PUT",
            "path": "/v1/stock/{listing_id}",
            "body": {"spec": "{sku_id}", "left": "{quantity}"},
        }
    },
    "remark": {
        "request": {
            "method": "POST",
            "path": "/v1/orders/{order_no}/memo",
            "body": {"text": "{text}", "flag": "{flag}"},
        }
    },
    "webhook": {"header": "X-Sign", "encoding": "hex", "prefix": "sha256=", "order": "$.order"},
}


def document(**changes: Any) -> dict[str, Any]:
    """The document; changes by dotted name: `document(orders__paging={...})`. None takes a part away."""
    made = copy.deepcopy(DOCUMENT)
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = made
        for parent in parents:
            place = place[parent]
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return made


def order(number: Any = "A-1", **changes: Any) -> dict[str, Any]:
    """3 pieces of 33.33 and one of 10.00, 5.00 carriage, 4.99 off: 110.00."""
    return {
        "no": number,
        "state": 20,
        "placed": "2026-11-11 00:01:05",
        "changed": "2026-11-11 00:01:43",
        "pay": {"at": 1794326502, "no": "P-77"},
        "cents": 11000,
        "post": "5.00",
        "buyer": "b-1",
        "memo": "周末送",
        "to": {
            "name": "王小明",
            "tel": "13800000000",
            "area": ["浙江省", "杭州市", "西湖区"],
            "street": "文三路",
            "house": "90 号",
        },
        "goods": [
            {"id": 1, "name": "靠垫", "qty": 3, "price": "33.33", "sku": "SKU-1001", "item": "i1", "spec": "s1"},
            {"id": 2, "name": "香薰", "qty": 1, "price": 10, "sku": "SKU-1002", "item": "i2"},
        ],
        **changes,
    }


def refund(number: str = "R-1", **changes: Any) -> dict[str, Any]:
    return {
        "no": number,
        "order": "A-1",
        "line": 2,
        "state": "done",
        "cents": 999,
        "changed": "2026-11-12 10:00:00",
        "why": "破损",
        **changes,
    }


SECRETS = {"api_key": "k-1", "webhook_secret": "hush-test"}


def connection(base_url: str, made: dict[str, Any] | None = None, **secrets: str) -> Connection:
    return Connection(7, base_url, "app-1", {**SECRETS, **secrets}, {"connector": made or document()})


class Shop:
    """Keeps orders by their time of change and answers as DOCUMENT expects; remembers what was written to it."""

    def __init__(self, *orders: dict[str, Any], refunds: tuple[dict[str, Any], ...] = ()):
        self.orders = {str(row["no"]): row for row in orders}
        self.refunds, self.written = list(refunds), []
        self.meanwhile = lambda: None

    def __call__(self, request: Any) -> Reply:
        if request.headers.get("x-api-key") != "k-1":
            return self.reply({"code": 1, "msg": "no key"}, 401)
        parts = request.path.strip("/").split("/")
        if request.method in ("POST", "PUT"):
            self.written.append((request.method, request.path, json.loads(request.body)))
            return self.reply({"code": 0})
        if parts[1] == "refunds":
            return self.reply({"code": 0, "data": self.refunds})
        if len(parts) == 3:
            row = self.orders.get(parts[2])
            return self.reply({"code": 0, "data": row} if row else {"code": 44, "msg": "no such order"})
        return self.page(request)

    def page(self, request: Any) -> Reply:
        since, until = (datetime.fromisoformat(request.query[name]) for name in ("from", "to"))
        found = sorted(
            (row for row in self.orders.values() if since <= datetime.fromisoformat(row["changed"]) <= until),
            key=lambda row: (row["changed"], str(row["no"])),
        )
        page, size = int(request.query["page"]), int(request.query["size"])
        answer = self.reply({"code": 0, "data": {"total": len(found), "items": found[(page - 1) * size : page * size]}})
        self.meanwhile()
        return answer

    @staticmethod
    def reply(content: Any, status: int = 200) -> Reply:
        return Reply(json.dumps(content, ensure_ascii=False).encode(), status=status)
