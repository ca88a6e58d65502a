"""Configurations and tokenizers that ask for code, or for more than there is."""

from __future__ import annotations

import json

from tests.hostile.case import case, configured
from tests.unit.artifact.models import CONFIG, Model, healthy, shapes_of, tokenizer, tokenizer_config
from tests.unit.artifact.mutations import weights_file


@case("a config asks for the model's own code", "config.remote_code")
def _() -> Model:
    return (
        healthy().configured(auto_map={"AutoModelForCausalLM": "evil--repo.modeling.Evil"}).having({"modeling.py": b""})
    )


@case("a tokenizer asks for the model's own code", "config.remote_code")
def _() -> Model:
    config = tokenizer_config(auto_map={"AutoTokenizer": ["tok.Evil", None]})
    return healthy().having({"tokenizer_config.json": config})


@case("a config stands for a billion tensors", "config.wrong_member")
def _() -> Model:
    return healthy().configured(num_hidden_layers=10**9)


@case("a config stands for as many tensors as it may", "config.too_many_tensors")
def _() -> Model:
    return healthy().configured(
        architectures=["MixtralForCausalLM"], model_type="mixtral", num_hidden_layers=1000, num_local_experts=1024
    )


@case("a config has sizes of a thousand digits", "config.wrong_member")
def _() -> Model:
    return healthy().configured(hidden_size=10**1000, max_position_embeddings=10**4000)


@case("a config has a size of NaN", "file.not_json")
def _() -> Model:
    return configured(b'{"architectures": ["LlamaForCausalLM"], "hidden_size": NaN}')


@case("a config has infinite sizes", "config.wrong_member")
def _() -> Model:
    return configured(json.dumps(CONFIG).encode()[:-1] + b', "hidden_size": 1e999}')


@case("a config is nested without end", "file.not_json")
def _() -> Model:
    return configured(b'{"a":' * 300_000)


@case("a config of 2 MB is all brackets", "file.not_json")
def _() -> Model:
    return configured(b'{"a":[' + b"[]," * 600_000 + b"0]}")


@case("a config of a terabyte", "file.too_large")
def _() -> Model:
    return Model({**healthy().files}, {"config.json": 10**12})


@case("a config is in another encoding", "file.not_json")
def _() -> Model:
    return configured(json.dumps(CONFIG).encode("utf-16"))


@case("an architecture writes to the terminal", "architecture.unsupported")
def _() -> Model:
    return healthy().configured(architectures=["\x1b[31mLlamaForCausalLM\u202e\ud800" * 1000])


@case("divisions by nothing in a config", "config.wrong_member")
def _() -> Model:
    return healthy().configured(num_attention_heads=0, num_key_value_heads=0)


# --- tokenizers -----------------------------------------------------------------------------------------------------


@case("a tokenizer makes its library panic", "tokenizer.unreadable")
def _() -> Model:
    document = json.loads(tokenizer())
    document["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "////"}
    return healthy().having({"tokenizer.json": json.dumps(document).encode()})


@case("a tokenizer is nested without end", "tokenizer.unreadable")
def _() -> Model:
    return healthy().having({"tokenizer.json": b'{"model":' + b"[" * 10**4})


@case("a token has the id 2^32 - 1", "tokenizer.vocabulary_too_large")
def _() -> Model:
    document = json.loads(tokenizer())
    document["model"]["vocab"]["x"] = 2**32 - 1
    return healthy().having({"tokenizer.json": json.dumps(document).encode()})


@case("a tokenizer of a model of 20 words has 100,000 components", "tokenizer.too_many_values")
def _() -> Model:
    document = json.loads(tokenizer())
    document["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 10**5}
    return healthy().having({"tokenizer.json": json.dumps(document).encode()})


@case("a tokenizer of a model of 20 words has 200,000 words", "tokenizer.too_many_values")
def _() -> Model:
    return healthy().having({"tokenizer.json": tokenizer(200_000)})


def vast(words: int) -> Model:
    """A model that claims rows for so many words, so that a tokenizer of as many is its own."""
    model = healthy().configured(vocab_size=words)
    head, size = weights_file(
        {name: ("BF16", shape) for name, shape in shapes_of({**CONFIG, "vocab_size": words}).items()}
    )
    return Model({**model.files, "model.safetensors": head}, {"model.safetensors": size})


@case("a tokenizer of three million words is that of its model", "tokenizer.too_many_values")
def _() -> Model:
    words = b'"w":1,' * 2_500_000
    return vast(3_000_000).having({"tokenizer.json": b'{"model":{"type":"WordLevel","vocab":{' + words + b'"x":0}}}'})


@case("a tokenizer merges the same two letters a million times", "tokenizer.too_many_values")
def _() -> Model:
    document = json.loads(tokenizer())
    document["model"] = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]] * 10**6}
    return vast(10**6).having({"tokenizer.json": json.dumps(document).encode()})


@case("a token has thirty megabytes", "tokenizer.too_many_values")
def _() -> Model:
    document = json.loads(tokenizer())
    document["model"]["vocab"]["x" * 30_000_000] = 20
    return vast(10**6).having({"tokenizer.json": json.dumps(document).encode()})


@case("a tokenizer has sixty megabytes of blanks", "file.too_large")
def _() -> Model:
    return healthy().having({"tokenizer.json": tokenizer() + b" " * 60_000_000})
