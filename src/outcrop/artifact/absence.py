"""What to say when the files that make a folder a model are not there: what is there instead tells the cure. Pure."""

import re
from collections.abc import Iterator, Sequence

from outcrop.artifact.finding import Finding, Kind, error
from outcrop.artifact.paths import looks_like
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.strict_json import read_object
from outcrop.artifact.wording import listing, quoted

_ARCHIVE = re.compile(r".+\.(tar|tgz|tar\.(gz|bz2|xz|zst)|zip|7z|rar)", re.IGNORECASE)
_PICKLE = re.compile(r"(?!training_args|optimizer|scheduler|rng_state).+\.(bin|pt|pth|ckpt|pkl|pickle)", re.IGNORECASE)
_GGUF = re.compile(r".+\.(gguf|ggml)", re.IGNORECASE)
_OTHER_FRAMEWORK = re.compile(r".+\.(h5|msgpack|onnx|tflite|npz)", re.IGNORECASE)

_TRAINING = re.compile(r"(global_step\d+/|pytorch_model_fsdp_\d+/)?(.+\.distcp|(bf16_)?zero_pp_rank_.+\.pt)")

ADAPTER_CONFIG = "adapter_config.json"
_OF_ADAPTERS = "adapter_"

CONFIG_MISSING = error("config.missing")
"""There is no config.json at the top of the prefix. Do: import the prefix that holds it, or upload the whole folder."""
WEIGHTS_MISSING = error("weights.missing")
"""There is no weights file at the top of the prefix. Do: upload the whole folder that save_pretrained wrote."""
ARCHIVE = error("source.archive")
"""An archive lies in place of a model; it is never unpacked. Do: unpack it and upload its files as objects."""
PICKLE = error("weights.pickle")
"""The weights are there as a pickle only, which can run code when it is read. Do: load them and save them with
save_pretrained, which writes safetensors."""
GGUF = error("weights.gguf")
"""The weights are there in llama.cpp's quantised format only. Do: import the model that they were made from."""
OTHER_FRAMEWORK = error("weights.other_framework")
"""The weights are there in another framework's format only. Do: load them with transformers and save them again."""
ADAPTER = error("source.adapter")
"""An adapter (LoRA) lies there without the model that it adapts. Do: merge it (PEFT's merge_and_unload) and upload the
merged model."""
TRAINING = error("weights.training_checkpoint")
"""A training's checkpoint lies there, its weights in pieces for many processes. Do: gather them into the model, and
save that with save_pretrained."""

_UPLOAD_ALL = (
    "Upload the whole folder that save_pretrained wrote, config.json and weights included, and import its prefix."
)
_CONVERT = "Load the model with transformers and save it with save_pretrained, which writes safetensors."


def is_adapter_alone(snapshot: ModelSnapshot) -> bool:
    """Whether what lies there adapts a model that is not there."""
    if ADAPTER_CONFIG not in snapshot.sizes:
        return False
    top_level = [path for path in snapshot.sizes if "/" not in path]
    return all(path.startswith(_OF_ADAPTERS) for path in (*snapshot.weights, *_matching(_PICKLE, top_level)))


def judge_absence(snapshot: ModelSnapshot) -> Iterator[Finding]:
    """Judges what is missing: config.json, and any weights at the top level. What is there instead comes first."""
    top_level = sorted(path for path in snapshot.sizes if "/" not in path)
    has_config, has_weights = "config.json" in snapshot.sizes, bool(snapshot.weights)
    nested = sorted(path for path in snapshot.sizes if path.endswith("/config.json")) if not has_config else []
    instead = list(_instead_of_a_model(snapshot, top_level))
    yield from instead
    if not has_config:
        yield _config_missing(top_level, nested, is_explained=bool(instead))
    if not has_weights and not instead and not nested:
        yield WEIGHTS_MISSING.found(
            "model.safetensors",
            "could not find the weights: there is no .safetensors file at the top of the prefix.",
            cure=f"{_UPLOAD_ALL} A download that stopped, or was refused since nobody was logged in, leaves only small "
            "files.",
            expected="model.safetensors, or shards and model.safetensors.index.json",
            actual=listing(top_level) or "nothing",
        )


def _instead_of_a_model(snapshot: ModelSnapshot, top_level: Sequence[str]) -> Iterator[Finding]:
    if is_adapter_alone(snapshot):
        yield _adapter(snapshot)
        return
    if snapshot.weights:
        return
    archives = _matching(_ARCHIVE, top_level)
    if archives:
        yield ARCHIVE.found(
            archives[0],
            # AWS's own words again (SPEC 7.8.2).
            f"could not find the expected file {archives[0]}/config.json: archives are not unpacked.",
            cure="Unpack it and upload the files as individual objects.",
            actual=listing(archives),
        )
    yield from (found for found in _other_formats(snapshot, top_level) if found is not None)


def _adapter(snapshot: ModelSnapshot) -> Finding:
    read = read_object(ADAPTER_CONFIG, snapshot.contents.get(ADAPTER_CONFIG, b"")).value or {}
    base = read.get("base_model_name_or_path")
    named = f" ({quoted(base)})" if isinstance(base, str) and base else ""
    return ADAPTER.found(
        ADAPTER_CONFIG,
        f"belongs to an adapter (LoRA), and the model that it adapts{named} is not here.",
        cure="Merge the adapter into its base model (PEFT's merge_and_unload) and upload the merged model.",
        expected="a complete model",
        actual="an adapter",
    )


def _config_missing(top_level: Sequence[str], nested: Sequence[str], *, is_explained: bool) -> Finding:
    # AWS's own words (SPEC 7.8.1), which people search for.
    message = "could not find the expected file config.json"
    alike = [path for path in top_level if looks_like(path, "config.json")]
    if alike:
        message += f"; {quoted(alike[0])} is not it: names are compared exactly"
        cure = "Rename it to config.json."
    elif nested:
        message += f", but there is {quoted(nested[0])}"
        cure = f"Import the prefix that ends in {quoted(nested[0].removesuffix('config.json'))}."
    else:
        cure = "The cure of the finding before this one brings it, too." if is_explained else _UPLOAD_ALL
    return CONFIG_MISSING.found(
        "config.json", f"{message}.", cure=cure, expected="config.json", actual=listing(top_level) or "nothing"
    )


def _other_formats(snapshot: ModelSnapshot, top_level: Sequence[str]) -> Iterator[Finding | None]:
    pickles = _matching(_PICKLE, top_level)
    yield _instead(
        PICKLE,
        pickles,
        "holds weights as a pickle, which can run code when it is read",
        f"{_CONVERT} Pickles are never read.",
    )
    yield _instead(
        GGUF,
        _matching(_GGUF, top_level),
        "holds quantised weights in a format of llama.cpp",
        "Import the original model, in safetensors and 16 bits, that this was converted from.",
    )
    yield _instead(
        OTHER_FRAMEWORK, _matching(_OTHER_FRAMEWORK, top_level), "holds weights of another framework", _CONVERT
    )
    if not pickles:
        yield _instead(
            TRAINING,
            [path for path in sorted(snapshot.sizes) if _TRAINING.fullmatch(path)],
            "is a part of a training's checkpoint, which holds the weights in pieces for many processes",
            "Gather the pieces (DeepSpeed's zero_to_fp32.py, FSDP's full state dict), load them into the model, and "
            "save it with save_pretrained.",
        )


def _instead(kind: Kind, files: Sequence[str], what: str, cure: str) -> Finding | None:
    if not files:
        return None
    return kind.found(
        files[0],
        f"{what}; there is no .safetensors file.",
        cure=cure,
        expected=".safetensors files",
        actual=listing(files),
    )


def _matching(pattern: re.Pattern[str], paths: Sequence[str]) -> list[str]:
    return [path for path in paths if pattern.fullmatch(path)]
