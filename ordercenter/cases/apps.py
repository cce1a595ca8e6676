from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CasesConfig(AppConfig):
    name = "ordercenter.cases"
    label = "cases"
    verbose_name = _("Cases")

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from ordercenter.cases import handlers  # noqa: F401
