"""Sending a courier's bill as a file through the API, and asking what has become of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.freight import FreightView
from fulfillment.freight_errors import FreightCourierUnknown, FreightFileKnown
from fulfillment.freight_selectors import upload_in_scope
from fulfillment.models import Carrier, CourierProduct, FreightUpload
from fulfillment.services.freight_intake import known_bill
from fulfillment.services.freight_uploads import keep_upload, wish_of
from ordercenter.catalog.models import ApiScope
from ordercenter.common.problems import BodyTooLarge, NotAllowed
from ordercenter.common.rest_fields import Code, StrictSerializer, Text
from ordercenter.inventory.models import Warehouse

LARGEST_FILE = 40 * 1024 * 1024


class CsvFile(BaseParser):
    """The body is the file. `parse` answers with its bytes."""

    media_type: ClassVar[str] = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> bytes:
        content: bytes = stream.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise BodyTooLarge(most_bytes=LARGEST_FILE)
        return content


class XlsxFile(CsvFile):
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class FileQuery(StrictSerializer):
    """What the file is about."""

    courier = Code(max_length=16, help_text=_("Code of the courier."))
    file_name = Text(required=False, default="", max_length=200)
    first_day = serializers.DateField(required=False, help_text=_("First day of the period; else by the file."))
    last_day = serializers.DateField(required=False, help_text=_("Last day of the period; else by the file."))
    warehouse = Code(required=False, max_length=32, help_text=_("Only parcels of this warehouse are on the bill."))
    product = Code(required=False, max_length=32, help_text=_("Product of lines that name none."))


class UploadOut(serializers.Serializer[Any]):
    """What has become of a file. errors: what is wrong with it, by row and column; nothing was taken in then."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["waiting", "taken_in", "refused"])
    bill_id = serializers.IntegerField(allow_null=True)
    problem = serializers.CharField(allow_blank=True, help_text=_("Code of what stood in the way."))
    errors = serializers.ListField(child=serializers.DictField())
    error_count = serializers.IntegerField()


class Upload(FreightView):
    needs = ApiScope.FREIGHT_WRITE
    parser_classes = [CsvFile, XlsxFile]

    @extend_schema(
        operation_id="courier_bills_upload",
        tags=["courier bills"],
        summary=_("Send a courier bill"),
        parameters=[FileQuery],
        request={
            "text/csv": OpenApiTypes.BINARY,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": OpenApiTypes.BINARY,
        },
        description=_(
            "The body is the file, CSV or XLSX, at most 40 MB; its columns are read as in the courier's last bill. "
            "It is taken in and judged in the background: ask the upload, then its bill. The same file is taken in "
            "once (fulfillment.freight_file_known). Scope: freight:write, in every shop."
        ),
        responses={202: UploadOut},
    )
    def post(self, request: Request) -> Response:
        query = self.read_query(FileQuery)
        if not self.reach().is_everything:
            raise NotAllowed
        carrier = Carrier.objects.filter(code=query["courier"]).first()
        warehouse = Warehouse.objects.filter(code=query["warehouse"]).first() if "warehouse" in query else None
        products = CourierProduct.objects.filter(carrier=carrier, code=query.get("product", ""))
        product = products.first() if carrier is not None and "product" in query else None
        if carrier is None or ("warehouse" in query and warehouse is None) or ("product" in query and product is None):
            raise FreightCourierUnknown(courier=query["courier"])
        content: bytes = request.data
        known = known_bill(carrier.pk, content)
        if known is not None:
            raise FreightFileKnown(bill_id=known)
        actor, last_day = self.actor(), query.get("last_day")
        upload = keep_upload(
            content=content,
            file_name=query["file_name"],
            carrier_id=carrier.pk,
            at=timezone.now(),
            actor=actor,
            wish=wish_of(
                actor=actor,
                starts_on=query.get("first_day"),
                ends_on=last_day + timedelta(days=1) if last_day else None,
                warehouse_id=warehouse.pk if warehouse else None,
                product_id=product.pk if product else None,
            ),
        )
        return Response(upload_out(upload), status=202)


class UploadDetail(FreightView):
    needs = ApiScope.FREIGHT_READ
    permission = "fulfillment.view_freightbill"

    @extend_schema(
        operation_id="courier_bills_upload_read",
        tags=["courier bills"],
        summary=_("What has become of a file"),
        description=_("Files are kept for a day. Scope: freight:read."),
        responses={200: UploadOut},
    )
    def get(self, request: Request, upload_id: int) -> Response:
        return Response(upload_out(upload_in_scope(upload_id, scope=self.reach())))


def upload_out(upload: FreightUpload) -> dict[str, Any]:
    """An upload as the API shows it."""
    reading = upload.reading or {}
    state = "taken_in" if upload.bill_id is not None else "refused" if upload.problem else "waiting"
    return {
        "id": upload.pk,
        "state": state,
        "bill_id": upload.bill_id,
        "problem": upload.problem,
        "errors": reading.get("errors", []) if upload.problem else [],
        "error_count": reading.get("error_count", 0) if upload.problem else 0,
    }
