"""DBOS's log lines among ours."""

import logging

import pytest
import structlog

from outcrop.adapters import dbos_log


@pytest.fixture
def logger() -> logging.Logger:
    """DBOS's logger, as a launch leaves it."""
    found = logging.getLogger("dbos")
    found.handlers = []
    dbos_log.take_over()
    dbos_log.take_over()
    found.setLevel("WARNING")
    return found


def test_a_message_is_one_line_and_an_error_its_kind(logger: logging.Logger) -> None:
    """SQL and traces are for DBOS's developers."""
    with structlog.testing.capture_logs() as lines:
        logger.error("Exception in %s:\n[SQL: SELECT]", "a thread", exc_info=ConnectionError("secret"))

    said = {
        "event": "job_engine_says",
        "log_level": "error",
        "said": "Exception in a thread:",
        "error": "ConnectionError",
    }
    assert lines == [said]


def test_an_outage_is_not_a_line_for_each_retry(logger: logging.Logger) -> None:
    """A place in DBOS's code speaks once a minute; another place is heard."""
    with structlog.testing.capture_logs() as lines:
        for attempt in range(50):
            logger.warning("Database connection failed, attempt %s", attempt)
        logger.warning("another: Traceback (most recent call last):\n  File")
        logger.info("left out")

    assert [line["said"] for line in lines] == ["Database connection failed, attempt 0", "another"]
