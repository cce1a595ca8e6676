from django.apps import AppConfig


class WorkflowConfig(AppConfig):
    name = "ordercenter.workflow"
    label = "workflow"

    def ready(self) -> None:
        # Registering is all that this module does when imported.
        from ordercenter.workflow import handlers  # noqa: F401
