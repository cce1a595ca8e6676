"""Orders as the shop systems send them, small but complete; tests change a copy."""

from __future__ import annotations

from typing import Any


def shopify_order(**changes: Any) -> dict[str, Any]:
    """Two lines of 100.00 and 3 x 33.33, 10.00 off, 12.00 carriage: 201.99, tax in it."""
    return {
        "id": 820982911946154508,
        "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
        "name": "#1001",
        "order_number": 1001,
        "created_at": "2026-11-10T11:01:05-05:00",
        "processed_at": "2026-11-10T11:01:42-05:00",
        "updated_at": "2026-11-11T00:01:43+08:00",
        "cancelled_at": None,
        "closed_at": None,
        "test": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "currency": "CNY",
        "presentment_currency": "USD",
        "taxes_included": True,
        "total_line_items_price": "199.99",
        "total_discounts": "10.00",
        "subtotal_price": "189.99",
        "total_tax": "11.43",
        "total_price": "201.99",
        "current_total_price": "201.99",
        "note": "周末送",
        "tags": "vip, order-center-flag-3",
        "customer": {"id": 115310627314723954, "first_name": "小明", "last_name": "王"},
        "shipping_address": {
            "name": "王小明",
            "phone": "13800000000",
            "address1": "文三路 90 号 1 幢",
            "address2": "201 室",
            "city": "杭州市",
            "province": "Zhejiang",
            "province_code": "ZJ",
            "country": "China",
            "country_code": "CN",
            "zip": "310012",
        },
        "shipping_lines": [
            {"id": 1, "price": "12.00", "discounted_price": "12.00", "tax_lines": [{"price": "0.68", "rate": 0.06}]}
        ],
        "line_items": [
            {
                "id": 11,
                "product_id": 7001,
                "variant_id": 8001,
                "sku": "SKU-1001",
                "title": "亚麻靠垫",
                "variant_title": "燕麦色",
                "quantity": 1,
                "price": "100.00",
                "total_discount": "0.00",
                "fulfillment_status": None,
                "discount_allocations": [{"amount": "5.00"}],
                "tax_lines": [{"price": "5.38", "rate": 0.06}],
            },
            {
                "id": 12,
                "product_id": 7002,
                "variant_id": 8002,
                "sku": "SKU-1002",
                "title": "香薰",
                "variant_title": None,
                "quantity": 3,
                "price": "33.33",
                "total_discount": "0.00",
                "fulfillment_status": None,
                "discount_allocations": [{"amount": "5.00"}],
                "tax_lines": [{"price": "5.37", "rate": 0.06}],
            },
        ],
        "refunds": [],
        "fulfillments": [],
        **changes,
    }


def shopify_refund(**changes: Any) -> dict[str, Any]:
    """Both lines given back, 50.00 of them, 0.01 of which fits neither."""
    return {
        "id": 509562969,
        "order_id": 820982911946154508,
        "created_at": "2026-11-12T10:00:00+08:00",
        "processed_at": "2026-11-12T10:00:02+08:00",
        "note": "破损",
        "refund_line_items": [
            {
                "id": 901,
                "line_item_id": 11,
                "quantity": 1,
                "restock_type": "return",
                "subtotal": "20.00",
                "total_tax": "0",
            },
            {
                "id": 902,
                "line_item_id": 12,
                "quantity": 1,
                "restock_type": "cancel",
                "subtotal": "30.00",
                "total_tax": "0",
            },
        ],
        "transactions": [
            {"id": 1, "kind": "refund", "status": "success", "amount": "50.01", "currency": "CNY"},
        ],
        **changes,
    }


def woo_order(**changes: Any) -> dict[str, Any]:
    """Two lines, a coupon, tax beside everything, finer than a cent: 121.00 in all with 11.00 of carriage."""
    return {
        "id": 727,
        "number": "727",
        "order_key": "wc_order_58d2d042d1d",
        "status": "processing",
        "currency": "EUR",
        "prices_include_tax": True,
        "date_created": "2026-11-11T01:01:05",
        "date_created_gmt": "2026-11-10T16:01:05",
        "date_modified_gmt": "2026-11-10T16:01:43",
        "date_paid_gmt": "2026-11-10T16:01:42",
        "customer_id": 26,
        "customer_note": "请放门口",
        "transaction_id": "ch_3Pabc",
        "total": "121.00",
        "total_tax": "11.00",
        "discount_total": "9.090909",
        "discount_tax": "0.909091",
        "shipping_total": "10.00",
        "shipping_tax": "1.00",
        "billing": {
            "first_name": "小明",
            "last_name": "王",
            "phone": "13800000000",
            "address_1": "账单路 1 号",
            "city": "上海市",
            "state": "CN10",
            "country": "CN",
            "postcode": "200000",
        },
        "shipping": {
            "first_name": "小红",
            "last_name": "李",
            "address_1": "文三路 90 号",
            "address_2": "",
            "city": "杭州市",
            "state": "CN12",
            "country": "CN",
            "postcode": "310012",
        },
        "line_items": [
            {
                "id": 315,
                "name": "亚麻靠垫",
                "product_id": 93,
                "variation_id": 95,
                "sku": "SKU-1001",
                "quantity": 2,
                "subtotal": "72.727272",
                "subtotal_tax": "7.272728",
                "total": "66.666666",
                "total_tax": "6.666667",
                "meta_data": [{"key": "pa_color", "display_key": "颜色", "display_value": "燕麦色"}],
            },
            {
                "id": 316,
                "name": "香薰",
                "product_id": 22,
                "variation_id": 0,
                "sku": "SKU-1002",
                "quantity": 1,
                "subtotal": "36.363637",
                "subtotal_tax": "3.636363",
                "total": "33.333334",
                "total_tax": "3.333333",
                "meta_data": [],
            },
        ],
        "fee_lines": [],
        "refunds": [],
        "meta_data": [],
        **changes,
    }


def woo_refund(**changes: Any) -> dict[str, Any]:
    """One piece of the first line and a third of the second: 55.00."""
    return {
        "id": 726,
        "date_created_gmt": "2026-11-12T02:00:00",
        "amount": "55.00",
        "reason": "破损",
        "line_items": [
            {
                "id": 801,
                "quantity": -1,
                "total": "-33.33",
                "total_tax": "-3.33",
                "meta_data": [{"key": "_refunded_item_id", "value": "315"}],
            },
            {
                "id": 802,
                "quantity": 0,
                "total": "-16.67",
                "total_tax": "-1.67",
                "meta_data": [{"key": "_refunded_item_id", "value": 316}],
            },
        ],
        **changes,
    }
