from django.urls import path

from channels_sync.api import orders, payments

urlpatterns = [
    path("orders/bulk", orders.OrderBulkCreate.as_view(), name="orders-bulk"),
    path("orders/<int:order_id>/excess", payments.OrderExcess.as_view(), name="orders-excess"),
    path("orders/<int:order_id>/payments", payments.OrderPayments.as_view(), name="orders-payments"),
]
