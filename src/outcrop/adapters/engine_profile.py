"""What tells one kind of engine from another: its command line, its environment and what it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outcrop.adapters.engine_architectures import Registry, known_architectures
from outcrop.errors import EngineError
from outcrop.records import JsonObject
from outcrop.serving.capabilities import Capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """A kind of engine that runs as a child process and speaks the OpenAI HTTP API on loopback."""

    capabilities: Capabilities
    command: str | None
    """Path of the engine's program; None when it was not found."""
    install: str
    """What an operator types to get the program."""
    distribution: str
    """The Python distribution whose version is the engine's."""
    registry: Registry | None = None
    """Where the engine lists the architectures that it runs; None: that cannot be told."""
    arguments: Callable[[str, int], Sequence[str]]
    """Makes the arguments from the model's folder, relative to the working folder, and the port."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that this kind gets besides those that every engine gets, unless the operator sets them."""
    cache_environment: Callable[[Path], Mapping[str, str]]
    """Makes the variables that let it keep in a folder what it compiles for a model."""
    body: JsonObject = field(default_factory=dict)
    """Members that every request of this kind has."""
    is_asked_by_stream: bool = False
    """Whether whole replies, too, are asked for as streams, and put together here (adapters/engine_whole.py)."""

    def program(self) -> str:
        """Returns the path of the engine's program. Raises EngineError, saying how to install it."""
        if self.command is None or not Path(self.command).is_file():
            missing = self.command or f"the engine ({self.capabilities.engine})"
            raise EngineError(f"{missing} is not installed; install it with: {self.install}")
        return self.command

    def architectures(self) -> frozenset[str]:
        """Returns the class names of the architectures that the installed engine runs; empty when it cannot be told."""
        return known_architectures(self.command, self.registry) if self.registry is not None else frozenset()

    @property
    def description(self) -> str:
        """Engine and version."""
        return f"{self.capabilities.engine} {installed_version(self.command, self.distribution)}"


def torch_caches(folder: Path) -> Mapping[str, str]:
    """Returns the variables of what lies under every engine: torch's compiler, Triton, and CUDA's own compiler."""
    return {
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "CUDA_CACHE_PATH": str(folder / "cuda"),
    }


def has_module(command: str | None, name: str) -> bool:
    """Says whether a module or package is installed in the environment that a program belongs to."""
    if command is None:
        return False
    environments = {path.parent.parent for path in (Path(command), Path(command).resolve())}
    return any(any(environment.glob(f"lib/python3*/site-packages/{name}")) for environment in environments)


def installed_version(command: str | None, distribution: str) -> str:
    """Returns the version of a distribution in the environment that a program belongs to.

    Asking the program itself would import the engine, which takes seconds.
    """
    if command is None:
        return "(not installed)"
    # As wheels are unpacked: <environment>/lib/pythonX.Y/site-packages/<name>-<version>.dist-info
    folders = sorted(Path(command).parent.parent.glob(f"lib/python3*/site-packages/{distribution}-*.dist-info"))
    if not folders:
        return "(unknown version)"
    return folders[-1].name.removesuffix(".dist-info").removeprefix(f"{distribution}-")
