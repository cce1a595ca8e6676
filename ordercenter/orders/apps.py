from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "ordercenter.orders"
    label = "orders"

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from ordercenter.orders import flow_components, handlers  # noqa: F401
