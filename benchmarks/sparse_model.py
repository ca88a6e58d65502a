"""A model of 140 GB that takes no space: configuration, index, headers and tokenizer over holes in sparse files."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from outcrop.artifact.architectures import BY_ARCHITECTURE
from outcrop.artifact.fields import Fields

SHARDS = 200
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-05,
    "rope_theta": 500000.0,
    "rope_scaling": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 128000,
    "eos_token_id": 128009,
}
"""Llama 3.1 70B."""

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
_SPECIAL = 256
_LETTERS = 256


def make(folder: Path) -> int:
    """Writes the model; returns the bytes of its weights as they are listed."""
    folder.mkdir(parents=True)
    shapes = {
        tensor.name: tensor.shape
        for tensor in BY_ARCHITECTURE["LlamaForCausalLM"].table(Fields(dict(CONFIG)))
        if tensor.is_required
    }
    sizes = {name: prod(shape) * 2 for name, shape in shapes.items()}
    total, weight_map = sum(sizes.values()), {}
    shards: list[dict[str, tuple[int, ...]]] = [{} for _ in range(SHARDS)]
    for number, (name, shape) in enumerate(shapes.items()):
        shards[number * SHARDS // len(shapes)][name] = shape
    listed = 0
    for number, shard in enumerate(shards, start=1):
        file = folder / f"model-{number:05}-of-{len(shards):05}.safetensors"
        listed += _write_shard(file, shard)
        weight_map.update(dict.fromkeys(shard, file.name))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(), ensure_ascii=False, indent=2))
    tokens = {"bos_token": _special(0), "eos_token": _special(9), "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens))
    ends = {"bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009]}
    (folder / "generation_config.json").write_text(json.dumps(ends))
    return listed


def _write_shard(file: Path, shapes: dict[str, tuple[int, ...]]) -> int:
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        begin, end = end, end + prod(shape) * 2
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    with file.open("wb") as weights:
        weights.write(len(text).to_bytes(8, "little") + text)
        weights.truncate(8 + len(text) + end)
    return 8 + len(text) + end


def _special(number: int) -> str:
    return f"<|reserved_special_token_{number}|>"


def _tokenizer() -> dict[str, object]:
    """A byte-pair tokenizer of Llama 3's vocabulary and nearly as many merges, made rather than learnt."""
    letters = [chr(256 + number) for number in range(_LETTERS)]
    tokens, merges = dict.fromkeys(letters), []
    made = list(letters)
    for left in made:
        for right in letters:
            if len(tokens) >= CONFIG["vocab_size"] - _SPECIAL:
                break
            if left + right not in tokens:
                tokens[left + right] = None
                made.append(left + right)
                merges.append(f"{left} {right}")
        else:
            continue
        break
    # Further merges lead to tokens that are there already, as more than half of Llama 3's do.
    merges += [f"{token[0]} {token[1:]}" for token in made[_LETTERS:] if len(token) > len("ab")]
    words = {token: number for number, token in enumerate(tokens)}
    added = [
        {
            "id": len(words) + number,
            "content": _special(number),
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for number in range(_SPECIAL)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": words,
            "merges": merges,
        },
    }
