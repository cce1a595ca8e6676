"""Stock through the API: what lies where, and how much of it can still be promised."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ordercenter.common.api_client import STOCK_READ
from ordercenter.common.keyset import MOST_ROWS, page_by_key
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import Code, PageOut, PageQuery, Text
from ordercenter.common.rest_output import PlainOutput
from ordercenter.inventory.models import StockLevel
from ordercenter.inventory.selectors import stock_matching


class StockQuery(PageQuery):
    """Which stock a list shows."""

    sku = serializers.ListField(
        child=Text(max_length=64), required=False, max_length=MOST_ROWS, help_text=_("Our SKU codes.")
    )
    warehouse = serializers.ListField(child=Code(max_length=32), required=False, help_text=_("Codes of warehouses."))


class StockOut(PlainOutput, serializers.ModelSerializer[StockLevel]):
    """One SKU in one warehouse."""

    sku = serializers.CharField(source="sku.code", help_text=_("Our SKU code."))
    name = serializers.CharField(source="sku.name")
    warehouse = serializers.CharField(source="warehouse.code", help_text=_("Code of the warehouse."))
    free = serializers.IntegerField(help_text=_("What can still be promised to paid orders."))
    available_to_sell = serializers.IntegerField(help_text=_("What channels may offer: free less the safety stock."))
    reserved = serializers.IntegerField(
        source="promised", help_text=_("All that is promised, whether a warehouse was told of it or not.")
    )

    class Meta:
        model = StockLevel
        fields = [
            "sku",
            "name",
            "warehouse",
            "on_hand",
            "reserved",
            "free",
            "allocated",
            "set_aside",
            "safety",
            "available_to_sell",
            "damaged",
            "quarantine",
        ]


class StockPage(PageOut):
    """One page of stock, in the order in which the rows were made."""

    results = StockOut(many=True)


class StockList(ApiView):
    needs = STOCK_READ
    permission = "inventory.view_stocklevel"

    @extend_schema(
        operation_id="stock_list",
        tags=["stock"],
        summary=_("Read stock"),
        parameters=[StockQuery],
        description=_("By SKU and warehouse, page after page. Scope: stock:read, given by warehouse."),
        responses={200: StockPage},
    )
    def get(self, request: Request) -> Response:
        filters = self.read_query(StockQuery)
        rows = stock_matching(filters, scope=self.reach())
        page = page_by_key(rows, cursor=filters["cursor"], limit=filters["limit"], newest_first=False)
        return self.answer_page(page, StockOut)
