"""DBOS's log lines among ours: an event of one line each, and an outage is one line a minute, not one a retry.

DBOS logs for developers: texts of several lines, with SQL and traces, once for each retry of each of its threads.
"""

from __future__ import annotations

import logging

import structlog

log = structlog.get_logger()

SAID_AGAIN_S = 60.0
"""How long a line of DBOS's code that logged something says no more."""


class DbosLog(logging.Handler):
    """Tells what DBOS logs as events of ours."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Tells the first line of a message, and the kind of an error; nothing when its place told one just now."""
        place = (record.pathname, record.lineno)
        if record.created - self._said.get(place, -SAID_AGAIN_S) < SAID_AGAIN_S:
            return
        self._said[place] = record.created
        # Some of its messages end in a trace of their own.
        said = record.getMessage().strip().partition("\n")[0].partition(": Traceback ")[0]
        error = record.exc_info[1] if record.exc_info else None
        more = {} if error is None else {"error": type(error).__name__}
        log.log(record.levelno, "job_engine_says", said=said, **more)


def take_over() -> None:
    """Has everything that DBOS logs told here; called before DBOS sets up a log of its own, which it then does not."""
    logger = logging.getLogger("dbos")
    if not any(isinstance(handler, DbosLog) for handler in logger.handlers):
        logger.handlers = [DbosLog()]
    logger.propagate = False
