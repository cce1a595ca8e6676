from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FulfillmentConfig(AppConfig):
    name = "fulfillment"
    verbose_name = _("Fulfilment")

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from fulfillment import (  # noqa: F401
            courier_handlers,
            flow_components,
            freight_handlers,
            goods_handlers,
            handlers,
            parcel_components,
            tracking_handlers,
            transfer_handlers,
        )
