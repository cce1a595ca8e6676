from django.urls import path

from channels_sync.api import counters, listings, order_files, orders, payments

urlpatterns = [
    path("counters/batches", counters.CounterBatches.as_view(), name="counter-batches"),
    path("listings/unmatched", listings.UnmatchedListings.as_view(), name="listings-unmatched"),
    path("listings/suggestions", listings.ListingSuggestions.as_view(), name="listings-suggestions"),
    path("listings/bind", listings.ListingsBind.as_view(), name="listings-bind"),
    path("listings/unbind", listings.ListingsUnbind.as_view(), name="listings-unbind"),
    path("order-files", order_files.OrderFiles.as_view(), name="order-files"),
    path("order-files/<int:file_id>", order_files.OneOrderFile.as_view(), name="order-file"),
    path("order-files/<int:file_id>/orders", order_files.OrdersOfFile.as_view(), name="order-file-orders"),
    path("order-files/<int:file_id>/import", order_files.ImportOrderFile.as_view(), name="order-file-import"),
    path("orders/bulk", orders.OrderBulkCreate.as_view(), name="orders-bulk"),
    path("orders/<int:order_id>/excess", payments.OrderExcess.as_view(), name="orders-excess"),
    path("orders/<int:order_id>/payments", payments.OrderPayments.as_view(), name="orders-payments"),
]
