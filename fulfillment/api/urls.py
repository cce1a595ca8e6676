from django.urls import path

from fulfillment.api import routing

urlpatterns = [path("orders/<int:order_id>/routing", routing.OrderRouting.as_view(), name="order-routing")]
