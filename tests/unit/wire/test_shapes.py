"""Copies of botocore's shapes."""

import pytest
from botocore.model import ShapeResolver

from outcrop.errors import SettingError
from outcrop.wire.shapes import Kind, Shape, read_shape


def _read(shapes: dict, name: str) -> Shape:
    return read_shape(ShapeResolver(shapes).get_shape_by_name(name))


def test_shapes_that_hold_themselves_are_refused() -> None:
    """Copying a shape that contains itself would never end, so start-up stops and says why."""
    shapes = {"Tree": {"type": "structure", "members": {"child": {"shape": "Tree"}}}}

    with pytest.raises(SettingError, match="nests Tree in itself"):
        _read(shapes, "Tree")


def test_times_in_another_format_are_refused() -> None:
    """Times would be written wrongly if a later model stated another format than ISO 8601."""
    shapes = {"When": {"type": "timestamp", "timestampFormat": "rfc822"}}

    with pytest.raises(SettingError, match="When"):
        _read(shapes, "When")


def test_sensitivity_reaches_everything_inside() -> None:
    """What is inside a sensitive shape is as secret as the shape."""
    shapes = {
        "Box": {"type": "structure", "sensitive": True, "members": {"name": {"shape": "Name"}}},
        "Name": {"type": "string"},
    }

    assert _read(shapes, "Box").members[0].shape.is_sensitive


def test_doubles_are_floats() -> None:
    """JSON knows one kind of decimal number."""
    assert _read({"Number": {"type": "double"}}, "Number").kind is Kind.FLOAT
