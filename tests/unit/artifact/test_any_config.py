"""Whatever stands in a model's small files, the verdict is a report: nothing is raised, and every text prints."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.artifact.models import healthy, snapshot_of

from outcrop.artifact.examine import examine
from outcrop.artifact.host import Host
from outcrop.artifact.report import Report

GOLDEN = json.loads((Path(__file__).parent / "golden" / "transformers-4.51.3.json").read_text())
CONFIGS = [
    *(made["config"] for made in GOLDEN.values()),
    {"architectures": ["GemmaForCausalLM"], "model_type": "gemma", "hidden_size": 16, "vocab_size": 20},
    {"architectures": ["Gemma3ForConditionalGeneration"], "text_config": {}, "vision_config": {}},
    {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}},
]
HOST = Host(
    architectures=lambda: frozenset({"GemmaForCausalLM", "Gemma3ForConditionalGeneration", "LlamaForCausalLM"}),
    memory_bytes=1,
    accelerator_bytes=1,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = sorted({name for config in CONFIGS for name in config} | {"rope_parameters", "dtype", "text_config"})
SMALL_FILES = ("generation_config.json", "tokenizer_config.json", "model.safetensors.index.json", "chat_template.json")


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """A real configuration with some members replaced or removed, at the root or in a section."""
    config: dict[str, Any] = deepcopy(draw(st.sampled_from(CONFIGS)))
    for name in draw(st.lists(st.sampled_from(MEMBERS), max_size=4)):
        sections = [config, *(value for value in config.values() if isinstance(value, dict))]
        place = draw(st.sampled_from(sections))
        if draw(st.booleans()):
            place.pop(name, None)
        else:
            place[name] = draw(JSON)
    return config


@settings(max_examples=200, derandomize=True)
@given(configs(), st.dictionaries(st.sampled_from(SMALL_FILES), JSON, max_size=2))
def test_any_small_files_give_a_report(config: dict[str, Any], others: dict[str, Any]) -> None:
    """Of all families, and of architectures beyond them."""
    files = {
        **healthy().files,
        "config.json": json.dumps(config).encode(),
        **{name: json.dumps(value).encode() for name, value in others.items()},
    }

    report = examine(snapshot_of(files), host=HOST)

    assert all(f"{found.file}{found.message}{found.cure}".isprintable() for found in report.findings)
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report
    assert report.facts is not None or not report.is_importable("outcrop")
