from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "ordercenter.console"
    label = "console"
