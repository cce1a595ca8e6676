from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    name = "fulfillment"

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from fulfillment import flow_components, handlers  # noqa: F401
