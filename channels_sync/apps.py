from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsSyncConfig(AppConfig):
    name = "channels_sync"
    verbose_name = _("Channels")

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from channels_sync import flow_components, handlers  # noqa: F401
