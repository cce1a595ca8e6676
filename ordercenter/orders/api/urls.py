from django.urls import path

from ordercenter.orders.api import views

urlpatterns = [
    path("orders", views.OrderList.as_view(), name="orders"),
    path("orders/<int:order_id>", views.OrderDetail.as_view(), name="order"),
    path("orders/<int:order_id>/cancel", views.OrderCancel.as_view(), name="order-cancel"),
]
