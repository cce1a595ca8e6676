"""The Celery application. Tasks ring for work that already waits in the database; losing one loses nothing."""

import os
import warnings

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_ready

from ordercenter.runtime.ready import announce_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordercenter.settings.embedded")

# Whoever starts Order Center as root, in a container for instance, means it; messages are JSON, never pickles.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("ordercenter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery sets up no logging of its own when somebody listens here; Django's LOGGING holds."""


@worker_ready.connect
def _worker_is_ready(**_: object) -> None:
    announce_ready()


@beat_init.connect
def _beat_is_ready(**_: object) -> None:
    announce_ready()
