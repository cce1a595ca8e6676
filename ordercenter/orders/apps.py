from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "ordercenter.orders"
    label = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from ordercenter.orders import flow_components, handlers  # noqa: F401
