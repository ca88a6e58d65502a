"""The end of an import, told to a real receiver that fails, hangs and dies, by servers that are killed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.e2e.servers import running_server
from tests.receiver import HANG, SECRET, receiver


def flags(buckets: Path, url: str) -> list[str]:
    """A server that tells ends."""
    return ["--buckets", str(buckets), "--webhook-url", url, "--webhook-timeout-s", "2"]


def test_an_end_is_told_through_failures_and_a_kill(buckets: Path, tmp_path: Path) -> None:
    """Killed after the commit, while the receiver hangs, the next server tells it, under the same id."""
    secret = {"OUTCROP_WEBHOOK_SECRET": SECRET}
    with receiver() as there:
        there.answers.extend([HANG, 500])
        with running_server(
            tmp_path / "data", *flags(buckets, there.url), environment=secret, is_killed=True
        ) as server:
            job = server.create_import("m", "s3://models/no-config/")
            ended = server.ended(job)
            there.await_came(1)
        assert there.taken == []
        with running_server(tmp_path / "data", *flags(buckets, there.url), environment=secret) as server:
            there.await_taken(1)
            log = server.log()

    event = there.taken[0]
    assert (event["detail-type"], event["resources"]) == ("Bedrock Model Import Job State Change", [job])
    assert event["detail"]["status"] == "Failed"
    assert event["detail"]["failureMessage"] == ended["failureMessage"]
    assert len({headers["webhook-id"] for headers, _ in there.came}) == 1
    assert len({body for _, body in there.came}) == 1
    assert "webhook_not_taken" in log
    assert "hidden" not in log
    assert SECRET not in log


def test_a_receiver_that_comes_back_is_told(buckets: Path, tmp_path: Path) -> None:
    """Nobody listened when the job ended; the first who does is told of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/ended"
    secret = {"OUTCROP_WEBHOOK_SECRET": SECRET}
    with running_server(tmp_path / "data", *flags(buckets, url), environment=secret) as server:
        server.ended(server.create_import("m", "s3://models/no-config/"))
        with receiver(port) as there:
            there.await_taken(1)

    assert there.taken[0]["detail"]["jobName"] == "m-job"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"OUTCROP_WEBHOOK_URL": "http://h/"}, "--webhook-secret"),
        ({"OUTCROP_WEBHOOK_SECRET": SECRET}, "--webhook-url"),
        ({"OUTCROP_WEBHOOK_URL": "ftp://h/", "OUTCROP_WEBHOOK_SECRET": SECRET}, "OUTCROP_WEBHOOK_URL"),
        ({"OUTCROP_WEBHOOK_URL": "http://u:p@h/", "OUTCROP_WEBHOOK_SECRET": SECRET}, "OUTCROP_WEBHOOK_URL"),
        ({"OUTCROP_WEBHOOK_URL": "http://h/", "OUTCROP_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "OUTCROP_WEBHOOK_SECRET"),
        ({"OUTCROP_WEBHOOK_URL": "http://h/", "OUTCROP_WEBHOOK_SECRET": "hunter2"}, "OUTCROP_WEBHOOK_SECRET"),
    ],
)
def test_a_webhook_that_cannot_work_stops_the_start(variables: dict[str, str], says: str) -> None:
    """The error names the setting, and never what a secret is."""
    from outcrop.errors import SettingError
    from outcrop.settings import load

    with pytest.raises(SettingError) as raised:
        load({}, variables)

    assert says in str(raised.value)
    assert "hunter2" not in str(raised.value)
