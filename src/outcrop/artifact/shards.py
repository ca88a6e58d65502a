"""Whether the index and the shards agree, in both directions. Pure."""

from collections.abc import Iterator, Mapping

from outcrop.artifact.finding import Finding, Kind, error, warning
from outcrop.artifact.index import INDEX, REINDEX, Index
from outcrop.artifact.layout import Layout
from outcrop.artifact.safetensors import Header
from outcrop.artifact.wording import quoted, size

MOST_NAMED = 100
"""Tensors that are named of each kind of trouble; a report lists fewer still."""

NOT_IN_SHARD = error("index.tensor_not_in_shard")
"""The index places a tensor in a shard that does not hold it. Do: save the model again, or download all of it."""
NOT_LISTED = error("index.tensor_not_listed")
"""A shard holds a tensor that the index does not list. Do: save the model again, or download all of it."""
IN_TWO_SHARDS = error("index.tensor_in_two_shards")
"""Two shards hold the same tensor. Do: save the model again, or download all of it."""
TOTAL_SIZE = warning("index.total_size")
"""The index's total_size is not the size of the tensors. Do: check that all shards are of one export."""


def judge_shards(layout: Layout, headers: Mapping[str, Header]) -> Iterator[Finding]:
    """Compares the index with the headers; shards that are missing or could not be read have their own findings."""
    index = layout.index
    if index is None:
        return
    places: dict[str, str] = {}
    twice: list[tuple[str, str]] = []
    for file, header in headers.items():
        twice.extend((tensor, file) for tensor in header.tensors if places.setdefault(tensor, file) != file)
    for tensor, file in twice[:MOST_NAMED]:
        message = f"holds tensor {quoted(tensor)}, and so does {quoted(places[tensor])}."
        yield IN_TWO_SHARDS.found(file, message, cure=REINDEX)
    yield from _rest(IN_TWO_SHARDS, len(twice), "leaves in two shards")
    yield from _judge_listed(index, headers, places)
    unlisted = [tensor for tensor in places if tensor not in index.weight_map]
    for tensor in unlisted[:MOST_NAMED]:
        message = f"holds tensor {quoted(tensor)}, which {INDEX} does not list."
        yield NOT_LISTED.found(places[tensor], message, cure=REINDEX, expected=INDEX)
    yield from _rest(NOT_LISTED, len(unlisted), "does not list")
    if len(headers) == len(layout.files) and not layout.missing:
        yield from _judge_total(index, headers)


def _judge_listed(index: Index, headers: Mapping[str, Header], places: Mapping[str, str]) -> Iterator[Finding]:
    misplaced = [
        (tensor, file)
        for tensor, file in index.weight_map.items()
        if file in headers and tensor not in headers[file].tensors
    ]
    for tensor, file in misplaced[:MOST_NAMED]:
        elsewhere = f"it is in {quoted(places[tensor])}" if tensor in places else "it is in none of the shards"
        yield NOT_IN_SHARD.found(
            INDEX,
            f"places tensor {quoted(tensor)} in {quoted(file)}, which does not hold it; {elsewhere}.",
            cure=REINDEX,
            expected=file,
            actual=places.get(tensor),
        )
    yield from _rest(NOT_IN_SHARD, len(misplaced), "misplaces")


def _rest(kind: Kind, count: int, verb: str) -> Iterator[Finding]:
    """Tells how many more there are than were named."""
    if count > MOST_NAMED:
        yield kind.found(
            INDEX, f"{verb} {count - MOST_NAMED:,} more tensors besides those that are named.", cure=REINDEX
        )


def _judge_total(index: Index, headers: Mapping[str, Header]) -> Iterator[Finding]:
    total = sum(tensor.size_bytes for header in headers.values() for tensor in header.tensors.values())
    if index.total_size is not None and index.total_size != total:
        yield TOTAL_SIZE.found(
            INDEX,
            f"gives a total_size of {size(index.total_size)}; the tensors have {size(total)}.",
            cure="Correct total_size, or leave it out; check that no shard is of another export.",
            expected=str(total),
            actual=str(index.total_size),
        )
