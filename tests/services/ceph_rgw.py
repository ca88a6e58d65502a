"""A real S3 and STS server on loopback: Ceph's RADOS gateway on one object store in memory.

Everything is lost when it stops. Needs Debian's radosgw, ceph-mon, ceph-osd and ceph-common. The user `owner` owns all
buckets.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool")
ACCESS_KEY_ID = "RGWOWNER"
SECRET_ACCESS_KEY = "rgw-owner-secret"
OBJECTS_BYTES = 2 << 30
START_S = 60.0
RETRY_S = 0.5


def _no_admin(*_arguments: str) -> str:
    raise NotImplementedError("this server is not managed here")


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """Where a server listens, and its owner's key."""

    url: str
    access_key_id: str = ACCESS_KEY_ID
    secret_access_key: str = SECRET_ACCESS_KEY
    region: str = "us-east-1"
    admin: Callable[..., str] = field(default=_no_admin, repr=False)
    """Runs `radosgw-admin` with arguments, and returns what it printed."""

    @property
    def environment(self) -> dict[str, str]:
        """The AWS variables that lead to it."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ENDPOINT_URL_STS": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }


def missing_programs() -> list[str]:
    """Lists what would have to be installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextmanager
def ceph_rgw(folder: Path) -> Iterator[S3Server]:
    """Runs a cluster of one monitor, one object store and one gateway in a new folder."""
    monitor, gateway = _free_ports(2)
    cluster = _Cluster(folder, monitor_port=monitor, gateway_port=gateway)
    with ExitStack() as stack:
        cluster.start(stack)
        yield S3Server(url=f"http://127.0.0.1:{gateway}", admin=partial(cluster.run, "radosgw-admin"))


class _Cluster:
    """The steps that bring a cluster up, in order."""

    def __init__(self, folder: Path, *, monitor_port: int, gateway_port: int) -> None:
        self._folder = folder
        self._gateway_port = gateway_port
        self._monitor = f"[v1:127.0.0.1:{monitor_port}]"
        self._id = str(uuid.uuid4())
        self._conf = folder / "ceph.conf"

    def start(self, stack: ExitStack) -> None:
        for name in ("mon", "osd", "run", "log"):
            (self._folder / name).mkdir()
        self._conf.write_text(self._configuration())
        keyring, map_file = str(self._folder / "keyring"), str(self._folder / "monmap")
        self.run("monmaptool", "--create", "--addv", "a", self._monitor, "--fsid", self._id, map_file, configured=False)
        for user, caps in (("mon.", ["mon", "allow *"]), ("client.admin", ["mon", "allow *", "osd", "allow *"])):
            created = () if Path(keyring).exists() else ("--create-keyring",)
            pairs = [part for at in range(0, len(caps), 2) for part in ("--cap", *caps[at : at + 2])]
            self.run("ceph-authtool", *created, keyring, "--gen-key", "-n", user, *pairs, configured=False)

        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_file, "--keyring", keyring)
        self._serve(stack, "ceph-mon", "-i", "a")
        self._await("the monitor", lambda: self._succeeds("ceph", "-s"))

        osd_uuid = str(uuid.uuid4())
        osd = self.run("ceph", "osd", "new", osd_uuid).strip()
        self.run("ceph-osd", "-i", osd, "--mkfs", "--osd-uuid", osd_uuid)
        self.run("ceph", "osd", "crush", "add", f"osd.{osd}", "1.0", "root=default")
        self._serve(stack, "ceph-osd", "-i", osd)
        self._await("the object store", lambda: "1 up" in self.run("ceph", "osd", "stat"))

        self.run(
            *("radosgw-admin", "user", "create", "--uid=owner", "--display-name=owner"),
            *(f"--access-key={ACCESS_KEY_ID}", f"--secret-key={SECRET_ACCESS_KEY}"),
        )
        self._serve(stack, "radosgw", "-n", "client.rgw")
        self._await("the gateway", self._answers)

    def _configuration(self) -> str:
        settings = {
            "fsid": self._id,
            # A program that knows only the address has the cluster id 0 until the monitor's map arrives: a command that
            # it sends before, as a starting object store does when the machine is busy, is refused with "wrong fsid".
            "monmap": self._folder / "monmap",
            "mon initial members": "a",
            "auth cluster required": "none",
            "auth service required": "none",
            "auth client required": "none",
            "osd pool default size": 1,
            "osd pool default min size": 1,
            "osd pool default pg num": 8,
            "osd pool default pgp num": 8,
            "osd crush chooseleaf type": 0,
            "osd crush update on start": "false",
            "osd class update on start": "false",
            "osd objectstore": "memstore",
            "memstore device bytes": OBJECTS_BYTES,
            "mon allow pool size one": "true",
            "mon data avail crit": 1,
            "mon max pg per osd": 500,
            "public addr": "127.0.0.1",
            "cluster addr": "127.0.0.1",
            "run dir": self._folder / "run",
            "log file": self._folder / "log" / "$name.log",
            "admin socket": self._folder / "run" / "$name.$pid.asok",
            "osd data": self._folder / "osd",
            "mon data": self._folder / "mon",
            "keyring": self._folder / "keyring",
        }
        gateway = {
            "rgw frontends": f"beast endpoint=127.0.0.1:{self._gateway_port}",
            "rgw sts key": "abcdefghijklmnop",
            "rgw s3 auth use sts": "true",
        }
        sections = {"global": settings, "client.rgw": gateway}
        lines = [
            line
            for name, section in sections.items()
            for line in (f"[{name}]", *(f"{key} = {value}" for key, value in section.items()))
        ]
        return "\n".join(lines) + "\n"

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [program, "-c", str(self._conf), *arguments]

    def run(self, program: str, *arguments: str, configured: bool = True) -> str:
        """Runs a program to its end; a cluster that has just begun refuses now and then, and is asked again."""
        command = self._command(program, *arguments) if configured else [program, *arguments]
        deadline = time.monotonic() + START_S
        while True:
            done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
            if done.returncode == 0:
                return done.stdout
            if time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
            time.sleep(RETRY_S)

    def _succeeds(self, program: str, *arguments: str) -> bool:
        command = self._command(program, *arguments)
        try:
            return subprocess.run(command, capture_output=True, timeout=5, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def _serve(self, stack: ExitStack, program: str, *arguments: str) -> None:
        log = stack.enter_context((self._folder / "log" / f"{program}.out").open("wb"))
        process = subprocess.Popen(
            self._command(program, *arguments, "-f"), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        stack.callback(_end, process)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._gateway_port}/", timeout=5):
                return True
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return True
        except OSError:
            return False

    def _await(self, what: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not is_ready():
            if time.monotonic() > deadline:
                logs = "\n".join(path.read_text()[-2000:] for path in sorted((self._folder / "log").glob("*.out")))
                raise RuntimeError(f"{what} did not start:\n{logs}")
            time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _free_ports(count: int) -> Sequence[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":  # by hand: python -m tests.services.ceph_rgw FOLDER
    import sys

    with ceph_rgw(Path(sys.argv[1])) as server:
        for variable, value in server.environment.items():
            print(f"export {variable}={value}", flush=True)
        os.read(0, 1)
