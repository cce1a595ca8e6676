from django.urls import path

from fulfillment.api import freight, freight_files, parcels, routing, takeovers

urlpatterns = [
    path("courier-bills", freight.BillList.as_view(), name="courier-bills"),
    path("courier-bills/files", freight_files.Upload.as_view(), name="courier-bill-files"),
    path("courier-bills/files/<int:upload_id>", freight_files.UploadDetail.as_view(), name="courier-bill-file"),
    path("courier-bills/<int:bill_id>", freight.BillDetail.as_view(), name="courier-bill"),
    path("courier-bills/<int:bill_id>/lines", freight.LineList.as_view(), name="courier-bill-lines"),
    path("courier-bills/<int:bill_id>/sign-off", freight.SignOff.as_view(), name="courier-bill-sign-off"),
    path("courier-bills/<int:bill_id>/take-back", freight.TakeBack.as_view(), name="courier-bill-take-back"),
    path("orders/merge", parcels.OrdersMerge.as_view(), name="orders-merge"),
    path("orders/<int:order_id>/routing", routing.OrderRouting.as_view(), name="order-routing"),
    path("orders/<int:order_id>/shipments", parcels.OrderShipments.as_view(), name="order-shipments"),
    path("orders/<int:order_id>/split", parcels.OrderSplit.as_view(), name="order-split"),
    path("orders/<int:order_id>/unmerge", parcels.OrderUnmerge.as_view(), name="order-unmerge"),
    path("orders/<int:order_id>/takeover/preview", takeovers.TakeoverPreview.as_view(), name="order-takeover-preview"),
    path("orders/<int:order_id>/takeover", takeovers.TakeoverDo.as_view(), name="order-takeover"),
]
