"""The index by itself."""

import json
from typing import Any

import pytest

from outcrop.artifact.finding import Severity
from outcrop.artifact.index import judge_index

SHARD = "model-00001-of-00002.safetensors"


def judged(document: Any, model_type: str = "llama") -> Any:
    """Judges an index given as JSON."""
    return judge_index(json.dumps(document).encode(), model_type=model_type)


def test_a_sound_index_gives_its_map() -> None:
    """Tensor by tensor, with the size that it gives."""
    found = judged({"metadata": {"total_size": 6}, "weight_map": {"a": SHARD}})

    assert found.findings == ()
    assert found.value.weight_map == {"a": SHARD}
    assert found.value.files == [SHARD]
    assert found.value.total_size == 6


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], "index.malformed"),
        ({"metadata": {}}, "index.malformed"),
        ({"metadata": {}, "weight_map": {}}, "index.malformed"),
        ({"metadata": {}, "weight_map": [SHARD]}, "index.malformed"),
        ({"metadata": {}, "weight_map": {"a": 1}}, "index.malformed"),
        ({"metadata": {}, "weight_map": {"a": None}}, "index.malformed"),
        ({"metadata": {}, "weight_map": {"a": "../a.safetensors"}}, "index.unsafe_path"),
        ({"metadata": {}, "weight_map": {"a": "/a.safetensors"}}, "index.unsafe_path"),
        ({"metadata": {}, "weight_map": {"a": "x/a.safetensors"}}, "index.unsafe_path"),
        ({"metadata": {}, "weight_map": {"a": "a\\b.safetensors"}}, "index.unsafe_path"),
        ({"metadata": {}, "weight_map": {"a": "a\0.safetensors"}}, "index.unsafe_path"),
        ({"metadata": {}, "weight_map": {"a": ""}}, "index.unsafe_path"),
        ({"metadata": {}, "weight_map": {"a": "config.json"}}, "index.unsafe_path"),
        ({"metadata": {}, "weight_map": {"a": "pytorch_model.bin"}}, "index.unsafe_path"),
    ],
)
def test_an_index_that_cannot_be_followed_is_refused(document: Any, expected: str) -> None:
    """No part of it is used."""
    found = judged(document)

    assert found.value is None
    assert [finding.id for finding in found.findings] == [expected]


def test_a_tensor_that_is_listed_twice_is_refused() -> None:
    """Readers differ in which of the two they take."""
    data = f'{{"metadata": {{}}, "weight_map": {{"a": "{SHARD}", "a": "b.safetensors"}}}}'.encode()

    assert [finding.id for finding in judge_index(data, model_type=None).findings] == ["index.duplicate_tensor"]


@pytest.mark.parametrize("metadata", [None, 1, []])
def test_the_index_needs_metadata(metadata: Any) -> None:
    """SPEC 4.2.3, and transformers fails without it; the map can still be used."""
    found = judged({"metadata": metadata, "weight_map": {"a": SHARD}})

    assert [finding.id for finding in found.findings] == ["index.no_metadata"]
    assert found.value is not None


@pytest.mark.parametrize(("model_type", "severity"), [("gpt_oss", Severity.ERROR), ("llama", Severity.WARNING)])
def test_total_parameters_is_told_to_those_who_go_to_aws(model_type: str, severity: Severity) -> None:
    """SPEC F8: GPT-OSS imports fail on it; transformers 5 writes it for every model."""
    (finding,) = judged({"metadata": {"total_parameters": 1}, "weight_map": {"a": SHARD}}, model_type).findings

    assert finding.id == "index.extra_metadata"
    assert (finding.outcrop, finding.bedrock) == (Severity.NOTE, severity)
    assert '"total_parameters"' in finding.message
