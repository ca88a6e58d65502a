"""config.json: which architecture it names, and whether that can be imported at all. Pure."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from outcrop.artifact.architectures import BY_ARCHITECTURE, FAMILIES
from outcrop.artifact.architectures.family import Family, Modality
from outcrop.artifact.fields import Fields
from outcrop.artifact.finding import Finding, Judged, Kind, Severity, error, warning
from outcrop.artifact.host import Host
from outcrop.artifact.strict_json import read_object
from outcrop.artifact.wording import listing, printable, quoted, shown
from outcrop.records import JsonObject, JsonValue

CONFIG = "config.json"

NO_ARCHITECTURE = error("config.no_architecture")
"""config.json names no class in "architectures". Do: add the class that the finding names."""
SEVERAL_ARCHITECTURES = warning("config.several_architectures")
"""config.json names several classes; the first is taken. Do: leave only the model's own."""
UNSUPPORTED = error("architecture.unsupported")
"""Neither Bedrock nor the installed engine runs this architecture, or it does not generate text. Do: use one that is
listed."""
BEYOND_BEDROCK = Kind("architecture.beyond_bedrock", Severity.NOTE, Severity.ERROR)
"""The installed engine runs this architecture and Bedrock does not import it; its tensors were held against no table.
Do: nothing, to run it here."""
NOT_RUN_HERE = Kind("architecture.not_run_here", Severity.WARNING, Severity.NOTE)
"""Bedrock imports this architecture, and the installed engine does not run it. An error of an import. Do: serve it with
another engine (`--engine`)."""
WRONG_MODEL_TYPE = error("config.wrong_model_type")
""""model_type" and "architectures" contradict each other. Do: correct the one that is wrong."""
REMOTE_CODE = error("config.remote_code")
"""A configuration asks readers to run the model's own program code, which is never done. Do: remove the member, if the
architecture is a standard one."""
QUANTISED = error("config.quantised")
"""The weights are quantised, by what config.json says. Do: import the original, or dequantise and save in bfloat16;
where the finding says that they are not, remove the member."""
QUANTISED_AS_PUBLISHED = Kind("config.quantised_as_published", Severity.NOTE, Severity.WARNING)
"""GPT-OSS in the MXFP4 that OpenAI publishes: run here, while AWS does not say whether it takes it. Do: for Bedrock,
dequantise it."""

_FAMILIES = ", ".join(family.name for family in FAMILIES)
_GENERATES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "LMModel", "ForCausalLMWithValueHead")
"""How the classes end that have a head to generate text."""

_SUPPORTED = ", ".join(f"{name} ({family.name})" for family in FAMILIES for name in family.architectures)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A configuration whose architecture is known by name."""

    values: JsonObject
    architecture: str
    """Class name, as `architectures` has it."""
    model_type: str | None
    family: Family | None
    """None for an architecture that only the engine knows."""

    @property
    def fields(self) -> Fields:
        """A new reader of the members."""
        return Fields(self.values)

    @property
    def modality(self) -> Modality:
        """What the model reads; where there is no family, a vision tower tells."""
        if self.family is not None:
            return self.family.modality
        return Modality.MULTIMODAL if isinstance(self.values.get("vision_config"), dict) else Modality.TEXT

    @property
    def name(self) -> str:
        """`modelArchitecture` on the wire: the family's name, or the model type where there is no family."""
        return self.family.name if self.family is not None else printable(self.model_type or self.architecture, 96)


def judge_config(data: bytes, *, host: Host) -> Judged[ModelConfig]:
    """Judges config.json; there is a value as soon as the architecture is known by name."""
    read = read_object(CONFIG, data)
    if read.value is None:
        return Judged(None, read.findings)
    values = read.value
    findings = [*read.findings, *_judge_code(values), *_judge_quantisation(values)]
    names = values.get("architectures")
    model_type = values.get("model_type")
    if not isinstance(names, list) or not names or not isinstance(names[0], str):
        return Judged(None, (*findings, _no_architecture(names, model_type)))
    architecture = names[0]
    if len(names) > 1:
        findings.append(_several(architecture, names))
    config = ModelConfig(
        values=values,
        architecture=architecture,
        model_type=model_type if isinstance(model_type, str) else None,
        family=BY_ARCHITECTURE.get(architecture),
    )
    if config.family is not None:
        findings.extend(_judge_model_type(config, config.family))
        findings.extend(_judge_engine(architecture, host))
    elif architecture in host.architectures():
        findings.append(
            BEYOND_BEDROCK.found(
                CONFIG,
                f"names the architecture {quoted(architecture)}, which {host.engine} runs and Bedrock does not import; "
                "its tensors were not checked against a table.",
                cure=f"Nothing, to run it here. Bedrock imports only {_FAMILIES}.",
                actual=quoted(architecture),
            )
        )
    else:
        findings.append(_unsupported(config, host))
    return Judged(config, tuple(findings))


def not_quantised(found: Finding) -> Finding:
    """Returns the finding for weights that are in 16 or 32 bits after all: the config says what is not so."""
    return dataclasses.replace(
        found,
        message="says that the weights are quantised, which they are not: readers would look for others.",
        cure="Remove the member that says so from config.json.",
    )


def judge_tokenizer_code(file: str, values: JsonObject) -> Iterator[Finding]:
    """Judges whether a tokenizer's configuration asks for code."""
    if values.get("auto_map"):
        yield _remote_code(file, values["auto_map"])


def _judge_code(values: JsonObject) -> Iterator[Finding]:
    if values.get("auto_map"):
        yield _remote_code(CONFIG, values["auto_map"])
    custom = values.get("custom_pipelines")
    if custom:
        yield _remote_code(CONFIG, custom, member="custom_pipelines")


def _remote_code(file: str, value: JsonValue, member: str = "auto_map") -> Finding:
    return REMOTE_CODE.found(
        file,
        f"has {quoted(member)}, which makes readers run the model's own program code; that is never done here.",
        cure=f'Remove "{member}" if the architecture is a standard one; models with their own code are not imported.',
        actual=shown(value),
    )


def _judge_quantisation(values: JsonObject) -> Iterator[Finding]:
    member = next(
        (name for name in ("quantization_config", "quantization", "compression_config") if values.get(name)), None
    )
    if member is None:
        return
    settings = values[member]
    method = settings.get("quant_method") if isinstance(settings, dict) else None
    if method is None:
        method = "mlx" if member == "quantization" else "unnamed"
    kind = QUANTISED_AS_PUBLISHED if method == "mxfp4" and values.get("model_type") == "gpt_oss" else QUANTISED
    yield kind.found(
        CONFIG,
        f"has {quoted(member)}: the weights are quantised ({shown(method)}); weights are imported in 16 or 32 bits.",
        cure="Import the original model, or dequantise this one and save it in bfloat16.",
        expected="no quantisation",
        actual=shown(method),
    )


def _judge_engine(architecture: str, host: Host) -> Iterator[Finding]:
    known = host.architectures()
    if known and architecture not in known:
        severity = Severity.ERROR if host.must_run else None
        yield NOT_RUN_HERE.found(
            CONFIG,
            f"names the architecture {quoted(architecture)}, which Bedrock imports and {host.engine} does not run.",
            cure="Nothing, for Bedrock. To run it here, name an engine that does: the URL of one, with --engine.",
            actual=quoted(architecture),
            outcrop=severity,
            bedrock=severity,
        )


def _unsupported(config: ModelConfig, host: Host) -> Finding:
    architecture = config.architecture
    message, cure = "is not supported", f"Supported are: {_SUPPORTED}{_beyond(host)}."
    if not architecture.endswith(_GENERATES):
        # SPEC 4.1.9 names embedding models.
        message = "does not generate text: it embeds, classifies or is a part of another"
        of_type = _architectures_of(config.model_type)
        cure = "Import a model that generates text; others are not imported, neither here nor by Bedrock."
        if of_type:
            cure += f' If this one has the head for it, set "architectures": ["{of_type[0]}"].'
    return UNSUPPORTED.found(
        CONFIG,
        f"names the architecture {quoted(architecture)}, which {message}.",
        cure=cure,
        expected="a supported architecture",
        actual=quoted(architecture),
    )


def _judge_model_type(config: ModelConfig, family: Family) -> Iterator[Finding]:
    if config.model_type not in family.model_types:
        there = shown(config.values.get("model_type"))
        yield WRONG_MODEL_TYPE.found(
            CONFIG,
            f'has {there} as "model_type", but {config.architecture} is of "{family.model_types[0]}"; '
            "readers choose the classes by it.",
            cure=f'Set "model_type": "{family.model_types[0]}", or correct "architectures".',
            expected=family.model_types[0],
            actual=there,
        )


def _no_architecture(names: JsonValue, model_type: JsonValue) -> Finding:
    of_type = _architectures_of(model_type)
    cure = f'Add "architectures": ["{of_type[0]}"].' if of_type else f"Supported are: {_SUPPORTED}."
    return NO_ARCHITECTURE.found(
        CONFIG,
        f'has {shown(names)} as "architectures" where a list with the name of the model\'s class is expected.',
        cure=cure,
        expected="a list with a class name",
        actual=shown(names),
    )


def _architectures_of(model_type: JsonValue) -> list[str]:
    return [name for family in FAMILIES if model_type in family.model_types for name in family.architectures]


def _several(architecture: str, names: list[JsonValue]) -> Finding:
    return SEVERAL_ARCHITECTURES.found(
        CONFIG,
        f"names {len(names)} architectures; the first, {quoted(architecture)}, is taken.",
        cure='Leave only the model\'s own class in "architectures".',
        actual=listing([str(name) for name in names if isinstance(name, str)]),
    )


def _beyond(host: Host) -> str:
    count = len(host.architectures())
    return f"; and the {count} that {host.engine} runs, of which this is none" if count else ""
