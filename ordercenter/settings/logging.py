"""How log lines look: one short line with key=value pairs, or JSON for machines; known secrets are struck out."""

from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

# A key that ends in one of these holds something that opens a door or names a person.
SECRET_ENDINGS = (
    "password",
    "secret",
    "token",
    "authorization",
    "cookie",
    "api_key",
    "session",
    "phone",
    "mobile",
    "address",
    "receiver",
)
STRUCK_OUT = "***"


def strike_out_secrets(logger: Any, method: str, event: EventDict) -> EventDict:
    """Replace the values of keys that hold secrets or personal data, at any depth."""
    _strike_out(event)
    return event


def _strike_out(values: MutableMapping[str, Any]) -> None:
    for key, value in values.items():
        if key.lower().endswith(SECRET_ENDINGS):
            values[key] = STRUCK_OUT
        elif isinstance(value, dict):
            values[key] = dict(value)
            _strike_out(values[key])


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """The LOGGING setting; also sets structlog up, so that both kinds of loggers write the same lines to stderr."""
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info,
        strike_out_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": common,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_writers(as_json),
                ],
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Two lines for each request and each task are for looking into a fault, not for every day.
            "django_structlog": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
            # It says at each start that it could draw pictures if it had a library that we do not need.
            "pyBarcode": {"level": "WARNING"},
        },
    }


def _writers(as_json: bool) -> list[Processor]:
    if as_json:
        return [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [structlog.processors.TimeStamper(fmt="%m-%d %H:%M:%S", utc=False), short_line]


def short_line(logger: Any, method: str, event: EventDict) -> str:
    """Time, level, logger and message, then what else is known as key=value; a traceback below."""
    taken = ("timestamp", "level", "logger", "event", "exception")
    time, level, name, message, traceback = (event.pop(key, "") for key in taken)
    pairs = "".join(f" {key}={value}" for key, value in event.items())
    line = f"{time} {level} {name}: {message}{pairs}"
    return f"{line}\n{traceback}" if traceback else line
