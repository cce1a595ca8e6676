from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class ConsoleConfig(AppConfig):
    name = "ordercenter.console"
    label = "console"

    def ready(self) -> None:
        # The library names itself by its label only.
        apps.get_app_config("axes").verbose_name = _("Log of logins")
