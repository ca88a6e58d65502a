"""What to say when the files that make a folder a model are not there: what is there instead tells the cure. Pure."""

import re
from collections.abc import Iterator, Sequence

from outcrop.artifact.finding import Finding, Kind, error
from outcrop.artifact.paths import looks_like
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.wording import listing, quoted

_ARCHIVE = re.compile(r".+\.(tar|tgz|tar\.(gz|bz2|xz|zst)|zip|7z|rar)", re.IGNORECASE)
_PICKLE = re.compile(r".+\.(bin|pt|pth|ckpt|pkl|pickle)", re.IGNORECASE)
_GGUF = re.compile(r".+\.(gguf|ggml)", re.IGNORECASE)
_OTHER_FRAMEWORK = re.compile(r".+\.(h5|msgpack|onnx|tflite|npz)", re.IGNORECASE)

CONFIG_MISSING = error("config.missing")
WEIGHTS_MISSING = error("weights.missing")
ARCHIVE = error("source.archive")
PICKLE = error("weights.pickle")
GGUF = error("weights.gguf")
OTHER_FRAMEWORK = error("weights.other_framework")
ADAPTER = error("source.adapter")

_UPLOAD_ALL = (
    "Upload the whole folder that save_pretrained wrote, config.json and weights included, and import its prefix."
)
_CONVERT = "Load the model with transformers and save it with save_pretrained, which writes safetensors."


def judge_absence(snapshot: ModelSnapshot) -> Iterator[Finding]:
    """Judges what is missing: config.json, and any weights at the top level."""
    top_level = sorted(path for path in snapshot.sizes if "/" not in path)
    has_config, has_weights = "config.json" in snapshot.sizes, bool(snapshot.weights)
    if not has_config:
        yield _config_missing(snapshot, top_level)
    if not has_weights or not has_config:
        yield from _explained(snapshot, top_level, has_weights=has_weights)


def _config_missing(snapshot: ModelSnapshot, top_level: Sequence[str]) -> Finding:
    # AWS's own words (SPEC 7.8.1), which people search for.
    message = "could not find the expected file config.json"
    nested = sorted(path for path in snapshot.sizes if path.endswith("/config.json"))
    alike = [path for path in top_level if looks_like(path, "config.json")]
    if alike:
        message += f"; {quoted(alike[0])} is not it: names are compared exactly"
        cure = "Rename it to config.json."
    elif nested:
        message += f", but there is {quoted(nested[0])}"
        cure = f"Import the prefix that ends in {quoted(nested[0].removesuffix('config.json'))}."
    else:
        cure = _UPLOAD_ALL
    return CONFIG_MISSING.found(
        "config.json", f"{message}.", cure=cure, expected="config.json", actual=listing(top_level) or "nothing"
    )


def _explained(snapshot: ModelSnapshot, top_level: Sequence[str], *, has_weights: bool) -> Iterator[Finding]:
    """Names what is there in place of a model; weights that are plainly missing are told last."""
    archives = _matching(_ARCHIVE, top_level)
    if archives and not has_weights:
        yield ARCHIVE.found(
            archives[0],
            f"could not find the expected file {archives[0]}/config.json: archives are not unpacked.",
            cure="Unpack it and upload the files as individual objects.",
            actual=listing(archives),
        )
    if "adapter_config.json" in snapshot.sizes and "config.json" not in snapshot.sizes:
        yield ADAPTER.found(
            "adapter_config.json",
            "belongs to an adapter (LoRA), and the model that it adapts is not here.",
            cure="Merge the adapter into its base model (PEFT's merge_and_unload) and upload the merged model.",
        )
        return
    if has_weights:
        return
    instead = [found for found in _other_formats(top_level) if found is not None]
    yield from instead
    if not instead and not archives:
        yield WEIGHTS_MISSING.found(
            "model.safetensors",
            "could not find the weights: there is no .safetensors file at the top of the prefix.",
            cure=_UPLOAD_ALL,
            expected="model.safetensors, or shards and model.safetensors.index.json",
            actual=listing(top_level) or "nothing",
        )


def _other_formats(top_level: Sequence[str]) -> Iterator[Finding | None]:
    pickles = [path for path in _matching(_PICKLE, top_level) if path != "training_args.bin"]
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
