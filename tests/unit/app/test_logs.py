"""Log lines in files."""

import subprocess
import sys

import pytest

PROGRAM = """
import logging, structlog
from outcrop.app import logs
logs.configure(log_format={log_format!r}, level="info")
log = structlog.get_logger()
log.debug("left_out")
log.info("served", status=200, error=None, path="/a b\\n[info] forged")
logging.getLogger("library").warning("said %s", "this")
try:
    secret = "hunter2"
    raise ValueError("why")
except ValueError:
    log.exception("failed", request_id="r-1")
"""


def _logged(log_format: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM.format(log_format=log_format)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()


def test_text_is_a_line_for_each_event() -> None:
    """Time, level, event, fields; what a stranger sent is quoted, and makes no line of its own."""
    lines = [line.partition(" ")[2] for line in _logged("text")]

    assert lines[0] == "[info] served status=200 error=None path='/a b\\n[info] forged'"
    assert lines[1] == "[warning] said this logger=library"
    assert lines[2] == "[error] failed request_id=r-1"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_trace_is_logged_without_local_variables(log_format: str) -> None:
    """Prompts and keys would be among them."""
    text = "\n".join(_logged(log_format))

    assert "ValueError: why" in text
    assert "hunter2" not in text
