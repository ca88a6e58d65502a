"""What the contract suites share: a model that every engine can load, made anew for each run, and catalogs."""

from __future__ import annotations

import array
import json
import math
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.catalogs import Catalog, SqlCatalog
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from outcrop.adapters.catalog_sql import Database
from outcrop.testing.catalog import FakeCatalog

HIDDEN, INNER, HEADS, LAYERS = 128, 256, 2, 2
"""Heads are 64 wide: vLLM's attention for CPUs takes no narrower ones."""
TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"


def make_llama(folder: Path, *, is_broken: bool = False, inner: int = INNER) -> Path:
    """Writes a Llama of random weights, or one whose every weight is NaN; with a larger `inner` of equal ones."""
    folder.mkdir()
    vocabulary = _write_tokenizer(folder)
    (folder / "config.json").write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"],
                "model_type": "llama",
                "torch_dtype": "float32",
                "vocab_size": vocabulary,
                "hidden_size": HIDDEN,
                "intermediate_size": inner,
                "num_hidden_layers": LAYERS,
                "num_attention_heads": HEADS,
                "num_key_value_heads": HEADS,
                "max_position_embeddings": 256,
                "bos_token_id": 0,
                "eos_token_id": 1,
                "tie_word_embeddings": False,
            }
        )
    )
    _write_weights(folder / "model.safetensors", vocabulary, inner, is_broken=is_broken)
    return folder


def _write_tokenizer(folder: Path) -> int:
    """Writes a tokenizer of bytes, and returns the size of its vocabulary."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: 2 + place for place, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": "<s>",
                "eos_token": "</s>",
                "chat_template": TEMPLATE,
            }
        )
    )
    return tokenizer.get_vocab_size()


def _write_weights(path: Path, vocabulary: int, inner: int, *, is_broken: bool) -> None:
    """Writes a safetensors file: length of the header, header, numbers (https://github.com/huggingface/safetensors)."""
    shapes = {"model.embed_tokens.weight": (vocabulary, HIDDEN), "lm_head.weight": (vocabulary, HIDDEN)}
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        shapes |= {f"{name}.self_attn.{part}_proj.weight": (HIDDEN, HIDDEN) for part in "qkvo"}
        shapes |= {f"{name}.mlp.{part}_proj.weight": (inner, HIDDEN) for part in ("gate", "up")}
        shapes |= {f"{name}.mlp.down_proj.weight": (HIDDEN, inner)}
        shapes |= {f"{name}.{part}_layernorm.weight": (HIDDEN,) for part in ("input", "post_attention")}
    shapes |= {"model.norm.weight": (HIDDEN,)}
    chance = random.Random(0)
    header, content = {}, array.array("f")
    for name, shape in shapes.items():
        begin = len(content) * content.itemsize
        count = math.prod(shape)
        if is_broken:
            content.extend([math.nan] * count)
        elif "norm" in name or inner != INNER:
            content.extend([1.0] * count)
        else:
            content.extend(chance.gauss(0, 0.05) for _ in range(count))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": (begin, len(content) * content.itemsize)}
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + content.tobytes())


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights."""
    return make_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def broken_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose weights are no numbers."""
    return make_llama(tmp_path_factory.mktemp("models") / "broken", is_broken=True)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def catalog(request: pytest.FixtureRequest) -> Iterator[Catalog]:
    """An empty catalog."""
    if request.param == "fake":
        yield FakeCatalog()
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    database.migrate()
    yield SqlCatalog(database)
    database.close()
