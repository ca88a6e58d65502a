# ruff: noqa: T201, PTH109  # it prints as engines do, and tells its whole environment
"""An engine program for tests: speaks enough of the OpenAI API to say what it was given, and fails on demand.

    stub_engine.py MODE FOLDER PORT

MODE: `serve` answers; `never` is never healthy; `fail` prints a reason and exits with status 3.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers health, and every request with what the engine knows."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers health."""
        self._answer(503 if mode == "never" else 200, {"status": mode})

    def do_POST(self) -> None:
        """Answers what the engine was given."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        print("asked", self.path, flush=True)
        if self.path == "/orphan":
            # A worker that does not heed SIGTERM: what is ignored stays so in the program that follows.
            deaf = lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)  # noqa: E731
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=deaf)  # noqa: PLW1509
        if self.path == "/deaf":
            # Its server is gone, and the process stays.
            threading.Thread(target=self.server.shutdown).start()
            self.close_connection = True
            return
        if self.path in ("/exit", "/orphan"):
            os._exit(4)
        self._answer(
            200,
            {
                "body": body,
                "environment": dict(os.environ),
                "files": seen,
                "folder": os.getcwd(),
                "pid": os.getpid(),
                "arguments": sys.argv,
            },
        )

    def log_message(self, *_: Any) -> None:
        """Keeps the log for what tests print."""

    def _answer(self, status: int, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


mode, folder, port = sys.argv[1:4]
print("loading", folder, flush=True)
if mode == "fail":
    print("ValueError: this is no model", flush=True)
    sys.exit(3)
seen = {path.name: path.read_text() for path in Path(folder).iterdir()}
with ThreadingHTTPServer(("127.0.0.1", int(port)), Handler) as server:
    server.serve_forever()
time.sleep(600)
