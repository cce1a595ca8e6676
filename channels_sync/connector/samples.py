"""The document with which a new connector begins: every part that there is, to be changed or taken away."""

from __future__ import annotations

from typing import Any

SAMPLE: dict[str, Any] = {
    "format": "ordercenter.connector/1",
    "auth": {"kind": "header", "name": "X-Api-Key", "value": "{secret.api_key}"},
    "time": {"format": "%Y-%m-%d %H:%M:%S", "zone": "Asia/Shanghai"},
    "accepted": {"path": "$.code", "value": 0, "message": "$.message"},
    "orders": {
        "request": {
            "method": "GET",
            "path": "/orders",
            "query": {"updated_from": "{start}", "updated_to": "{end}", "page": "{page}", "size": "{size}"},
        },
        "rows": "$.data.items[*]",
        "paging": {"kind": "page", "first": 1, "size": 50, "total": "$.data.total"},
        "detail": {"request": {"method": "GET", "path": "/orders/{order_no}"}, "order": "$.data"},
        "fields": {
            "order_no": "$.order_no",
            "status": {
                "path": "$.status",
                "words": {
                    "unpaid": "created",
                    "paid": "paid",
                    "shipped": "shipped",
                    "done": "completed",
                    "cancelled": "cancelled",
                    "refunded": "closed",
                },
            },
            "created_at": "$.created_at",
            "modified_at": "$.updated_at",
            "paid_at": "$.paid_at",
            "total": {"path": "$.total", "unit": "fen"},
            "freight": {"path": "$.freight", "unit": "fen", "default": 0},
            "buyer_id": "$.buyer.id",
            "buyer_remark": "$.remark",
            "payment_no": "$.payment_no",
            "receiver_name": "$.receiver.name",
            "receiver_phone": "$.receiver.phone",
            "province": "$.receiver.province",
            "city": "$.receiver.city",
            "district": "$.receiver.district",
            "address": {"concat": ["$.receiver.street", " ", "$.receiver.detail"]},
        },
        "lines": "$.lines[*]",
        "line_fields": {
            "line_no": "$.id",
            "title": "$.title",
            "quantity": "$.quantity",
            "unit_price": {"path": "$.price", "unit": "fen"},
            "paid": {"path": "$.paid", "unit": "fen"},
            "listing_id": "$.goods_id",
            "sku_id": "$.sku_id",
            "outer_sku": "$.sku",
        },
    },
    "refunds": {
        "request": {"method": "GET", "path": "/refunds", "query": {"updated_from": "{start}", "updated_to": "{end}"}},
        "rows": "$.data[*]",
        "fields": {
            "refund_no": "$.refund_no",
            "order_no": "$.order_no",
            "line_no": "$.line_id",
            "status": {
                "path": "$.status",
                "words": {"asked": "requested", "agreed": "agreed", "paid": "succeeded", "withdrawn": "withdrawn"},
                "otherwise": "refused",
            },
            "amount": {"path": "$.amount", "unit": "fen"},
            "quantity": {"path": "$.quantity", "default": 1},
            "reason": "$.reason",
            "modified_at": "$.updated_at",
        },
    },
    "tracking": {
        "request": {
            "method": "POST",
            "path": "/orders/{order_no}/parcels",
            "body": {"courier": "{carrier}", "number": "{tracking_no}", "lines": "{lines}", "key": "{key}"},
        },
        "carriers": {"SF": "shunfeng"},
    },
    "stock": {
        "request": {
            "method": "PUT",
            "path": "/stock/{listing_id}",
            "body": {"sku_id": "{sku_id}", "quantity": "{quantity}"},
        }
    },
    "webhook": {"header": "X-Signature", "encoding": "hex", "order": "$"},
}
