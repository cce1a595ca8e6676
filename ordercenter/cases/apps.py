from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "ordercenter.cases"
    label = "cases"

    def ready(self) -> None:
        # Registering is all that these modules do when imported.
        from ordercenter.cases import handlers  # noqa: F401
