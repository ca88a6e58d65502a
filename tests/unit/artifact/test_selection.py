"""Which files are copied."""

import pytest
from tests.unit.artifact.models import healthy, sharded

from outcrop.artifact.selection import select

SMALL = ("chat_template.jinja", "config.json", "tokenizer.json", "tokenizer_config.json")


def test_a_model_is_taken_whole() -> None:
    """Weights, configuration, tokenizer, template; in order."""
    assert select(healthy().snapshot()).taken == (
        "chat_template.jinja",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    )


def test_a_sharded_model_is_taken_with_its_index() -> None:
    """Exactly the shards that the index names."""
    model = sharded().having({"model-00003-of-00003.safetensors": b"x", "consolidated.safetensors": b"x"})

    selection = select(model.snapshot())

    assert [path for path in selection.taken if path not in SMALL] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]
    assert selection.ignored == {
        "model-00003-of-00003.safetensors": "the index does not name it",
        "consolidated.safetensors": "it holds the weights in their maker's own layout",
    }


@pytest.mark.parametrize(
    "path",
    [
        "tokenizer.model",
        "spiece.model",
        "vocab.json",
        "merges.txt",
        "vocab.txt",
        "special_tokens_map.json",
        "added_tokens.json",
        "generation_config.json",
        "chat_template.json",
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
    ],
)
def test_every_file_that_readers_ask_for_is_taken(path: str) -> None:
    """By exact name, at the top level."""
    assert path in select(healthy().having({path: b"{}"}).snapshot()).taken
    assert f"sub/{path}" in select(healthy().having({f"sub/{path}": b"{}"}).snapshot()).ignored


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("README.md", "no reader asks for it"),
        (".gitattributes", "no reader asks for it"),
        ("picture.png", "no reader asks for it"),
        ("modeling.py", "program code is never copied"),
        ("pytorch_model.bin", "pickles are never copied"),
        ("optimizer.pt", "pickles are never copied"),
        ("trainer_state.json", "the state of a training"),
        ("model.gguf", "weights in a format that is not read here"),
        ("model.tar.gz", "archives are not unpacked"),
        ("adapter_config.json", "adapters are not applied"),
        ("metal/model.bin", "GPT-OSS's weights for another program"),
        ("original/params.json", "the weights in their maker's own layout"),
        (".cache/huggingface/x", "a download's cache"),
        ("checkpoint-500/model.safetensors", "a checkpoint of training"),
        ("images/a.png", "files in folders are not part of the model"),
        ("folder/", "files in folders are not part of the model"),
    ],
)
def test_everything_else_is_ignored_for_a_reason(path: str, reason: str) -> None:
    """The reason can be shown."""
    assert select(healthy().having({path: b""}).snapshot()).ignored[path] == reason


@pytest.mark.parametrize("path", ["../config.json", "a\\b", "/config.json", "a\0"])
def test_tricks_are_refused(path: str) -> None:
    """Neither taken nor merely ignored."""
    selection = select(healthy().having({path: b""}).snapshot())

    assert path in selection.refused
    assert path not in selection.taken
    assert path not in selection.ignored


def test_without_weights_there_is_still_a_decision_about_every_file() -> None:
    """For the report of a model that is not imported."""
    model = healthy().without("model.safetensors").having({"../x": b"", "y": b""})
    selection = select(model.snapshot())

    assert {*selection.taken, *selection.ignored, *selection.refused} == set(model.files)


def test_a_report_tells_what_becomes_of_each_file() -> None:
    """As docs/report.md has it: what it is of the model, why it is left out, which trick it plays."""
    told = select(healthy().having({"README.md": b"x", "../up.txt": b"x"}).snapshot()).to_json()

    assert told == {
        "taken": {
            "chat_template.jinja": "chat template",
            "config.json": "configuration",
            "model.safetensors": "weights",
            "tokenizer.json": "tokenizer",
            "tokenizer_config.json": "tokenizer",
        },
        "taken_omitted": 0,
        "ignored": {"README.md": "no reader asks for it"},
        "ignored_omitted": 0,
        "refused": {"../up.txt": 'it has a segment "." or ".."'},
        "refused_omitted": 0,
    }


def test_thousands_of_files_are_counted() -> None:
    """A prefix may hold whatever its owner put there."""
    told = select(healthy().having({f"logs/{number}.txt": b"x" for number in range(3000)}).snapshot()).to_json()

    assert len(told["ignored"]) == 50  # type: ignore[arg-type]  # a mapping
    assert told["ignored_omitted"] == 2950
