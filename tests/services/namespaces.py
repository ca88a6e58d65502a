"""Network namespaces of a test's own: made with names that nobody else has, linked, watched, and taken away by name.

A thread that has entered a namespace makes its sockets there, and so do the threads and processes that it starts.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_ETH_P_ALL = 0x0003
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP = 6, 17
_SYN, _ACK = 0x02, 0x10


def missing() -> str | None:
    """Returns what this machine lacks to make namespaces; None when it has everything."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "needs Linux and root to make network namespaces"
    if shutil.which("ip") is None:
        return "needs iproute2 (apt-get install iproute2)"
    try:
        with namespace("probe") as name, entered(name):
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"may not make network namespaces here: {error}"
    return None


def ip(*arguments: str) -> None:
    """Runs `ip`. Raises CalledProcessError."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def namespace(label: str) -> Iterator[str]:
    """Gives the name of a new namespace, whose loopback is up; everything in it goes with it."""
    name = f"oc-{label}-{secrets.token_hex(4)}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        ip("netns", "del", name)


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Moves the calling thread into a namespace, and back."""
    with ExitStack() as stack:
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        stack.callback(os.close, before)
        wanted = os.open(Path("/run/netns", name), os.O_RDONLY)
        stack.callback(os.close, wanted)
        _set(wanted)
        try:
            yield
        finally:
            _set(before)


def link(first: str, second: str) -> tuple[str, str]:
    """Joins two namespaces by a pair of devices, both up; returns the names of the devices."""
    tag = secrets.token_hex(3)
    devices = (f"oc{tag}a", f"oc{tag}b")
    ip("link", "add", devices[0], "netns", first, "type", "veth", "peer", "name", devices[1], "netns", second)
    for name, device in zip((first, second), devices, strict=True):
        ip("-n", name, "link", "set", device, "up")
    return devices


def address(name: str, device: str, *addresses: str) -> None:
    """Gives a device addresses, usable at once."""
    for item in addresses:
        if ":" in item:
            ip("-n", name, "-6", "addr", "add", f"{item}/128", "dev", device, "nodad")
        else:
            ip("-n", name, "addr", "add", f"{item}/32", "dev", device)


class Watch:
    """What came by a device."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    @property
    def opened(self) -> list[bytes]:
        """What begins something: each SYN and each datagram.

        The rest may be of before: the end of a connection that was idle, or a kernel that looks after its neighbours.
        """
        return [packet for packet in self.packets if _begins(packet)]

    def about(self, wanted: str) -> list[bytes]:
        """All packets in which an address is, those that ask where it is included: of one that was never spoken to."""
        form = socket.inet_pton(socket.AF_INET6 if ":" in wanted else socket.AF_INET, wanted)
        return [packet for packet in self.packets if form in packet[14:80]]


@contextmanager
def watched(name: str, device: str) -> Iterator[Watch]:
    """Looks at what arrives by a device of a namespace."""
    watch, ended = Watch(), threading.Event()
    with entered(name):
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    listener.bind((device, 0))
    listener.settimeout(0.05)

    def look() -> None:
        while True:
            was_over = ended.is_set()
            try:
                packet, where = listener.recvfrom(2048)
            except TimeoutError:
                # What had come before the end was asked for has been seen.
                if was_over:
                    return
                continue
            if where[2] != socket.PACKET_OUTGOING:
                watch.packets.append(packet[:128])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        listener.close()


def _begins(packet: bytes) -> bool:
    kind = int.from_bytes(packet[12:14], "big")
    if kind == _IPV4:
        protocol, inside = packet[23], packet[14 + 4 * (packet[14] & 0x0F) :]
    elif kind == _IPV6:
        protocol, inside = packet[20], packet[54:]
    else:
        return False
    return protocol == _UDP or (protocol == _TCP and inside[13] & (_SYN | _ACK) == _SYN)


def _set(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def routes(
    name: str, device: str, *, to: Sequence[str], source: str, table: int | None = None, metric: int | None = None
) -> None:
    """Sends destinations by a device, from a source address; with a table only what has that source already."""
    family = "-6" if ":" in source else "-4"
    chosen = (*(() if table is None else ("table", str(table))), *(() if metric is None else ("metric", str(metric))))
    for destination in to:
        ip("-n", name, family, "route", "add", destination, "dev", device, "src", source, *chosen)
    if table is not None:
        ip("-n", name, family, "rule", "add", "from", source, "lookup", str(table))
