from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "ordercenter.events"
    label = "events"
