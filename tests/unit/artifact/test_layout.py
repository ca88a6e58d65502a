"""Which weights files make up a model."""

import json

import pytest
from tests.unit.artifact.models import Model, healthy, sharded

from outcrop.artifact.finding import Severity
from outcrop.artifact.layout import judge_layout
from outcrop.artifact.snapshot import MOST_WEIGHT_FILES, ModelSnapshot

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def files_of(model: Model) -> tuple[str, ...]:
    """The files that hold the model."""
    judged = judge_layout(model.snapshot(), model_type="llama")
    assert judged.value is not None
    return judged.value.files


def found_in(model: Model) -> list[str]:
    """What is found about the layout."""
    return [found.id for found in judge_layout(model.snapshot(), model_type="llama").findings]


def test_a_single_file_is_the_model() -> None:
    """model.safetensors needs no index."""
    assert files_of(healthy()) == ("model.safetensors",)
    assert found_in(healthy()) == []


def test_the_index_names_the_shards() -> None:
    """Those that it names, in order, and nothing else."""
    assert files_of(sharded()) == (FIRST, SECOND)
    assert found_in(sharded()) == []


def test_a_shard_that_is_not_there_is_named() -> None:
    """With the number of tensors that go with it."""
    judged = judge_layout(sharded().without(SECOND).snapshot(), model_type="llama")

    (found,) = judged.findings
    assert (found.id, found.file) == ("index.shard_missing", "model.safetensors.index.json")
    assert SECOND in found.message
    assert "tensors" in found.message
    assert judged.value is not None
    assert judged.value.missing == {SECOND}


def test_shards_without_an_index_are_refused() -> None:
    """AWS fails on them (SPEC F11), and transformers does not find them."""
    model = sharded().without("model.safetensors.index.json")

    assert found_in(model) == ["index.missing"]


def test_one_lone_shard_needs_its_index_too() -> None:
    """Its name says that it is one of two."""
    assert found_in(sharded().without("model.safetensors.index.json", SECOND)) == ["index.missing"]


def test_a_single_file_of_another_name_is_told() -> None:
    """The cure is a rename."""
    model = healthy()
    renamed = model.without("model.safetensors").having({"my.safetensors": model.files["model.safetensors"]})

    judged = judge_layout(renamed.snapshot(), model_type="llama")

    assert [found.id for found in judged.findings] == ["weights.misnamed"]
    assert "model.safetensors" in judged.findings[0].cure


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "consolidated.safetensors", "model.fp16.safetensors"])
def test_files_that_only_lie_beside_are_no_model(name: str) -> None:
    """An adapter, another layout, a variant: alone they are refused, beside a model they are a note."""
    data = healthy().files["model.safetensors"]

    assert found_in(healthy().without("model.safetensors").having({name: data})) == ["weights.misnamed"]
    assert found_in(healthy().having({name: data})) == ["weights.beside"]
    assert files_of(healthy().having({name: data})) == ("model.safetensors",)


def test_two_sets_of_weights_are_ambiguous() -> None:
    """One engine takes the single file, another what the index names."""
    model = sharded().having({"model.safetensors": healthy().files["model.safetensors"]})

    assert found_in(model) == ["weights.ambiguous"]


def test_a_shard_that_no_index_names_is_passed_over_with_a_warning() -> None:
    """It may be a leftover, or the index may be one."""
    model = sharded().having({"model-00003-of-00003.safetensors": b"x"})

    judged = judge_layout(model.snapshot(), model_type="llama")

    assert [(found.id, found.outcrop) for found in judged.findings] == [("weights.unused", Severity.WARNING)]
    assert files_of(model) == (FIRST, SECOND)


def test_thousands_of_weights_files_are_not_read() -> None:
    """The number of reads is bounded."""
    sizes = {f"{number}.safetensors": 10 for number in range(MOST_WEIGHT_FILES + 1)}

    judged = judge_layout(ModelSnapshot(sizes=sizes), model_type=None)

    assert [found.id for found in judged.findings] == ["weights.too_many_files"]


def test_an_index_that_was_too_large_to_read_has_no_second_finding() -> None:
    """The listing tells its size."""
    judged = judge_layout(ModelSnapshot(sizes={"model.safetensors.index.json": 10**9, FIRST: 10}), model_type=None)

    assert judged.value is None
    assert judged.findings == ()


def test_an_index_may_name_a_file_as_it_likes() -> None:
    """Only the index's word counts, not the pattern of the name."""
    model = healthy()
    index = {"metadata": {}, "weight_map": {"x": "weights.safetensors"}}
    named = model.without("model.safetensors").having(
        {"weights.safetensors": b"", "model.safetensors.index.json": json.dumps(index).encode()}
    )

    assert files_of(named) == ("weights.safetensors",)
