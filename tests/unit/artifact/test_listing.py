"""What the listing alone gives away."""

from dataclasses import replace

import pytest
from tests.unit.artifact.models import healthy, ids, only

from outcrop.artifact.examine import examine
from outcrop.artifact.finding import Severity
from outcrop.artifact.snapshot import READ_WHOLE


@pytest.mark.parametrize("path", ["../evil", "/etc/x", "a\\b", "a\0b", "x/../../y", "a//b", "a\u202eb"])
def test_paths_that_play_tricks_are_refused(path: str) -> None:
    """Whatever the file is: nobody names an honest file so."""
    report = healthy().having({path: b"x"}).examined()

    assert ids(report) == {"path.unsafe"}
    assert all(finding.file.isprintable() for finding in report.findings)


def test_files_that_some_file_systems_join_are_refused() -> None:
    """Which of the two would be read is anyone's guess."""
    assert ids(healthy().having({"Config.json": b"{}"}).examined()) == {"path.collision"}


def test_files_that_nobody_reads_may_collide() -> None:
    """They are not copied."""
    assert healthy().having({"README.md": b"", "readme.md": b""}).examined().findings == ()


@pytest.mark.parametrize("path", sorted(set(READ_WHOLE) - {"config.json", "adapter_config.json"}))
def test_small_files_that_are_large_are_refused_unread(path: str) -> None:
    """Reading is bounded for each of them."""
    model = replace(healthy(), sizes={path: READ_WHOLE[path] + 1})

    assert "file.too_large" in ids(model.examined())


def test_a_file_that_ended_early_is_told() -> None:
    """With the bytes that there are."""
    snapshot = replace(healthy().snapshot(), present={"tokenizer_config.json": 7})

    found = only(examine(snapshot), "file.cut_short")

    assert (found.file, found.actual) == ("tokenizer_config.json", "7 bytes")


def test_weights_that_ended_early_are_cut_short_by_their_header() -> None:
    """One cause, one finding."""
    snapshot = replace(healthy().snapshot(), present={"model.safetensors": 3000})

    assert ids(examine(snapshot)) == {"weights.truncated"}


@pytest.mark.parametrize(
    "data", [b"\x80\x04.", b"PK\x03\x04", b"<html>", b"version https://git-lfs.github.com/spec/v1"]
)
def test_files_that_are_copied_unread_are_known_by_their_content(data: bytes) -> None:
    """A pickle is a pickle under any name."""
    assert ids(healthy().having({"tokenizer.model": data}).examined()) == {"file.wrong_content"}


def test_program_code_is_a_warning() -> None:
    """It is never copied; without auto_map nothing asks for it."""
    report = healthy().having({"modeling_x.py": b"import os"}).examined()

    assert ids(report) == {"source.code"}
    assert report.is_importable("bedrock")


def test_the_metal_folder_is_an_error_for_bedrock() -> None:
    """SPEC F10."""
    found = only(healthy().having({"metal/model.bin": b"x"}).examined(), "source.metal_folder")

    assert (found.outcrop, found.bedrock) == (Severity.NOTE, Severity.ERROR)


@pytest.mark.parametrize(
    "path", ["README.md", ".gitattributes", "LICENSE", "original/consolidated.00.pth", ".cache/x/y", "a/"]
)
def test_stray_files_are_no_findings(path: str) -> None:
    """SPEC 4.2.11."""
    assert healthy().having({path: b""}).examined().findings == ()
