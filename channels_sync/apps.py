from django.apps import AppConfig


class ChannelsSyncConfig(AppConfig):
    name = "channels_sync"

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from channels_sync import flow_components, handlers  # noqa: F401
