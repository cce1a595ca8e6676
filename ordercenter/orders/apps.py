from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "ordercenter.orders"
    label = "orders"
