"""Models of any size that take no disk: a valid configuration, index and headers, over weights that are holes."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tests.contract.conftest import make_llama


def make_of_holes(folder: Path, *, shards: int, shard_bytes: int) -> Path:
    """Writes a Llama of so many shards, each of about so many bytes, all of them zero; returns its folder."""
    large = make_llama(folder)
    config = json.loads((large / "config.json").read_text())
    (large / "model.safetensors").unlink()
    hidden = config["hidden_size"]
    inner = shard_bytes // 4 // hidden // 3
    config |= {"intermediate_size": inner, "num_hidden_layers": shards}
    (large / "config.json").write_text(json.dumps(config))
    weight_map: dict[str, str] = {}
    for layer in range(shards):
        name = f"model.layers.{layer}"
        shapes = {f"{name}.self_attn.{part}_proj.weight": (hidden, hidden) for part in "qkvo"}
        shapes |= {f"{name}.mlp.{part}_proj.weight": (inner, hidden) for part in ("gate", "up")}
        shapes |= {f"{name}.mlp.down_proj.weight": (hidden, inner)}
        shapes |= {f"{name}.{part}_layernorm.weight": (hidden,) for part in ("input", "post_attention")}
        if layer == 0:
            vocabulary = config["vocab_size"]
            shapes |= {"model.embed_tokens.weight": (vocabulary, hidden), "lm_head.weight": (vocabulary, hidden)}
            shapes |= {"model.norm.weight": (hidden,)}
        file = f"model-{layer + 1:05}-of-{shards:05}.safetensors"
        _write_holes(large / file, shapes)
        weight_map |= dict.fromkeys(shapes, file)
    (large / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return large


def _write_holes(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": (begin, end)}
    encoded = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        file.truncate(8 + len(encoded) + end)
