from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "ordercenter.catalog"
    label = "catalog"
