"""What is told when there is no model, but something else."""

import pytest
from tests.unit.artifact.models import Model, healthy, ids, only

CONFIG_FREE = healthy().without("config.json")
WEIGHT_FREE = healthy().without("model.safetensors")


def test_a_missing_config_is_told_in_awss_words() -> None:
    """SPEC 7.8.1: people search for the phrase."""
    report = CONFIG_FREE.examined()

    assert ids(report) == {"config.missing"}
    assert "could not find the expected file config.json" in report.summary()
    assert report.summary().startswith("config.json: ")


def test_an_empty_prefix_lacks_config_and_weights() -> None:
    """And nothing else is told of it."""
    assert ids(Model({"README.md": b"x"}).examined()) == {"config.missing", "weights.missing"}


def test_a_model_one_folder_further_down_is_pointed_to() -> None:
    """The prefix was one level too high."""
    nested = Model({f"llama/{path}": data for path, data in healthy().files.items()})

    found = only(nested.examined(), "config.missing")

    assert '"llama/config.json"' in found.message
    assert '"llama/"' in found.cure


@pytest.mark.parametrize("name", ["Config.json", "\u0441onfig.json", "config.json "])
def test_a_look_alike_is_pointed_to(name: str) -> None:
    """Another case, a Cyrillic letter, a space at the end."""
    found = only(CONFIG_FREE.having({name: b"{}"}).examined(), "config.missing")

    assert "is not it" in found.message
    assert "Rename" in found.cure


@pytest.mark.parametrize("name", ["model.tar.gz", "model.zip", "MODEL.TGZ"])
def test_an_archive_is_not_unpacked(name: str) -> None:
    """SPEC F5, 7.8.2: AWS looks for config.json below the archive's name."""
    report = Model({name: b"\x1f\x8b"}).examined()

    assert ids(report) == {"config.missing", "source.archive"}
    assert f"could not find the expected file {name}/config.json" in report.summary()


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth", "model.ckpt"]
)
def test_pickled_weights_alone_are_refused(name: str) -> None:
    """They can run code; the cure is a conversion."""
    found = only(WEIGHT_FREE.having({name: b"\x80\x02"}).examined(), "weights.pickle")

    assert found.file == name
    assert "safetensors" in found.cure


def test_pickled_weights_beside_safetensors_are_nobodys_business() -> None:
    """They are not copied."""
    assert healthy().having({"pytorch_model.bin": b"\x80\x02"}).examined().findings == ()


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("model-q4.gguf", "weights.gguf"),
        ("tf_model.h5", "weights.other_framework"),
        ("model.onnx", "weights.other_framework"),
    ],
)
def test_weights_in_other_formats_alone_are_refused(name: str, identifier: str) -> None:
    """SPEC F13; each with its cure."""
    assert ids(WEIGHT_FREE.having({name: b"x"}).examined()) == {identifier}


def test_weights_that_are_simply_not_there_are_told() -> None:
    """SPEC F4: a download that brought only the small files."""
    report = WEIGHT_FREE.examined()

    assert ids(report) == {"weights.missing"}
    assert report.facts is None


def test_an_adapter_without_its_model_is_refused() -> None:
    """SPEC F14: merge first; nothing else that an adapter lacks is told."""
    adapter = Model({"adapter_config.json": b"{}", "adapter_model.safetensors": b"x", "README.md": b"x"})

    assert ids(adapter.examined()) == {"config.missing", "source.adapter"}


def test_an_adapter_beside_a_model_is_a_warning() -> None:
    """It is not applied, which its owner may not expect."""
    report = healthy().having({"adapter_config.json": b"{}"}).examined()

    assert ids(report) == {"source.adapter_beside"}
    assert report.is_importable("bedrock")
