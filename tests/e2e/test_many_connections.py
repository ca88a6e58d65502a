"""A server that many clients keep connections to."""

import socket
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.servers import running_server

CONNECTIONS = 400
"""More than the 128 that the HTTP server takes by itself."""
ASK = b"GET /health/live HTTP/1.1\r\nHost: outcrop\r\n\r\n"
ANSWER_S = 120.0


def test_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    """Every client is answered while all the others keep their connection open."""
    with running_server(tmp_path / "data", "--engine", "http://127.0.0.1:9") as server, ExitStack() as stack:
        host, port = server.variables["AWS_ENDPOINT_URL_BEDROCK"].removeprefix("http://").split(":")
        answers = []
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(socket.create_connection((host, int(port)), ANSWER_S))
            connection.sendall(ASK)
            answers.append(connection.recv(1024).split(b"\r\n")[0])

    assert answers == [b"HTTP/1.1 200 OK"] * CONNECTIONS
