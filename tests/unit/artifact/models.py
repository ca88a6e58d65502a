"""Tiny models in memory, whole and healthy, for tests to break in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from outcrop.artifact.architectures import BY_ARCHITECTURE
from outcrop.artifact.examine import examine
from outcrop.artifact.fields import Fields
from outcrop.artifact.finding import Finding
from outcrop.artifact.host import Host
from outcrop.artifact.report import Report
from outcrop.artifact.safetensors import DTYPE_BITS
from outcrop.artifact.snapshot import ModelSnapshot, header_end, plan_reading, weights_of

CONFIG: Mapping[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 20,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 0,
    "eos_token_id": 1,
}

TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"

Shapes = Mapping[str, tuple[int, ...]]


def shapes_of(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors that a configuration stands for; the oracle tests hold these tables against transformers."""
    family = BY_ARCHITECTURE[config["architectures"][0]]
    return {tensor.name: tensor.shape for tensor in family.table(Fields(config)) if tensor.is_required}


def entries(shapes: Shapes, dtype: str = "BF16") -> dict[str, Any]:
    """A header's entries, packed one after another."""
    end, made = 0, {}
    for name, shape in shapes.items():
        begin, end = end, end + prod(shape) * DTYPE_BITS[dtype] // 8
        made[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    return made


def framed(header: bytes | Mapping[str, Any], data_bytes: int) -> bytes:
    """A weights file with a header and so many bytes of data."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(header).to_bytes(8, "little") + header + bytes(data_bytes)


def weights(shapes: Shapes, dtype: str = "BF16") -> bytes:
    """A weights file of zeros."""
    header = entries(shapes, dtype)
    return framed(header, max((entry["data_offsets"][1] for entry in header.values()), default=0))


def tokenizer(tokens: int = 20, *, special: Mapping[str, int] | None = None) -> bytes:
    """A tokenizer.json of words: <s>, </s>, then w2 and so on."""
    vocabulary = {"<s>": 0, "</s>": 1, **{f"w{number}": number for number in range(2, tokens)}}
    added = [
        {
            "id": number,
            "content": text,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for text, number in (special or {}).items()
    ]
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w2"},
        }
    ).encode()


def tokenizer_config(**members: Any) -> bytes:
    """A tokenizer_config.json that AWS accepts."""
    return json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", **members}
    ).encode()


def snapshot_of(files: Mapping[str, bytes], sizes: Mapping[str, int] | None = None) -> ModelSnapshot:
    """What would be read of these files; `sizes` are those of a listing that says otherwise."""
    listed = {path: len(data) for path, data in files.items()} | dict(sizes or {})
    plan = plan_reading(listed)
    weight_files = frozenset(weights_of(listed))
    heads = {
        path: files[path][: (header_end(files[path]) or 512) if path in weight_files else length]
        for path, length in plan.beginnings.items()
    }
    return ModelSnapshot(sizes=listed, contents={path: files[path][: listed[path]] for path in plan.whole}, heads=heads)


@dataclass(frozen=True)
class Model:
    """Files of a model, which methods return changed copies of."""

    files: Mapping[str, bytes]
    sizes: Mapping[str, int] = field(default_factory=dict)

    def having(self, files: Mapping[str, bytes]) -> Model:
        """With these files, new or in place of others."""
        return replace(self, files={**self.files, **files})

    def without(self, *paths: str) -> Model:
        """Without these files."""
        return replace(self, files={path: data for path, data in self.files.items() if path not in paths})

    def configured(self, **members: Any) -> Model:
        """With members of config.json set, or removed by `...`."""
        values = {**json.loads(self.files["config.json"]), **members}
        kept = {name: value for name, value in values.items() if value is not ...}
        return self.having({"config.json": json.dumps(kept).encode()})

    def snapshot(self) -> ModelSnapshot:
        """What is read of it."""
        return snapshot_of(self.files, self.sizes)

    def examined(self, *supported: str) -> Report:
        """What is found about it."""
        return examine(self.snapshot(), host=Host(architectures=lambda: frozenset(supported)))


def healthy(config: Mapping[str, Any] = CONFIG) -> Model:
    """A model that both profiles take without a word."""
    return Model(
        {
            "config.json": json.dumps(config).encode(),
            "model.safetensors": weights(shapes_of(config)),
            "tokenizer.json": tokenizer(config["vocab_size"]),
            "tokenizer_config.json": tokenizer_config(),
            "chat_template.jinja": TEMPLATE.encode(),
        }
    )


def sharded(config: Mapping[str, Any] = CONFIG, **metadata: Any) -> Model:
    """The same in two shards and an index."""
    shapes = shapes_of(config)
    names = list(shapes)
    halves = {
        "model-00001-of-00002.safetensors": {name: shapes[name] for name in names[: len(names) // 2]},
        "model-00002-of-00002.safetensors": {name: shapes[name] for name in names[len(names) // 2 :]},
    }
    index = {
        "metadata": {"total_size": sum(prod(shape) * 2 for shape in shapes.values()), **metadata},
        "weight_map": {name: file for file, half in halves.items() for name in half},
    }
    files = {file: weights(half) for file, half in halves.items()}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    return healthy(config).without("model.safetensors").having(files)


def ids(report: Report) -> set[str]:
    """The ids of everything found."""
    return {found.id for found in report.findings}


def only(report: Report, identifier: str) -> Finding:
    """The one finding with an id."""
    (found,) = [found for found in report.findings if found.id == identifier]
    return found
