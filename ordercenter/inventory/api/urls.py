from django.urls import path

from ordercenter.inventory.api import views

urlpatterns = [path("stock", views.StockList.as_view(), name="stock")]
