"""The index against the shards, in both directions."""

import json
from typing import Any

from tests.unit.artifact.models import Model, framed, ids, only, sharded

FIRST, SECOND, INDEX = (
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
)


def reindexed(change: Any) -> Model:
    """The sharded model with a changed index."""
    model = sharded()
    index = json.loads(model.files[INDEX])
    change(index)
    return model.having({INDEX: json.dumps(index).encode()})


def test_a_complete_model_has_no_findings() -> None:
    """Both directions agree."""
    assert sharded().examined().findings == ()


def test_a_tensor_that_its_shard_does_not_hold_is_told_with_its_place() -> None:
    """The index points to the wrong one of the two."""

    def change(index: Any) -> None:
        index["weight_map"]["model.norm.weight"] = FIRST

    found = only(reindexed(change).examined(), "index.tensor_not_in_shard")

    assert found.file == INDEX
    assert f'"{FIRST}"' in found.message
    assert f'it is in "{SECOND}"' in found.message


def test_a_tensor_that_no_shard_holds_is_told_by_index_and_table() -> None:
    """What the index invents is in none of the shards."""

    def change(index: Any) -> None:
        index["weight_map"]["invented"] = FIRST

    assert "none of the shards" in only(reindexed(change).examined(), "index.tensor_not_in_shard").message


def test_a_tensor_that_the_index_does_not_list_is_told() -> None:
    """The other direction."""

    def change(index: Any) -> None:
        del index["weight_map"]["model.norm.weight"]

    found = only(reindexed(change).examined(), "index.tensor_not_listed")

    assert found.file == SECOND
    assert '"model.norm.weight"' in found.message


def test_a_tensor_in_two_shards_is_told() -> None:
    """Which of them is read is anyone's guess."""
    model = sharded()
    again = model.having({FIRST: model.files[SECOND]})

    assert "index.tensor_in_two_shards" in ids(again.examined())


def test_a_wrong_total_size_is_a_warning() -> None:
    """No reader uses it, but it can mean that a shard is of another export."""
    report = sharded(total_size=1).examined()

    assert ids(report) == {"index.total_size"}
    assert report.is_importable("bedrock")


def test_tensors_of_a_missing_shard_are_not_told_again() -> None:
    """One cause, one finding: the shard."""
    assert ids(sharded().without(SECOND).examined()) == {"index.shard_missing"}


def test_tensors_of_an_unreadable_shard_are_not_told_again() -> None:
    """One cause, one finding: the header."""
    assert ids(sharded().having({SECOND: framed(b"{]", 0)}).examined()) == {"weights.header_not_json"}
