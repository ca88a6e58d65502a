"""What the listing alone says: paths that play tricks, files too large or cut short, code and adapters. Pure."""

from collections.abc import Iterator

from outcrop.artifact.absence import ADAPTER_CONFIG, is_adapter_alone
from outcrop.artifact.contents import LFS_CURE, is_lfs_pointer, sniff
from outcrop.artifact.finding import Finding, Kind, Severity, error, warning
from outcrop.artifact.paths import collisions, is_folder_marker, trick
from outcrop.artifact.snapshot import READ_BEGINNING, READ_WHOLE, ModelSnapshot
from outcrop.artifact.wording import listing, quoted, size

UNSAFE_PATH = error("path.unsafe")
"""A key plays a trick: it climbs, is absolute, or does not print. Do: rename or remove the object."""
COLLISION = error("path.collision")
"""Two keys are one file wherever case or Unicode form does not count. Do: remove all but one."""
TOO_LARGE = error("file.too_large")
"""A small file is larger than any model's: it is not read. Do: export the model again."""
CUT_SHORT = error("file.cut_short")
"""An object is shorter than it was listed with. Do: upload it again."""
WRONG_CONTENT = error("file.wrong_content")
"""A file is something else than its name says. Do: replace it with the model's own."""
CODE = warning("source.code")
"""There is program code, which is neither imported nor run. Do: nothing, if the architecture is a standard one."""
ADAPTER_BESIDE = warning("source.adapter_beside")
"""An adapter lies beside a complete model, and is not applied. Do: merge it, or remove it."""
METAL_FOLDER = Kind("source.metal_folder", Severity.NOTE, Severity.ERROR)
"""GPT-OSS's metal/ folder is there, which AWS asks to leave out. Do: leave it out."""


def judge_listing(snapshot: ModelSnapshot) -> Iterator[Finding]:
    """Judges the files by their paths, sizes and beginnings."""
    yield from _judge_paths(snapshot)
    yield from _judge_sizes(snapshot)
    yield from _judge_contents(snapshot)
    yield from _judge_company(snapshot)


def _judge_paths(snapshot: ModelSnapshot) -> Iterator[Finding]:
    tricks = (
        (path, trick(path)) for path, size_bytes in snapshot.sizes.items() if not is_folder_marker(path, size_bytes)
    )
    for path, problem in sorted((path, problem) for path, problem in tricks if problem is not None):
        yield UNSAFE_PATH.found(
            path,
            f"has a path that could mean another place: {problem}.",
            cure="Rename or remove the object.",
            actual=quoted(path),
        )
    top_level = [path for path in snapshot.sizes if "/" not in path]
    for group in collisions(top_level).values():
        if any(path in READ_WHOLE or path in READ_BEGINNING or path.endswith(".safetensors") for path in group):
            yield COLLISION.found(
                group[0],
                f"has the same name as {listing(group[1:])} wherever case or Unicode form does not count.",
                cure="Remove all but one of them.",
                actual=listing(group),
            )


def _judge_sizes(snapshot: ModelSnapshot) -> Iterator[Finding]:
    for path, cap in READ_WHOLE.items():
        if snapshot.sizes.get(path, 0) > cap:
            yield TOO_LARGE.found(
                path,
                f"has {size(snapshot.sizes[path])}; at most {size(cap)} are read of it.",
                cure="Export the model again: no known model has such a file.",
                expected=f"at most {cap} bytes",
                actual=f"{snapshot.sizes[path]} bytes",
            )
    for path, there in sorted(snapshot.present.items()):
        if path.endswith(".safetensors"):
            # Its header says better what is missing.
            continue
        yield CUT_SHORT.found(
            path,
            f"is listed with {size(snapshot.sizes[path])}, but only {size(there)} could be read.",
            cure="Upload the file again.",
            expected=f"{snapshot.sizes[path]} bytes",
            actual=f"{there} bytes",
        )


def _judge_contents(snapshot: ModelSnapshot) -> Iterator[Finding]:
    for path in sorted(READ_BEGINNING & set(snapshot.heads)):
        known = sniff(snapshot.heads[path])
        if known is not None:
            yield WRONG_CONTENT.found(
                path,
                f"is not what its name says: it is {known}.",
                cure=LFS_CURE if is_lfs_pointer(snapshot.heads[path]) else "Replace it with the model's own file.",
                actual=known,
            )


def _judge_company(snapshot: ModelSnapshot) -> Iterator[Finding]:
    top_level = sorted(path for path in snapshot.sizes if "/" not in path)
    code = [path for path in top_level if path.endswith(".py")]
    if code:
        yield CODE.found(
            code[0],
            f"is program code, which is neither imported nor run: {listing(code)}.",
            cure="Nothing, if the model's architecture is a standard one; otherwise it cannot be imported.",
        )
    if ADAPTER_CONFIG in snapshot.sizes and "config.json" in snapshot.sizes and not is_adapter_alone(snapshot):
        yield ADAPTER_BESIDE.found(
            ADAPTER_CONFIG,
            "lies beside a complete model: the adapter is not applied.",
            cure="Merge the adapter into the model (PEFT's merge_and_unload) and upload the result, or remove it.",
        )
    metal = sorted(path for path in snapshot.sizes if path.startswith("metal/"))
    if metal:
        yield METAL_FOLDER.found(
            metal[0],
            "is in GPT-OSS's metal/ folder, which AWS documents as to be left out.",
            cure="Leave the metal/ folder out of the prefix.",
        )
