"""JSON logs with an allow-list of fields: what is not named here never reaches a log line."""

import json
import logging
from typing import Any

FIELDS = ("reference", "kind", "where", "reason", "status", "endpoint", "trace", "attempts", "rows")
"""Extra fields a log call may carry. No address, no user agent, no token, no subject, no free text of a request."""


class JsonLines(logging.Formatter):
    """One JSON object a line: time (RFC 3339, seconds), level, logger, event, and allowed fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. `event` is the constant message; its arguments and any exception text are left out on purpose."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        line.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        if record.exc_info and record.exc_info[0] is not None:
            line["kind"] = record.exc_info[0].__name__
        return json.dumps(line, default=str)


def configure_logging() -> None:
    """All loggers to stderr as JSON lines. Authlib's stays at WARNING: at DEBUG it writes whole tokens."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for talkative in ("authlib", "joserfc", "httpx", "httpcore", "werkzeug", "alembic", "sqlalchemy"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
