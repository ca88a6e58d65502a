"""A ByteSink that keeps everything: for reads that are small."""


class Whole:
    """Memory for a range of known size."""

    def __init__(self, size_bytes: int) -> None:
        self.data = memoryview(bytearray(size_bytes))
        self._done = 0

    def room(self) -> memoryview:
        """Returns what is not filled yet."""
        return self.data[self._done :]

    def received(self, count: int) -> None:
        """Says that more is filled."""
        self._done += count
