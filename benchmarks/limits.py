"""What this machine can do of each step of a copy, alone, in one thread: the limits that the copy stands beside."""

from __future__ import annotations

import http.client
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from awscrt import checksums
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MIB = 1 << 20
COUNT = 512


def limits(url: str, *, disk: Path, memory: Path) -> dict[str, float]:
    """Returns GiB/s of: reading a resource from the socket, CRC64NVME, sealing, and writing to tmpfs and to disk."""
    plain, sealed = memoryview(bytearray(os.urandom(MIB))), memoryview(bytearray(MIB + 16))
    aead, nonce = AESGCM(os.urandom(32)), os.urandom(12)
    return {
        "socket": _socket(url, plain),
        "checksum": _rate(lambda _: checksums.crc64nvme(plain)),
        "seal": _rate(lambda _: aead.encrypt_into(nonce, plain, None, sealed)),
        "write_tmpfs": _write(memory, plain),
        "write_disk": _write(disk, plain),
    }


def _rate(work: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for number in range(COUNT):
        work(number)
    return COUNT / 1024 / (time.perf_counter() - began)


def _socket(url: str, room: memoryview) -> float:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", parts.path)
    response = connection.getresponse()
    began, total = time.perf_counter(), 0
    while count := response.readinto(room):
        total += count
    connection.close()
    return total / (1 << 30) / (time.perf_counter() - began)


def _write(folder: Path, data: memoryview) -> float:
    """Writes 2 GiB into a preallocated file and syncs it."""
    total = 2048
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, total * MIB)
        began = time.perf_counter()
        for number in range(total):
            os.pwrite(file.fileno(), data, number * MIB)
        os.fsync(file.fileno())
        return total / 1024 / (time.perf_counter() - began)
