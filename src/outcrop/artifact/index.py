"""The index of sharded weights, `model.safetensors.index.json`: which tensor lies in which file. Pure.

{"metadata": {"total_size": 123}, "weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors", ...}}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from outcrop.artifact.finding import Finding, Judged, Kind, Severity, error
from outcrop.artifact.paths import trick
from outcrop.artifact.strict_json import Wording, read_object
from outcrop.artifact.wording import quoted, shown
from outcrop.records import JsonObject, JsonValue

INDEX = "model.safetensors.index.json"

REINDEX = "Save the model again with save_pretrained, which writes the index, or download the whole model again."

MALFORMED = error("index.malformed")
"""The index cannot be read. Do: save the model again, or download its index again."""
DUPLICATE_TENSOR = error("index.duplicate_tensor")
"""The index names a tensor twice, and readers differ in which place they take. Do: save the model again."""
UNSAFE_PATH = error("index.unsafe_path")
"""The index names a file that cannot be a shard beside it. Do: save the model again; ask where this one is from."""
NO_METADATA = error("index.no_metadata")
"""The index has no "metadata" object, which readers look into. Do: add `"metadata": {}`."""
EXTRA_METADATA = Kind("index.extra_metadata", Severity.NOTE, Severity.WARNING)
"""The index has metadata beyond total_size, which AWS does not support; an error for GPT-OSS on Bedrock. Do: remove
it."""

_WORDING = Wording(malformed=MALFORMED, duplicates=DUPLICATE_TENSOR, cure=REINDEX)
_KNOWN_METADATA = frozenset({"total_size"})


@dataclass(frozen=True, slots=True)
class Index:
    """Where each tensor is said to be."""

    weight_map: Mapping[str, str]
    """Tensor → file."""
    total_size: int | None
    """Bytes of all tensors, if the index says."""

    @property
    def files(self) -> list[str]:
        """The files that hold tensors, in order."""
        return sorted(set(self.weight_map.values()))


def judge_index(data: bytes, *, model_type: str | None) -> Judged[Index]:
    """Judges the index by itself; `model_type` because AWS is stricter with GPT-OSS (SPEC F8)."""
    read = read_object(INDEX, data, _WORDING)
    if read.value is None or read.findings:
        return Judged(None, read.findings)
    weight_map = read.value.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        return _malformed(f'has {shown(weight_map)} as "weight_map" where an object of file names is expected.')
    files: dict[str, str] = {}
    for tensor, file in weight_map.items():
        if not isinstance(file, str):
            return _malformed(f"names {shown(file)} as the file of tensor {quoted(tensor)}.")
        files[tensor] = file
    tricks = list(_judge_files(sorted(set(files.values()))))
    if tricks:
        return Judged(None, tuple(tricks))
    metadata = read.value.get("metadata")
    return Judged(Index(files, _total_size(metadata)), tuple(_judge_metadata(read.value, model_type)))


def _judge_files(files: list[str]) -> Iterator[Finding]:
    for file in files:
        problem = trick(file)
        if problem is None and "/" in file:
            problem = "it is in a folder"
        if problem is None and not file.endswith(".safetensors"):
            problem = "it is no .safetensors file"
        if problem is not None:
            yield UNSAFE_PATH.found(
                INDEX,
                f"names the file {quoted(file)}, which cannot be a shard: {problem}.",
                cure=REINDEX,
                expected="names of .safetensors files beside the index",
                actual=quoted(file),
            )


def _judge_metadata(index: JsonObject, model_type: str | None) -> Iterator[Finding]:
    metadata = index.get("metadata")
    if not isinstance(metadata, dict):
        yield NO_METADATA.found(
            INDEX,
            f'has {shown(metadata)} as "metadata" where an object is expected; the readers look into it.',
            cure='Add "metadata": {} at the root of the index.',
            expected="an object",
            actual=shown(metadata),
        )
        return
    extra = sorted(set(metadata) - _KNOWN_METADATA)
    if extra:
        yield EXTRA_METADATA.found(
            INDEX,
            f"has metadata beyond total_size: {', '.join(quoted(name) for name in extra[:5])}, "
            "which AWS documents as not supported.",
            cure='Leave only "total_size" in "metadata".',
            bedrock=Severity.ERROR if model_type == "gpt_oss" else None,
        )


def _total_size(metadata: JsonValue) -> int | None:
    value = metadata.get("total_size") if isinstance(metadata, dict) else None
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 2**63 else None


def _malformed(message: str) -> Judged[Index]:
    return Judged(None, (MALFORMED.found(INDEX, message, cure=REINDEX),))
