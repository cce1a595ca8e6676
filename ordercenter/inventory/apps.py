from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    name = "ordercenter.inventory"
    label = "inventory"
    verbose_name = _("Stock")

    def ready(self) -> None:
        # Registering is all that this module does when imported.
        from ordercenter.inventory import handlers  # noqa: F401
