"""What transformers 5 writes differently, and the 4.51.3 that AWS expects (SPEC 4.2.9) misreads, mostly in silence.

Each finding holds the edit that cures it. Outcrop's own engine reads both forms, so there it is only a note. Pure.
"""

import json
from collections.abc import Iterator, Mapping

from outcrop.artifact.architectures.family import Family
from outcrop.artifact.config import CONFIG, ModelConfig
from outcrop.artifact.finding import Finding, Kind, Severity
from outcrop.artifact.wording import shown
from outcrop.records import JsonObject, JsonValue

ROPE_PARAMETERS = Kind("config.rope_parameters", Severity.NOTE, Severity.ERROR)
"""transformers 5's form, which AWS imports silently and misses: long output degenerates. Do: write the members that
the finding gives in its place."""
ROPE_OVERRIDDEN = Kind("config.rope_overridden", Severity.NOTE, Severity.WARNING)
"""AWS replaces Llama 3's rope_scaling by its own values, which differ from this model's. Do: compare long answers."""
DTYPE = Kind("config.dtype_name", Severity.NOTE, Severity.WARNING)
"""transformers 5's name for torch_dtype, which version 4 does not read. Do: add torch_dtype."""
EXPERTS = Kind("config.num_local_experts", Severity.NOTE, Severity.ERROR)
"""transformers 5's name for num_experts, which version 4 does not read. Do: add num_experts."""
NESTED_TEXT = Kind("config.nested_text_config", Severity.NOTE, Severity.ERROR)
"""Members are where transformers 4.51.3 does not look for them. Do: move them to the root."""
SCALING = Kind("config.scale_decoder_outputs", Severity.NOTE, Severity.ERROR)
"""transformers 5's form for T5 without tied embeddings, which version 4 misreads. Do: set tie_word_embeddings to false
and save with lm_head.weight."""

_OVERRIDE: Mapping[str, float] = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
"""What AWS puts in the place of Llama 3's own rope_scaling (SPEC 4.2.8)."""

_LONGEST_VALUE = 400

_FLAT_FAMILIES = frozenset({"qwen2_vl", "qwen2_5_vl"})
"""Families whose text members 4.51.3 reads at the root only."""


def judge_newer_forms(config: ModelConfig, family: Family) -> Iterator[Finding]:
    """Judges a configuration of a family by what AWS's readers make of it."""
    values = config.values
    text = values.get("text_config")
    places = [values, *([text] if isinstance(text, dict) else [])]
    if family.has_rope:
        for place in places:
            yield from _judge_rope(place, "" if place is values else "text_config.", family)
        yield from _judge_override(places[-1], family)
    if isinstance(values.get("dtype"), str) and "torch_dtype" not in values:
        yield DTYPE.found(
            CONFIG,
            'has "dtype", which transformers 4 does not read: the model is served in another precision than meant.',
            cure=f'Add "torch_dtype": {_json(values["dtype"])}.',
            expected="torch_dtype",
            actual="dtype",
        )
    if family.name == "qwen3_moe" and "num_local_experts" in values and "num_experts" not in values:
        count = values["num_local_experts"]
        yield EXPERTS.found(
            CONFIG,
            'has "num_local_experts", which transformers 4 does not read: it takes 128 experts whatever there are.',
            cure=f'Add "num_experts": {_json(count)}.',
            expected="num_experts",
            actual="num_local_experts",
        )
    if family.name in _FLAT_FAMILIES and isinstance(text, dict) and "hidden_size" not in values:
        yield NESTED_TEXT.found(
            CONFIG,
            'has the language model\'s members in "text_config", where transformers 4.51.3 does not look for them.',
            cure='Move the members of "text_config" to the root of config.json, beside "vision_config".',
            expected="members at the root",
            actual="text_config",
        )
    if (
        family.name == "t5"
        and values.get("scale_decoder_outputs") is False
        and values.get("tie_word_embeddings") is True
    ):
        yield SCALING.found(
            CONFIG,
            'says by "scale_decoder_outputs" that outputs are not scaled. transformers 4 does not read that: it scales '
            "them where embeddings are tied.",
            cure='Set "tie_word_embeddings": false, and save the model with its lm_head.weight.',
            expected='"tie_word_embeddings": false',
            actual='"scale_decoder_outputs": false',
        )


def _judge_rope(values: JsonObject, at: str, family: Family) -> Iterator[Finding]:
    parameters = values.get("rope_parameters")
    if not isinstance(parameters, dict):
        return
    wanted = _older_form(parameters, family)
    if all(values.get(name) == value for name, value in wanted.items()):
        return
    edit = ", ".join(f"{json.dumps(name)}: {_json(value)}" for name, value in wanted.items())
    where = f" in {at.removesuffix('.')}" if at else " at the root"
    yield ROPE_PARAMETERS.found(
        CONFIG,
        f'has "{at}rope_parameters", as transformers 5 writes it. AWS imports this silently and misses it: '
        "without rope_theta and rope_scaling, long output degenerates (seen from 860 tokens on).",
        cure=f'Replace "rope_parameters" by {edit}{where}, and set "transformers_version": "4.51.3".',
        expected="rope_theta and rope_scaling",
        actual="rope_parameters",
    )


def _older_form(parameters: JsonObject, family: Family) -> JsonObject:
    """Returns rope_theta and rope_scaling as transformers 4 reads them."""
    rest = {name: value for name, value in parameters.items() if name != "rope_theta"}
    is_default = rest.get("rope_type", "default") == "default" and set(rest) <= {"rope_type"}
    # Mllama's class in 4.51.3 looks into rope_scaling without asking whether it is there.
    without = {"rope_type": "default"} if family.name == "mllama" else None
    return {"rope_theta": parameters.get("rope_theta", 10000.0), "rope_scaling": without if is_default else rest}


def _judge_override(values: JsonObject, family: Family) -> Iterator[Finding]:
    scaling = values.get("rope_scaling") or values.get("rope_parameters")
    if family.name not in {"llama", "mllama"} or not isinstance(scaling, dict):
        return
    if scaling.get("rope_type", scaling.get("type")) != "llama3":
        return
    different = {name: scaling.get(name) for name, value in _OVERRIDE.items() if scaling.get(name) != value}
    if different:
        own = ", ".join(f"{name} {shown(value)}" for name, value in different.items())
        theirs = ", ".join(f"{name} {_OVERRIDE[name]:g}" for name in different)
        yield ROPE_OVERRIDDEN.found(
            CONFIG,
            f"has its own rope_scaling ({own}); for Llama 3, AWS takes {theirs} whatever the file says.",
            cure="Compare long answers on Bedrock with those of this model before you rely on them.",
            expected=theirs,
            actual=own,
        )


def _json(value: JsonValue) -> str:
    """Returns a value as it is to be written, if it is small enough to be shown."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else shown(value)
