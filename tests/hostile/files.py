"""Files that are not what their names say, indexes that lead astray, keys that climb."""

from __future__ import annotations

from tests.hostile.case import FIRST, INDEX, case, indexed, weighing
from tests.unit.artifact.models import Model, healthy, sharded


@case("a pickle is renamed", "weights.not_safetensors")
def _() -> Model:
    return weighing(b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.")


@case("torch.save's archive is renamed", "weights.not_safetensors")
def _() -> Model:
    return weighing(b"PK\x03\x04" + bytes(200))


@case("a GGUF file is renamed", "weights.not_safetensors")
def _() -> Model:
    return weighing(b"GGUF\x03\x00\x00\x00" + bytes(200))


@case("a web page was saved as weights", "weights.not_safetensors")
def _() -> Model:
    return weighing(b"<!DOCTYPE html><html>Access denied</html>")


@case("a pickle is renamed to a vocabulary", "file.wrong_content")
def _() -> Model:
    return healthy().having({"tokenizer.model": b"\x80\x04\x95."})


@case("a pickle has a header's brace in the ninth place", "weights.header_too_large")
def _() -> Model:
    return weighing(b"\x80\x04\x95\x1d\x00\x00\x00\x00{" + bytes(200))


# --- indexes --------------------------------------------------------------------------------------------------------


@case("an index claims a billion entries", "file.too_large")
def _() -> Model:
    return Model({**sharded().files, INDEX: b'{"weight_map":{'}, {INDEX: 60 * 10**9})


@case("an index of 15 MB maps two million tensors", "index.malformed")
def _() -> Model:
    return indexed(b'{"metadata":{},"weight_map":{' + b",".join(b'"%d":""' % n for n in range(1_300_000)) + b"}}")


@case("an index climbs out of the model", "index.unsafe_path")
def _() -> Model:
    return indexed({"metadata": {}, "weight_map": {"a": "../../etc/passwd", "b": FIRST}})


@case("an index names an absolute path", "index.unsafe_path")
def _() -> Model:
    return indexed({"metadata": {}, "weight_map": {"a": "/dev/zero"}})


@case("an index names a pickle", "index.unsafe_path")
def _() -> Model:
    return indexed({"metadata": {}, "weight_map": {"a": "pytorch_model.bin"}}).having(
        {"pytorch_model.bin": b"\x80\x02"}
    )


@case("an index names a file with a NUL", "index.unsafe_path")
def _() -> Model:
    return indexed({"metadata": {}, "weight_map": {"a": "model.safetensors\0.txt"}})


@case("an index names a tensor twice", "index.duplicate_tensor")
def _() -> Model:
    return indexed(b'{"metadata":{},"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}')


@case("an index is nested without end", "index.malformed")
def _() -> Model:
    return indexed(b'{"weight_map":' + b"[" * 10**6)


@case("two shards hold the same tensor", "index.tensor_in_two_shards")
def _() -> Model:
    model = sharded()
    return model.having({FIRST: model.files["model-00002-of-00002.safetensors"]})


# --- paths ----------------------------------------------------------------------------------------------------------


@case("a key climbs out of the model", "path.unsafe")
def _() -> Model:
    return healthy().having({"../../root/.ssh/authorized_keys": b"x"})


@case("a key is an absolute path", "path.unsafe")
def _() -> Model:
    return healthy().having({"/etc/cron.d/x": b"x"})


@case("a key is a path of another system", "path.unsafe")
def _() -> Model:
    return healthy().having({"..\\..\\config.json": b"x"})


@case("a key holds a NUL", "path.unsafe")
def _() -> Model:
    return healthy().having({"config.json\0.png": b"x"})


@case("a key turns its letters round", "path.unsafe")
def _() -> Model:
    return healthy().having({"\u202enosj.gifnoc": b"x"})


@case("a key has a kilobyte", "path.unsafe")
def _() -> Model:
    return healthy().having({"a/" * 500 + "b": b"x"})


@case("two keys differ in case only", "path.collision")
def _() -> Model:
    return healthy().having({"MODEL.safetensors": b"x"})


@case("two keys differ in Unicode form only", "path.collision")
def _() -> Model:
    return healthy().having({"\uff43onfig.json": b"x"})


@case("a look-alike stands in for config.json", "config.missing")
def _() -> Model:
    model = healthy()
    return model.without("config.json").having({"\u0441onfig.json": model.files["config.json"]})


@case("ten thousand weights files", "weights.too_many_files")
def _() -> Model:
    return healthy().having({f"{number}.safetensors": b"" for number in range(10_000)})
