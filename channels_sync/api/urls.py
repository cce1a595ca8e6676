from django.urls import path

from channels_sync.api import orders

urlpatterns = [path("orders/bulk", orders.OrderBulkCreate.as_view(), name="orders-bulk")]
