"""How commands reach a server: the one that runs on the data folder, or one started for the command."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outcrop.adapters import data_folder
from outcrop.adapters.server_client import Server
from outcrop.app.access import root_of
from outcrop.errors import SettingError, SourceMissingError
from outcrop.settings import Settings

__all__ = ["Server", "any_server", "expected_server", "running_server", "source_uri"]

START_S = 60.0
POLL_S = 0.1
STOP_S = 30.0


def _root_of(settings: Settings, url: str) -> Server:
    """Returns a server as its root principal, whose key is in the data folder (made now, if it is not)."""
    return Server(url=url, region=settings.region, principal=root_of(settings))


def expected_server(settings: Settings) -> Server:
    """Returns the server that runs on the data folder, or that will when it is started with these settings."""
    url = data_folder.server_url(settings.data)
    return _root_of(settings, url or f"{settings.scheme}://{settings.host}:{settings.port}")


def running_server(settings: Settings) -> Server:
    """Returns the server that runs on the data folder. Raises SettingError when none does."""
    url = data_folder.server_url(settings.data)
    if url is None:
        raise SettingError(
            "--data", f"no server runs on {settings.data}; start one: outcrop serve --data {settings.data}"
        )
    return _root_of(settings, url)


@contextmanager
def any_server(settings: Settings) -> Iterator[tuple[Server, bool]]:
    """Gives the server that runs on the data folder, or one that runs for as long as the context; and which it is."""
    url = data_folder.server_url(settings.data)
    if url is not None:
        yield _root_of(settings, url), False
        return
    # The flags of this command become the flags of the server; its environment is inherited.
    command = [sys.executable, "-m", "outcrop", "serve", "--data", str(settings.data), "--port", "0"]
    if settings.buckets is not None:
        command += ["--buckets", str(settings.buckets)]
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.data / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  # our own program
    try:
        yield _root_of(settings, _await_url(settings, process)), True
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def source_uri(source: str, settings: Settings) -> str:
    """Returns the s3:// address of a source; a local folder is offered to the server as a bucket.

    Raises:
        SourceMissingError: the folder does not exist.
    """
    if source.startswith("s3://"):
        return source
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise SourceMissingError(f"{source} is not a folder. Name a folder, or an s3:// address.")
    return f"s3://{data_folder.offer_folder(settings.data, folder)}/"


def _await_url(settings: Settings, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        url = data_folder.server_url(settings.data)
        if url is not None:
            return url
        time.sleep(POLL_S)
    raise SettingError("--data", f"the server did not start; {settings.data / 'serve.log'} says why")
