"""The families' tables, held against what transformers 4.51.3 wrote: the version that AWS expects (SPEC 4.2.9).

golden/make_transformers_4_51_3.py says how the models were made. They need neither torch nor transformers here.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import pytest
from tests.unit.artifact.models import Model, healthy, ids, tokenizer
from tests.unit.artifact.mutations import INDEX, joined, mutations, resharded, shards_of, tensors_of, weights_file

from outcrop.artifact.architectures import FAMILIES
from outcrop.artifact.examine import examine

GOLDEN = json.loads((Path(__file__).parent / "golden" / "transformers-4.51.3.json").read_text())
SHARDED = [title for title, made in GOLDEN.items() if made["index"] is not None]


def saved(title: str) -> Model:
    """The files that transformers wrote, with zeros for weights, and a tokenizer."""
    made = GOLDEN[title]
    files = {"config.json": json.dumps(made["config"]).encode(), "tokenizer.json": tokenizer(40)}
    if made["index"] is not None:
        files[INDEX] = json.dumps(made["index"]).encode()
    for name, tensors in made["shards"].items():
        head, size = weights_file({tensor: (dtype, tuple(shape)) for tensor, (dtype, shape) in tensors.items()})
        files[name] = head + bytes(size - len(head))
    return healthy().without("config.json", "model.safetensors").having(files)


@pytest.mark.parametrize("title", GOLDEN)
def test_it_is_taken_without_a_word_by_both_profiles(title: str) -> None:
    """No tensor is missing, unexpected or misshapen, and every form is what AWS reads."""
    report = saved(title).examined()

    assert report.findings == ()
    assert report.facts is not None
    assert report.facts.parameters == sum(prod(shape) for _, shape in tensors_of(saved(title)).values())


@pytest.mark.parametrize("title", GOLDEN)
def test_every_single_change_of_a_tensor_is_caught_and_named(title: str) -> None:
    """Each tensor in each way, one at a time."""
    model = saved(title)

    for mutation in mutations(model):
        report = examine(joined(model, mutation.entries))

        (found,) = [found for found in report.findings if found.id == mutation.finding]
        assert f'"{mutation.tensor}"' in found.message
        assert not report.is_importable("outcrop")
        assert not report.is_importable("bedrock")


@pytest.mark.parametrize("title", SHARDED)
def test_every_tensor_that_index_and_shards_disagree_about_is_named(title: str) -> None:
    """Gone from its shard, gone from the index, in another shard than the index says, in two shards."""
    model = saved(title)
    shards, index = shards_of(model), GOLDEN[title]["index"]
    for file, entries in shards.items():
        other = next(name for name in shards if name != file)
        for tensor, entry in entries.items():
            rest = {name: kept for name, kept in entries.items() if name != tensor}
            map_without = {name: place for name, place in index["weight_map"].items() if name != tensor}
            changes = {
                "index.tensor_not_in_shard": (
                    {**shards, file: rest, other: {**shards[other], tensor: entry}},
                    index,
                ),
                # A shard whose only tensor is not listed is not listed either: then the tensor is missing.
                "index.tensor_not_listed" if rest else "tensor.missing": (shards, {**index, "weight_map": map_without}),
                "index.tensor_in_two_shards": ({**shards, other: {**shards[other], tensor: entry}}, index),
            }
            for identifier, (changed, listed) in changes.items():
                report = examine(resharded(model, changed, listed))

                assert identifier in ids(report)
                assert any(f'"{tensor}"' in found.message for found in report.findings if found.id == identifier)
                assert not report.is_importable("outcrop")


def test_every_family_of_that_version_is_among_them() -> None:
    """GPT-OSS came with a later one."""
    made = {model["config"]["architectures"][0] for model in GOLDEN.values()}

    assert made == {name for family in FAMILIES for name in family.architectures} - {"GptOssForCausalLM"}
