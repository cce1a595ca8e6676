"""The door for files of orders: uploaded, looked at in the background, taken in when the sender says so."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from channels_sync.order_file_models import FileOrderRow, OrderFile
from channels_sync.order_files.bringing import MOST_BYTES, approve_file, bring_file, shop_for_files
from channels_sync.order_files.errors import OrderFileTooLarge, OrderFileUnknown
from channels_sync.order_files.words import sentence_of, trouble_of
from channels_sync.states import FileState, FileVerdict, OnChecked
from ordercenter.catalog.models import ApiScope
from ordercenter.common.keyset import page_by_key
from ordercenter.common.problems import CONTENT_TYPE, FieldError, RequestInvalid
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import Choice, Code, PageOut, PageQuery, StrictSerializer
from ordercenter.common.rest_schema import ProblemOut


class OrderFileIn(StrictSerializer):
    """A CSV file or an XLSX workbook of one shop."""

    shop = Code(max_length=32, help_text=_("Code of the shop."))
    file = serializers.FileField(help_text=_("CSV (UTF-8, GB18030 or UTF-16) or XLSX, at most 64 MB."))
    on_checked = Choice(
        choices=OnChecked.values,
        default=OnChecked.WAIT.value,
        help_text=_(
            "What happens when every order was looked at: wait for a yes, take the file in when nothing is refused "
            "(clean), or take in what can be taken in (take)."
        ),
    )


class OrderFileOut(serializers.Serializer[Any]):
    """A file and how far it is."""

    id = serializers.IntegerField()
    shop = serializers.CharField()
    file_name = serializers.CharField()
    state = serializers.ChoiceField(choices=FileState.values)
    rows = serializers.IntegerField(help_text=_("Rows that are not empty, the heading among them."))
    progress = serializers.IntegerField(help_text=_("How much of the present step is done."))
    total = serializers.IntegerField(help_text=_("Of how much; 0 while nobody knows."))
    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    encoding = serializers.CharField()
    columns = serializers.DictField(help_text=_("Our name of a column: heading in the file."))
    trouble = serializers.CharField(help_text=_("Why the file cannot be read, in words; empty if it can."))
    was_known = serializers.BooleanField(help_text=_("The same bytes had come for this shop before."))


class FileOrdersQuery(PageQuery):
    """Which orders of a file."""

    verdict = Choice(choices=FileVerdict.values, required=False, help_text=_("Only those that do this."))


class FileOrderOut(serializers.Serializer[Any]):
    """One order of a file: what it does, or did, and what is wrong with it."""

    row = serializers.IntegerField(help_text=_("Its first row, as a spreadsheet counts."))
    channel_order_no = serializers.CharField()
    verdict = serializers.ChoiceField(choices=FileVerdict.values)
    is_done = serializers.BooleanField(help_text=_("It was taken in."))
    order_id = serializers.IntegerField(allow_null=True)
    problems = serializers.ListField(
        child=serializers.DictField(), help_text=_("Row, column, code and sentence of each mistake.")
    )


class FileOrderPage(PageOut):
    """One page of the orders of a file."""

    results = FileOrderOut(many=True)


class OrderFiles(ApiView):
    needs = ApiScope.ORDERS_WRITE
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="order_files_upload",
        tags=["orders"],
        summary=_("Upload a file of orders"),
        request={"multipart/form-data": OrderFileIn},
        description=_(
            "For a shop without a platform. Rows of one order number are one order. The columns are those that were "
            "matched for the shop on its page. The same bytes are one file, however often they are sent. "
            "Scope: orders:write."
        ),
        responses={202: OrderFileOut, 200: OrderFileOut, (409, CONTENT_TYPE): ProblemOut},
    )
    def post(self, request: Request) -> Response:
        data = self.read_body(OrderFileIn())
        upload = data["file"]
        if upload.size > MOST_BYTES:
            raise OrderFileTooLarge(most_bytes=MOST_BYTES)
        if "\0" in (upload.name or ""):
            raise RequestInvalid([FieldError(field="file", code="control", detail=str(_("The name of the file.")))])
        brought = bring_file(
            shop=shop_for_files(data["shop"], self.reach()),
            pieces=upload.chunks,
            file_name=upload.name or "",
            actor=self.actor(),
            at=timezone.now(),
            on_checked=data["on_checked"],
        )
        return Response(_answer(brought.file, was_known=brought.was_known), status=200 if brought.was_known else 202)


class OneOrderFile(ApiView):
    needs = ApiScope.ORDERS_WRITE
    permission = "channels_sync.view_orderfile"

    @extend_schema(
        operation_id="order_files_read",
        tags=["orders"],
        summary=_("How far a file of orders is"),
        responses={200: OrderFileOut},
    )
    def get(self, request: Request, file_id: int) -> Response:
        return Response(_answer(_file(self, file_id)))


class OrdersOfFile(ApiView):
    needs = ApiScope.ORDERS_WRITE
    permission = "channels_sync.view_orderfile"

    @extend_schema(
        operation_id="order_files_orders",
        tags=["orders"],
        summary=_("What the orders of a file do"),
        parameters=[FileOrdersQuery],
        responses={200: FileOrderPage},
    )
    def get(self, request: Request, file_id: int) -> Response:
        filters = self.read_query(FileOrdersQuery)
        file = _file(self, file_id)
        rows = FileOrderRow.objects.filter(file=file)
        if "verdict" in filters:
            rows = rows.filter(verdict=filters["verdict"])
        page = page_by_key(rows, cursor=filters["cursor"], limit=filters["limit"], newest_first=False)
        url = page.next_url(request.path, request.query_params)
        results = [_order_out(row, file) for row in page.rows]
        return Response({"results": results, "next_cursor": page.next_cursor, "next": url})


class ImportOrderFile(ApiView):
    needs = ApiScope.ORDERS_WRITE

    @extend_schema(
        operation_id="order_files_import",
        tags=["orders"],
        summary=_("Take in a file of orders"),
        request=None,
        description=_("The yes to what is new and changed; refused orders stay out. A second yes changes nothing."),
        responses={202: OrderFileOut, (409, CONTENT_TYPE): ProblemOut},
    )
    def post(self, request: Request, file_id: int) -> Response:
        file = approve_file(file_id=file_id, reach=self.reach(), actor=self.actor(), at=timezone.now())
        return Response(_answer(OrderFile.objects.select_related("shop").get(pk=file.pk)), status=202)


def _file(view: ApiView, file_id: int) -> OrderFile:
    file = view.reach().narrow(OrderFile.objects.select_related("shop"), shop="shop_id").filter(pk=file_id).first()
    if file is None:
        raise OrderFileUnknown(file_id=file_id)
    return file


def _answer(file: OrderFile, *, was_known: bool = False) -> dict[str, Any]:
    names = ("id", "file_name", "state", "rows", "progress", "total", "new", "changed", "unchanged", "refused")
    return {
        **{name: getattr(file, name) for name in names},
        "shop": file.shop.code,
        "encoding": file.encoding,
        "columns": file.columns,
        "trouble": trouble_of(file.trouble),
        "was_known": was_known,
    }


def _order_out(row: FileOrderRow, file: OrderFile) -> dict[str, Any]:
    problems = [
        {"row": p[0], "column": p[1], "code": p[2], "detail": sentence_of(p, file.columns)} for p in row.problems
    ]
    return {
        "row": row.first_row,
        "channel_order_no": row.channel_order_no,
        "verdict": row.verdict,
        "is_done": row.is_done,
        "order_id": row.order_id,
        "problems": problems,
    }
