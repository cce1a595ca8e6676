"""Order Center: the core. Whoever imports it rings through our Celery application, not through Celery's default one."""

from .celery import app as celery_app

__all__ = ["celery_app"]
