"""Outcrop's load, sealed → anonymous memory, beside a plain copy of the plaintext → anonymous memory.

Both read from the page cache, with as many threads as there are cores, in turns. The load is the real one: the key
is unwrapped, the manifest authenticated, every segment read, opened and written, and the memory sealed. The plain copy
does the same without the opening: each thread reads into a buffer of 1 MiB, which stays in its cache, and writes that.
A second one writes from a mapping of the file and saves the read; a load cannot, since what it opens must not change
meanwhile. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mmap
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.machine import machine
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.keys_local import LocalKeyring
from outcrop.adapters.memory_files import MemoryFiles
from outcrop.adapters.vault_local import LocalVault
from outcrop.arn import Tenant
from outcrop.artifact import envelope, keywrap
from outcrop.artifact.manifest import MANIFEST_PATH, Manifest, ManifestFile, associated_data, digest, file_path
from outcrop.records import ArtifactRef, ServableModel, SourceObject
from outcrop.serving.unsealing import Reading, open_artifact

LOAD, PLAIN, MAPPED = "load", "read+write", "map+write"
CPU = " (processor)"
GIB = 1 << 30
MIB = 1 << 20
FILES = 2
CORES = len(os.sched_getaffinity(0))
RUN_SEGMENTS = 8
TENANT = Tenant(account="000000000000", region="us-east-1")
ARTIFACT = "benchmark000"
MODEL = "arn:aws:bedrock:us-east-1:000000000000:imported-model/benchmark000"


def main() -> None:
    """Measures, and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=4.0, help="size of the model, in GiB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where the files lie; default: the temporary folder")
    asked = parser.parse_args()
    found = measure(asked.gib, asked.rounds, asked.folder)
    for name in (LOAD, PLAIN, MAPPED):
        cpu_s = median(found[name + CPU]) / asked.gib
        print(f"{name:12} {asked.gib / median(found[name]):6.2f} GiB/s  {cpu_s:6.2f} processor seconds/GiB")
    ratios = {
        "load_ratio": ratio(found),
        "load_ratio_mapped": ratio(found, MAPPED),
        "load_ratio_cpu": round(median(found[PLAIN + CPU]) / median(found[LOAD + CPU]), 3),
    }
    print(json.dumps({**ratios, "gib": asked.gib, "rounds": asked.rounds, "machine": machine()}))


def measure_load(gib: float, rounds: int, folder: Path | None = None) -> float:
    """Returns the speed of a load divided by that of the plain copy; medians of rounds that take turns.

    Args:
        gib: size of the model, in GiB. Twice that must fit in the page cache, and once more in memory.
        rounds: how often each is done.
        folder: where the sealed and the plain files lie.
    """
    return ratio(measure(gib, rounds, folder))


def ratio(found: dict[str, list[float]], plain: str = PLAIN) -> float:
    """Returns the ratio of medians: the speed of the load divided by that of a plain copy."""
    return round(median(found[plain]) / median(found[LOAD]), 3)


def measure(gib: float, rounds: int, folder: Path | None = None) -> dict[str, list[float]]:
    """Returns the seconds of each round, by what was done, and with CPU after its name the processor's seconds."""
    size_bytes = int(gib * GIB / FILES)
    with (
        tempfile.TemporaryDirectory(dir=folder) as made,
        ThreadPoolExecutor(CORES) as threads,
    ):
        root = Path(made)
        plain = [root / f"plain-{number}" for number in range(FILES)]
        bench = _Bench(root, threads)
        asyncio.run(bench.prepare(plain, size_bytes))
        ways: dict[str, Callable[[], None]] = {
            LOAD: lambda: asyncio.run(bench.load()),
            PLAIN: lambda: _copy(plain, threads, _read_and_write),
            MAPPED: lambda: _copy(plain, threads, _write_from_mapping),
        }
        found: dict[str, list[float]] = {name: [] for way in ways for name in (way, way + CPU)}
        for number in range(rounds + 1):
            for name, way in ways.items():
                began, cpu_began = time.perf_counter(), time.process_time()
                way()
                if number > 0:  # the first round warms the page cache
                    found[name].append(time.perf_counter() - began)
                    found[name + CPU].append(time.process_time() - cpu_began)
        return found


class _Bench:
    """A model in a local vault, and what loads it."""

    def __init__(self, root: Path, threads: ThreadPoolExecutor) -> None:
        vault = LocalVault(root / "vault")
        keys = LocalKeyring(root / "keyring.json", account=TENANT.account, region=TENANT.region, clock=SystemClock())
        self._vault, self._keys = vault, keys
        self._reading = Reading(vault=vault, keys=keys, threads=threads, thread_count=CORES, local=vault)
        self._memory = MemoryFiles(run_dir=root / "run")
        self._model: ServableModel | None = None

    async def prepare(self, plain: list[Path], size_bytes: int) -> None:
        """Writes the plain files, and seals them into the vault."""
        data_key = secrets.token_bytes(envelope.KEY_BYTES)
        entries = []
        for path in plain:
            await self._write(path, size_bytes)
            entries.append(await self._sealed(path, size_bytes, data_key))
        manifest = Manifest(artifact_id=ARTIFACT, files=tuple(entries)).encode()
        sealed = envelope.seal_bytes(
            data_key=data_key,
            associated_data=associated_data(ARTIFACT, MANIFEST_PATH),
            plaintext=manifest,
            random_bytes=secrets.token_bytes(envelope.HEADER_BYTES - 1),
        )
        async with self._vault.create(ARTIFACT, MANIFEST_PATH, len(sealed)) as file:
            await file.write(0, sealed)
        await self._vault.publish(ARTIFACT)
        key_arn = await self._keys.resolve(None, TENANT)
        made = await self._keys.generate_data_key(key_arn, keywrap.encryption_context(MODEL))
        wrapped = keywrap.wrap(
            data_key=data_key,
            wrapping_key=made.plaintext,
            wrapped_wrapping_key=made.wrapped,
            artifact_id=ARTIFACT,
            nonce=secrets.token_bytes(keywrap.NONCE_BYTES),
        )
        ref = ArtifactRef(artifact_id=ARTIFACT, manifest_sha256=digest(manifest), key_arn=key_arn, wrapped_key=wrapped)
        self._model = ServableModel(arn=MODEL, artifact=ref)

    async def load(self) -> None:
        """Loads the model, as a copy host does, and frees it."""
        assert self._model is not None
        artifact = await open_artifact(self._model, self._reading)
        async with self._memory.folder(artifact.files, artifact.unseal):
            pass

    async def _write(self, path: Path, size_bytes: int) -> None:
        piece = secrets.token_bytes(MIB)

        def write() -> None:
            with path.open("wb") as file:
                for begin in range(0, size_bytes, MIB):
                    file.write(piece[: size_bytes - begin])

        await asyncio.to_thread(write)

    async def _sealed(self, path: Path, size_bytes: int, data_key: bytes) -> ManifestFile:
        stored = file_path(path.name)
        file = envelope.SealedFile(
            data_key=data_key,
            associated_data=associated_data(ARTIFACT, stored),
            plain_bytes=size_bytes,
            header=envelope.new_header(secrets.token_bytes(envelope.HEADER_BYTES - 1)),
        )
        runs = envelope.runs(size_bytes, RUN_SEGMENTS)
        async with self._vault.create(ARTIFACT, stored, envelope.sealed_size(size_bytes)) as target:
            await target.write(0, file.header)
            with path.open("rb") as source:
                for run in runs:
                    out = bytearray(run.sealed_bytes)
                    file.seal(run, source.read(run.plain_bytes), out)
                    await target.write(run.sealed_begin, out)
        return ManifestFile(
            path=path.name,
            size_bytes=size_bytes,
            header=file.header,
            crc64nvme="",
            run_segments=RUN_SEGMENTS,
            run_sha256=("",) * len(runs),
            source=SourceObject(bucket="b", key=path.name, size_bytes=size_bytes, etag="e"),
        )


_CopyPiece = Callable[[int, mmap.mmap, int, int, int], None]
"""From source, its mapping and memfd: copies a range, given by its begin and end."""


def _copy(plain: list[Path], threads: ThreadPoolExecutor, piece: _CopyPiece) -> None:
    """Copies the plain files into memfds, and frees those at the end.

    All of them at once, as a load does: a virtual machine whose host gives it memory as it is touched, and takes back
    what is free, makes as many pages cost several times what a few that are used again and again do.
    """
    with ExitStack() as held:
        for path in plain:
            with path.open("rb") as file:
                source, size_bytes = file.fileno(), path.stat().st_size
                target = os.memfd_create("plain")
                held.callback(os.close, target)
                os.ftruncate(target, size_bytes)
                with mmap.mmap(source, size_bytes, prot=mmap.PROT_READ) as mapping:
                    copy = partial(piece, source, mapping, target)
                    begins = range(0, size_bytes, 8 * MIB)
                    list(threads.map(copy, begins, [min(begin + 8 * MIB, size_bytes) for begin in begins]))


def _read_and_write(source: int, _mapping: mmap.mmap, target: int, begin: int, end: int) -> None:
    buffer = memoryview(bytearray(MIB))
    for offset in range(begin, end, MIB):
        part = buffer[: min(MIB, end - offset)]
        os.preadv(source, [part], offset)
        os.pwrite(target, part, offset)


def _write_from_mapping(_source: int, mapping: mmap.mmap, target: int, begin: int, end: int) -> None:
    with memoryview(mapping) as view, view[begin:end] as part:
        os.pwrite(target, part, begin)


if __name__ == "__main__":
    main()
