"""Which files are copied into an artifact, and why each other one is not. Pure.

Only what readers of the Hugging Face layout ask for is copied: a file that nobody reads can do nothing, and a file
that somebody could run is never there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from outcrop.artifact.layout import judge_layout
from outcrop.artifact.paths import is_folder_marker, trick
from outcrop.artifact.snapshot import READ_BEGINNING, READ_WHOLE, ModelSnapshot
from outcrop.artifact.wording import printable
from outcrop.records import JsonObject, JsonValue

_TAKEN = (frozenset(READ_WHOLE) | READ_BEGINNING) - {"adapter_config.json"}
"""Everything that is copied but for the weights: configuration, tokenizer, template and processor files."""

_REASONS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"metal/.*"), "GPT-OSS's weights for another program"),
    (re.compile(r"original/.*"), "the weights in their maker's own layout"),
    (re.compile(r"(.*/)?\.cache/.*"), "a download's cache"),
    (re.compile(r"checkpoint-\d+/.*"), "a checkpoint of training"),
    (re.compile(r".*/.*"), "files in folders are not part of the model"),
    (re.compile(r".*\.py"), "program code is never copied"),
    (re.compile(r".*\.(bin|pt|pth|ckpt|pkl|pickle)"), "pickles are never copied"),
    (re.compile(r".*\.(gguf|ggml|onnx|h5|msgpack|tflite|npz)"), "weights in a format that is not read here"),
    (re.compile(r".*\.(tar|tgz|gz|bz2|xz|zst|zip|7z|rar)"), "archives are not unpacked"),
    (re.compile(r"adapter_.*"), "adapters are not applied"),
    (re.compile(r"(optimizer|scheduler|trainer_state|training_args|rng_state).*"), "the state of a training"),
)


_PARTS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r".*\.safetensors(\.index\.json)?"), "weights"),
    (re.compile(r"(generation_)?config\.json"), "configuration"),
    (re.compile(r"chat_template\..*"), "chat template"),
    (re.compile(r"(video_)?(pre)?processor_config\.json"), "images"),
)

MOST_TAKEN_TOLD = 500
"""More than the largest published models have files."""
MOST_LEFT_OUT_TOLD = 50
"""A prefix may hold thousands of files that are none of the model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The decision about every file of a source."""

    taken: tuple[str, ...]
    """Paths to copy, in order."""
    ignored: Mapping[str, str]
    """Path → why it is not copied."""
    refused: Mapping[str, str]
    """Path → the trick that it plays; a model with one of these is not imported."""

    def to_json(self) -> JsonObject:
        """Returns the members of a report that tell what becomes of every file, why, and of how many more."""
        decisions = {
            "taken": {path: _part(path) for path in self.taken},
            "ignored": self.ignored,
            "refused": self.refused,
        }
        told: dict[str, JsonValue] = {}
        for decision, files in decisions.items():
            most = MOST_TAKEN_TOLD if decision == "taken" else MOST_LEFT_OUT_TOLD
            told[decision] = {printable(path): why for path, why in islice(files.items(), most)}
            told[f"{decision}_omitted"] = max(0, len(files) - most)
        return told


def select(snapshot: ModelSnapshot) -> Selection:
    """Decides about every file; of the weights, those are taken that the index names, or the single file."""
    layout = judge_layout(snapshot, model_type=None).value if snapshot.weights else None
    weights = frozenset(layout.files if layout is not None else ())
    unused = layout.unused if layout is not None else {}
    taken: list[str] = []
    ignored: dict[str, str] = {}
    refused: dict[str, str] = {}
    for path, size_bytes in sorted(snapshot.sizes.items()):
        problem = None if is_folder_marker(path, size_bytes) else trick(path)
        if problem is not None:
            refused[path] = problem
        elif path in _TAKEN or path in weights:
            taken.append(path)
        else:
            ignored[path] = unused.get(path) or _reason(path)
    return Selection(taken=tuple(taken), ignored=ignored, refused=refused)


def _part(path: str) -> str:
    """Returns what a file that is taken is of the model."""
    return next((part for pattern, part in _PARTS if pattern.fullmatch(path)), "tokenizer")


def _reason(path: str) -> str:
    return next((why for pattern, why in _REASONS if pattern.fullmatch(path)), "no reader asks for it")
