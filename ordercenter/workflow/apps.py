from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorkflowConfig(AppConfig):
    name = "ordercenter.workflow"
    label = "workflow"
    verbose_name = _("Flows")

    def ready(self) -> None:
        # Registering is all that this module does when imported.
        from ordercenter.workflow import handlers  # noqa: F401
