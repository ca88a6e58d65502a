"""What engines compile is kept for the next copy of the same model, on the same engine and machine."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from outcrop.adapters.engine_caches import EngineCache, EngineCaches
from outcrop.records import ArtifactRef

ENGINE = "vllm serve 1"
MIB = 1 << 20


def artifact(artifact_id: str = "one", sha256: str = "a" * 64) -> ArtifactRef:
    """What a copy is loaded from."""
    return ArtifactRef(artifact_id=artifact_id, manifest_sha256=sha256, key_arn="", wrapped_key=b"")


def caches(root: Path, *, limit_bytes: int = 100 * MIB, device: str = "cpu") -> EngineCaches:
    """The caches of a folder, as any process of the machine has them."""
    return EngineCaches(root / "caches", limit_bytes=limit_bytes, device=device)


def opened(found: EngineCaches, ref: ArtifactRef | None = None, engine: str = ENGINE) -> EngineCache:
    """A cache that is to be had."""
    cache = found.open(ref or artifact(), engine)
    assert cache is not None
    return cache


def loaded(found: EngineCaches, ref: ArtifactRef | None = None, *, size_bytes: int = 5) -> Path:
    """The folder that a copy filled and left behind; its use was long ago."""
    cache = opened(found, ref)
    (cache.folder / "kernel.so").write_bytes(bytes(size_bytes))
    cache.keep()
    cache.close()
    return cache.folder


def test_the_next_copy_finds_what_the_first_compiled(tmp_path: Path) -> None:
    """In the same place, since compiled code names its own path; also in another process's eyes."""
    folder = loaded(caches(tmp_path))

    again = opened(caches(tmp_path))

    assert (again.folder, again.is_warm) == (folder, True)
    assert (again.folder / "kernel.so").read_bytes() == bytes(5)


def test_a_first_copy_finds_nothing(tmp_path: Path) -> None:
    """An empty folder, for its owner only."""
    cache = opened(caches(tmp_path))

    assert not cache.is_warm
    assert list(cache.folder.iterdir()) == []
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("changed", ["content", "engine", "device"])
def test_what_was_compiled_for_something_else_is_not_used(tmp_path: Path, changed: str) -> None:
    """Other content, another version of the engine, or another processor, has another folder."""
    folder = loaded(caches(tmp_path))

    other = opened(
        caches(tmp_path, device="gpu" if changed == "device" else "cpu"),
        artifact(sha256="b" * 64) if changed == "content" else artifact(),
        "vllm serve 2" if changed == "engine" else ENGINE,
    )

    assert not other.is_warm
    assert other.folder != folder


def test_two_copies_that_load_at_once_do_not_share(tmp_path: Path) -> None:
    """The second does without, and disturbs nothing; once the first has ended, a third may."""
    first = opened(caches(tmp_path))

    assert caches(tmp_path).open(artifact(), ENGINE) is None
    first.keep()
    assert caches(tmp_path).open(artifact(), ENGINE) is None
    first.close()
    first.close()
    assert caches(tmp_path).open(artifact(), ENGINE) is not None


def test_what_a_failed_load_left_is_removed(tmp_path: Path) -> None:
    """It may be what made it fail."""
    loaded(caches(tmp_path))
    failed = opened(caches(tmp_path))
    assert failed.is_warm

    failed.discard()

    assert not opened(caches(tmp_path)).is_warm


def _die_while_loading(root: Path) -> None:
    cache = opened(caches(root))
    (cache.folder / "half").write_bytes(b"half")
    os._exit(0)


def test_what_a_load_that_was_cut_off_left_is_removed(tmp_path: Path) -> None:
    """It may be half of something; the lock went with the process."""
    killed = multiprocessing.get_context("spawn").Process(target=_die_while_loading, args=(tmp_path,))
    killed.start()
    killed.join(120)
    assert list((tmp_path / "caches").rglob("half"))

    cache = opened(caches(tmp_path))

    assert not cache.is_warm
    assert list((tmp_path / "caches").rglob("half")) == []


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    """Until the rest is within the limit; a folder in use stays, whatever its size."""
    roomy = caches(tmp_path)
    folders = {name: loaded(roomy, artifact(name), size_bytes=4 * MIB) for name in ("one", "two", "three")}
    for age, name in enumerate(("three", "one", "two")):
        os.utime(folders[name].with_name(f"{folders[name].name}.lock"), (1000 + age, 1000 + age))
    in_use = opened(roomy, artifact("three"))
    os.utime(folders["three"].with_name(f"{folders['three'].name}.lock"), (0, 0))

    caches(tmp_path, limit_bytes=9 * MIB).trim()

    assert {name for name, folder in folders.items() if folder.exists()} == {"three", "two"}
    in_use.close()


def test_the_caches_of_an_artifact_go_with_it(tmp_path: Path) -> None:
    """All of them, and no others; what is no artifact's name removes nothing."""
    one, two = (loaded(caches(tmp_path), artifact(name)) for name in ("one", "two"))

    for name in ("one", "", "..", "../..", "never"):
        caches(tmp_path).forget(name)

    assert (one.exists(), two.exists()) == (False, True)
    assert [path.name for path in (tmp_path / "caches").iterdir()] == ["two"]


def test_caches_without_an_artifact_are_swept(tmp_path: Path) -> None:
    """It was deleted by another machine, or while this one was down."""
    one, two = (loaded(caches(tmp_path), artifact(name)) for name in ("one", "two"))

    caches(tmp_path).sweep({"two", "three"})

    assert (one.exists(), two.exists()) == (False, True)


def test_nothing_is_kept_without_room(tmp_path: Path) -> None:
    """A limit of nothing makes no folder at all."""
    assert caches(tmp_path, limit_bytes=0).open(artifact(), ENGINE) is None
    assert list(tmp_path.iterdir()) == []


def test_a_copy_loads_without_where_no_folder_can_be_made(tmp_path: Path) -> None:
    """A full or broken disk costs time, not the model."""
    (tmp_path / "caches").write_text("a file")

    assert caches(tmp_path).open(artifact(), ENGINE) is None
    caches(tmp_path).sweep(set())
    caches(tmp_path).trim()
