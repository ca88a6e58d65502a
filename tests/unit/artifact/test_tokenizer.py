"""The tokenizer: loads, fits, is of an accepted class."""

import json
from typing import Any

import pytest
from tests.unit.artifact.models import healthy, ids, only, tokenizer, tokenizer_config

from outcrop.artifact.finding import Severity


def test_a_tokenizer_that_does_not_load_is_told_with_the_librarys_words() -> None:
    """What the engines' own reader says is the best there is."""
    broken = json.loads(tokenizer())
    broken["model"]["type"] = "Unheard"

    found = only(healthy().having({"tokenizer.json": json.dumps(broken).encode()}).examined(), "tokenizer.unreadable")

    assert "tokenizers library" in found.message
    assert "ModelUntagged" in found.message


def test_a_panic_of_the_library_is_a_finding() -> None:
    """Rust panics come as a BaseException, which must not end the process."""
    broken = json.loads(tokenizer())
    broken["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}

    report = healthy().having({"tokenizer.json": json.dumps(broken).encode()}).examined()

    assert ids(report) == {"tokenizer.unreadable"}


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\x80\x04.", b"version https://git-lfs.github.com/spec/v1"])
def test_what_is_no_tokenizer_is_told(data: bytes) -> None:
    """Empty, of another form, a pickle, a pointer."""
    assert ids(healthy().having({"tokenizer.json": data}).examined()) == {"tokenizer.unreadable"}


def test_an_empty_vocabulary_is_told() -> None:
    """It loads, but knows no word."""
    empty = json.loads(tokenizer())
    empty["model"]["vocab"] = {}

    assert ids(healthy().having({"tokenizer.json": json.dumps(empty).encode()}).examined()) == {"tokenizer.unreadable"}


def test_no_tokenizer_at_all_is_an_error() -> None:
    """There is nothing to turn text into ids."""
    assert "tokenizer.missing" in ids(healthy().without("tokenizer.json").examined())


@pytest.mark.parametrize("files", [["tokenizer.model"], ["vocab.json", "merges.txt"], ["spiece.model"]])
def test_another_vocabulary_is_taken_here_with_a_warning(files: list[str]) -> None:
    """AWS's list of files has a tokenizer.json (SPEC 4.2.2); engines can make one."""
    model = healthy().without("tokenizer.json").having(dict.fromkeys(files, b"\n"))

    found = only(model.examined(), "tokenizer.slow_only")

    assert (found.outcrop, found.bedrock) == (Severity.WARNING, Severity.ERROR)


def test_a_missing_tokenizer_config_is_an_error_for_bedrock() -> None:
    """It is on AWS's list."""
    found = only(healthy().without("tokenizer_config.json").examined(), "tokenizer.config_missing")

    assert (found.outcrop, found.bedrock) == (Severity.WARNING, Severity.ERROR)


@pytest.mark.parametrize(
    ("special", "highest"), [({"<pad>": 20}, 20), ({"<a>": 20, "<b>": 21}, 21)], ids=["one more", "two more"]
)
def test_a_vocabulary_beyond_the_embeddings_is_an_error(special: dict[str, int], highest: int) -> None:
    """The classic: a padding token was added to the tokenizer, and not to the model."""
    found = only(
        healthy().having({"tokenizer.json": tokenizer(special=special)}).examined(), "tokenizer.vocabulary_too_large"
    )

    assert (found.expected, found.actual) == ("ids below 20", str(highest))


def test_tokens_of_the_config_count_too() -> None:
    """added_tokens_decoder adds what tokenizer.json does not have."""
    config = tokenizer_config(added_tokens_decoder={"25": {"content": "<x>"}, "0": {"content": "<s>"}})

    found = only(healthy().having({"tokenizer_config.json": config}).examined(), "tokenizer.vocabulary_too_large")

    assert (found.file, found.actual) == ("tokenizer_config.json", "25")


def test_a_smaller_vocabulary_is_fine() -> None:
    """Embeddings are padded to round numbers everywhere."""
    assert healthy().having({"tokenizer.json": tokenizer(15)}).examined().findings == ()


def test_a_special_token_that_nobody_learnt_is_a_warning() -> None:
    """Readers would add it with a new id."""
    config = tokenizer_config(pad_token={"content": "<pad>", "lstrip": False})

    found = only(healthy().having({"tokenizer_config.json": config}).examined(), "tokenizer.unknown_special_token")

    assert found.outcrop is Severity.WARNING
    assert '"<pad>" as "pad_token"' in found.message


def test_the_class_of_transformers_5_is_an_error_for_bedrock() -> None:
    """SPEC F6, with the edit that cures it."""
    config = tokenizer_config(tokenizer_class="TokenizersBackend")

    found = only(healthy().having({"tokenizer_config.json": config}).examined(), "tokenizer.newer_class")

    assert (found.outcrop, found.bedrock) == (Severity.NOTE, Severity.ERROR)
    assert '"tokenizer_class": "PreTrainedTokenizerFast"' in found.cure
    assert "LlamaTokenizerFast" in found.cure


@pytest.mark.parametrize("name", ["BloomTokenizerFast", "MyTokenizer", None, 7])
def test_classes_that_aws_does_not_list_are_errors_for_bedrock(name: Any) -> None:
    """SPEC 4.2.5."""
    found = only(
        healthy().having({"tokenizer_config.json": tokenizer_config(tokenizer_class=name)}).examined(),
        "tokenizer.class",
    )

    assert (found.outcrop, found.bedrock) == (Severity.NOTE, Severity.ERROR)


@pytest.mark.parametrize(
    "name",
    [
        "T5Tokenizer",
        "LlamaTokenizerFast",
        "CodeLlamaTokenizer",
        "GPT2Tokenizer",
        "GPTNeoXTokenizerFast",
        "Qwen2Tokenizer",
    ],
)
def test_listed_classes_are_fine(name: str) -> None:
    """With or without Fast, for any model."""
    config = tokenizer_config(tokenizer_class=name)

    assert healthy().having({"tokenizer_config.json": config}).examined().findings == ()


def test_a_list_of_extra_tokens_is_an_error_for_bedrock() -> None:
    """Version 5 writes a list where version 4 expects an object."""
    config = tokenizer_config(extra_special_tokens=["<x>"])

    found = only(healthy().having({"tokenizer_config.json": config}).examined(), "tokenizer.extra_special_tokens")

    assert found.bedrock is Severity.ERROR
    assert "additional_special_tokens" in found.cure


def test_a_tokenizer_with_code_is_refused() -> None:
    """auto_map again."""
    config = tokenizer_config(auto_map={"AutoTokenizer": ["tok.Mine", None]})

    assert only(healthy().having({"tokenizer_config.json": config}).examined(), "config.remote_code").file == (
        "tokenizer_config.json"
    )
