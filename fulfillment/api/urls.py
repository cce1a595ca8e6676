from django.urls import path

from fulfillment.api import parcels, routing, takeovers

urlpatterns = [
    path("orders/merge", parcels.OrdersMerge.as_view(), name="orders-merge"),
    path("orders/<int:order_id>/routing", routing.OrderRouting.as_view(), name="order-routing"),
    path("orders/<int:order_id>/shipments", parcels.OrderShipments.as_view(), name="order-shipments"),
    path("orders/<int:order_id>/split", parcels.OrderSplit.as_view(), name="order-split"),
    path("orders/<int:order_id>/unmerge", parcels.OrderUnmerge.as_view(), name="order-unmerge"),
    path("orders/<int:order_id>/takeover/preview", takeovers.TakeoverPreview.as_view(), name="order-takeover-preview"),
    path("orders/<int:order_id>/takeover", takeovers.TakeoverDo.as_view(), name="order-takeover"),
]
