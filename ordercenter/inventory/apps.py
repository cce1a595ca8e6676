from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "ordercenter.inventory"
    label = "inventory"
