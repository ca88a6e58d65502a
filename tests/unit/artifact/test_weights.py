"""All weights together: what one rule after the other makes of them."""

import pytest
from tests.unit.artifact.models import healthy, ids, sharded

from outcrop.artifact import weights


def test_a_model_knows_its_size_and_what_is_lost() -> None:
    """Bytes of the files; tensors of a shard that is not there."""
    model = sharded()

    judged = weights.judge_weights(model.snapshot(), model_type="llama")
    without_second = weights.judge_weights(
        model.without("model-00002-of-00002.safetensors").snapshot(), model_type="llama"
    )

    assert judged.value is not None
    assert judged.value.size_bytes == sum(len(data) for path, data in model.files.items() if path.endswith("ensors"))
    assert judged.value.lost == frozenset()
    assert without_second.value is not None
    assert "model.norm.weight" in without_second.value.lost


def test_when_no_file_can_be_read_there_is_nothing_to_hold_against_a_table() -> None:
    """One finding, not one for every tensor."""
    assert ids(healthy().having({"model.safetensors": b"GGUF"}).examined()) == {"weights.not_safetensors"}


def test_more_tensors_than_any_model_has_are_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading stops at the file that is one too many."""
    monkeypatch.setattr(weights, "MOST_TENSORS", 5)

    assert ids(healthy().examined()) == {"weights.too_many_tensors"}
