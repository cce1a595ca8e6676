from django.urls import path

from ordercenter.inventory.api import holds, views

urlpatterns = [
    path("stock", views.StockList.as_view(), name="stock"),
    path("stock/holds", holds.HoldsPlace.as_view(), name="stock-holds"),
    path("stock/holds/release", holds.HoldsRelease.as_view(), name="stock-holds-release"),
]
