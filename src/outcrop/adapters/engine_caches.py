"""What engines compile for a model, kept on this machine so that its copies warm faster the second time.

    root/ARTIFACT/KEY/          what the engine writes: code and plans, no weights (decision 0041)
    root/ARTIFACT/KEY.lock      held by the copy that uses it; its time is that of the latest use
    root/ARTIFACT/KEY.loading   there while a copy loads: who finds it unheld knows of a load that was cut off

KEY stands for the content of the artifact, the engine and its version, and this machine's processors. One copy at a
time uses a folder, in place, since compiled code names its own path; a second copy that loads meanwhile does without.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from outcrop.records import ArtifactRef

log = structlog.get_logger()

KEY_LETTERS = 32


class EngineCaches:
    """The folders of one machine. Its methods block, for tens of milliseconds at most."""

    def __init__(self, root: Path, *, limit_bytes: int, device: str) -> None:
        """Keeps where they are.

        Args:
            root: the folder for all of them, used by nobody else.
            limit_bytes: how much they may hold together; 0: none is kept.
            device: what compiled code runs on.
        """
        self._root = root.absolute()
        self._limit_bytes = limit_bytes
        self._device = device

    def open(self, artifact: ArtifactRef, engine: str) -> EngineCache | None:
        """Takes the folder of an artifact for a copy that is to be loaded; None where there is none to be had.

        What a load that was cut off left in it is removed: it may be half of something.

        Args:
            artifact: what is to be loaded.
            engine: the engine and its version.
        """
        if self._limit_bytes == 0:
            return None
        identity = f"{artifact.manifest_sha256}\n{engine}\n{self._device}"
        key = hashlib.sha256(identity.encode()).hexdigest()[:KEY_LETTERS]
        folder = self._root / artifact.artifact_id / key
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _hold(_lock_of(folder))
            if lock is None:
                return None
            try:
                return self._taken(folder, lock)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            # A copy without is slower, a model that is not loaded is no use at all.
            log.warning("engine_cache_unusable", artifact_id=artifact.artifact_id, reason=error.strerror)
            return None

    def forget(self, artifact_id: str) -> None:
        """Removes what was kept for an artifact that is no more."""
        if self._is_name(artifact_id):
            shutil.rmtree(self._root / artifact_id, ignore_errors=True)

    def sweep(self, held: Collection[str]) -> None:
        """Removes what was kept for any artifact but these."""
        for folder in _folders(self._root):
            if folder.name not in held:
                self.forget(folder.name)

    def trim(self) -> None:
        """Removes the folders that were used longest ago, and by nobody now, until the rest is within the limit."""
        found = sorted(self._used(), key=lambda used: used.at)
        total = sum(used.size_bytes for used in found)
        for used in found:
            if total <= self._limit_bytes:
                return
            lock = None
            with suppress(OSError):
                lock = _hold(_lock_of(used.folder), is_use=False)
            if lock is not None:
                shutil.rmtree(used.folder, ignore_errors=True)
                os.close(lock)
                total -= used.size_bytes
                log.info("engine_cache_evicted", artifact_id=used.folder.parent.name, size_bytes=used.size_bytes)

    def _taken(self, folder: Path, lock: int) -> EngineCache:
        marker = _marker_of(folder)
        if marker.exists():
            shutil.rmtree(folder, ignore_errors=True)
        marker.touch(mode=0o600)
        folder.mkdir(mode=0o700, exist_ok=True)
        is_warm = next(folder.iterdir(), None) is not None
        log.info("engine_cache_opened", artifact_id=folder.parent.name, is_warm=is_warm)
        return EngineCache(self, folder, lock, is_warm=is_warm)

    def _used(self) -> Iterator[_Used]:
        for artifact in _folders(self._root):
            for folder in _folders(artifact):
                with suppress(FileNotFoundError):
                    yield _Used(folder, _size(folder), _lock_of(folder).stat().st_mtime)

    def _is_name(self, artifact_id: str) -> bool:
        return bool(artifact_id) and "/" not in artifact_id and artifact_id not in {".", ".."}


class EngineCache:
    """A folder that one copy uses."""

    def __init__(self, caches: EngineCaches, folder: Path, lock: int, *, is_warm: bool) -> None:
        self._caches = caches
        self._lock: int | None = lock
        self.folder = folder
        """Where the engine may write."""
        self.is_warm = is_warm
        """Whether an earlier copy left anything in it."""

    def keep(self) -> None:
        """Says that the copy has loaded: what is there is whole, and of use to the next."""
        _marker_of(self.folder).unlink(missing_ok=True)
        self._caches.trim()

    def discard(self) -> None:
        """Says that the copy did not load, perhaps for something in the folder: removes it, and ends the use."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _marker_of(self.folder).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Ends the use; does nothing the second time."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


@dataclass(frozen=True, slots=True)
class _Used:
    folder: Path
    size_bytes: int
    at: float
    """Of the latest use, seconds since 1970."""


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _marker_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.loading")


def _hold(path: Path, *, is_use: bool = True) -> int | None:
    """Takes a lock, and notes the use; None when somebody else holds it. The system frees it however we end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_use:
            os.utime(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _folders(parent: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()]
    return []


def _size(folder: Path) -> int:
    """Returns the size of all files in a folder, as far as they stay while it is looked at."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118  # a thousand files, no objects
    return total
