"""Judges a model by everything that was read of it, and tells all that it finds. Pure; each rule has its own file.

    listing, absence        what is there, what is not
    config, newer_forms     which architecture, and what AWS's readers make of the file
    weights                 which files (layout), whole (safetensors) and consistent (index, shards)
    tensors, precisions     exactly those that the configuration stands for
    tokenizer, generation   every token has its row
    template                whether conversations work
    limits, fit, units      sizes

A rule runs as far as what it needs could be read: nothing is told twice, and nothing that can be known is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.artifact.absence import is_adapter_alone, judge_absence
from outcrop.artifact.architectures.family import Modality
from outcrop.artifact.config import CONFIG, QUANTISED, ModelConfig, judge_config, not_quantised
from outcrop.artifact.finding import Finding
from outcrop.artifact.fit import Fit, Shape, judge_memory, memory_bytes
from outcrop.artifact.generation import GENERATION, judge_gpt_oss_ends, judge_token_ids
from outcrop.artifact.host import ANYWHERE, Host
from outcrop.artifact.limits import judge_limits
from outcrop.artifact.listing import judge_listing
from outcrop.artifact.newer_forms import judge_newer_forms
from outcrop.artifact.precisions import judge_precisions, judge_width, precisions_of
from outcrop.artifact.report import Report
from outcrop.artifact.shapes import any_rows, embedding_rows, shape_of
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.strict_json import read_object
from outcrop.artifact.template import choose_template, judge_template
from outcrop.artifact.tensors import fit_layout, judge_names, judge_tensors
from outcrop.artifact.tokenizer import Tokenizer, judge_tokenizer, judge_vocabulary
from outcrop.artifact.units import custom_model_units
from outcrop.artifact.unreadable import judge_unreadable
from outcrop.artifact.weights import Weights, judge_weights
from outcrop.records import JsonObject, ModelFacts

_ANY_CLASS = "PreTrainedTokenizerFast"
"""The accepted tokenizer class that reads a tokenizer.json of any model."""


def examine(snapshot: ModelSnapshot, *, host: Host = ANYWHERE) -> Report:
    """Runs every rule over a snapshot.

    Args:
        snapshot: what was read of the model.
        host: where the model is to run. Architectures beyond those that AWS documents are accepted by the `outcrop`
            profile, unchecked by a table, if its engine runs them.
    """
    return _Examination(snapshot, host).report()


@dataclass(frozen=True, slots=True)
class _Body:
    """What the configuration and the weights say together."""

    shape: Shape
    rows: int | None
    parameters: int


class _Examination:
    """One run of the rules; findings are gathered in the order of causes."""

    def __init__(self, snapshot: ModelSnapshot, host: Host) -> None:
        self._snapshot = snapshot
        self._host = host
        self._findings: list[Finding] = []

    def report(self) -> Report:
        snapshot = self._snapshot
        if snapshot.unreadable:
            # Whatever else is wrong can only be told once they can be read.
            return Report.collect(judge_unreadable(snapshot))
        self._findings.extend(judge_listing(snapshot))
        self._findings.extend(judge_absence(snapshot))
        has_config = CONFIG in snapshot.sizes
        if not has_config and (not snapshot.weights or is_adapter_alone(snapshot)):
            # An archive, an adapter, an empty prefix: what else a model needs does not have to be told as well.
            return Report.collect(self._findings)
        config = self._config()
        weights = self._weights(config)
        body = self._body(config, weights) if config is not None and weights is not None else None
        tokenizer = self._tokenizer(config, body)
        self._generation(config, body)
        is_instruct = self._is_instruct(tokenizer)
        if config is None or weights is None or body is None:
            return Report.collect(self._findings)
        modality = config.modality
        self._findings.extend(
            judge_limits(weight_bytes=weights.size_bytes, modality=modality, context=body.shape.context)
        )
        self._findings.extend(judge_width(weights.tensors))
        self._findings.extend(judge_memory(self._host, weight_bytes=weights.size_bytes, shape=body.shape))
        return Report.collect(
            self._findings,
            facts=ModelFacts(
                architecture=config.name,
                is_instruct=is_instruct,
                parameters=body.parameters,
                weight_bytes=weights.size_bytes,
                context_length=body.shape.context,
                custom_model_units=custom_model_units(parameters=body.parameters, shape=body.shape),
            ),
            fit=_fit(modality, weights, body),
        )

    def _config(self) -> ModelConfig | None:
        if CONFIG not in self._snapshot.contents:
            return None
        judged = judge_config(self._snapshot.contents[CONFIG], host=self._host)
        self._findings.extend(judged.findings)
        if judged.value is not None and judged.value.family is not None:
            self._findings.extend(judge_newer_forms(judged.value, judged.value.family))
        return judged.value

    def _weights(self, config: ModelConfig | None) -> Weights | None:
        if not self._snapshot.weights or is_adapter_alone(self._snapshot):
            return None
        judged = judge_weights(self._snapshot, model_type=config.model_type if config is not None else None)
        self._findings.extend(judged.findings)
        return judged.value

    def _body(self, config: ModelConfig, weights: Weights) -> _Body | None:
        """Holds the tensors against the family's table."""
        fields, family, tensors = config.fields, config.family, weights.tensors
        shape = shape_of(family, fields)
        if family is None:
            self._findings.extend((*judge_names(tensors), *judge_precisions(tensors, None)))
            parameters = sum(tensor.values for tensor in tensors.by_name.values())
            return _Body(shape=shape, rows=any_rows(tensors), parameters=parameters)
        place = weights.layout.place
        fitting = fit_layout(family, fields, tensors, place=place)
        self._findings.extend(fields.findings or fitting.findings)
        if fields.findings or not fitting.expected:
            self._findings.extend(judge_precisions(tensors, None))
            return None
        wrong = [
            *judge_tensors(fitting, family, tensors, lost=weights.lost, place=place),
            *judge_precisions(tensors, fitting.expected),
        ]
        quantised = next((found for found in self._findings if found.id == QUANTISED.id), None)
        if quantised is None:
            self._findings.extend(wrong)
        elif not wrong:
            self._findings[self._findings.index(quantised)] = not_quantised(quantised)
        rows = embedding_rows(fitting.expected, tensors)
        return _Body(shape=shape, rows=rows, parameters=fitting.parameters)

    def _tokenizer(self, config: ModelConfig | None, body: _Body | None) -> Tokenizer | None:
        family = config.family if config is not None else None
        rows = body.rows if body is not None else None
        judged = judge_tokenizer(
            self._snapshot,
            tokenizer_class=family.tokenizer_class if family is not None else _ANY_CLASS,
            rows=rows,
        )
        self._findings.extend(judged.findings)
        if judged.value is not None and rows is not None:
            self._findings.extend(judge_vocabulary(judged.value, rows))
        return judged.value

    def _generation(self, config: ModelConfig | None, body: _Body | None) -> None:
        values: JsonObject | None = None
        if GENERATION in self._snapshot.contents:
            read = read_object(GENERATION, self._snapshot.contents[GENERATION])
            self._findings.extend(read.findings)
            values = read.value
        if config is not None and config.name == "gpt_oss":
            self._findings.extend(judge_gpt_oss_ends(values))
        if body is None or body.rows is None:
            return
        if values is not None:
            self._findings.extend(judge_token_ids(GENERATION, values, body.rows))
        elif config is not None:
            self._findings.extend(judge_token_ids(CONFIG, config.values, body.rows))

    def _is_instruct(self, tokenizer: Tokenizer | None) -> bool:
        if tokenizer is None:
            return False
        chosen = choose_template(self._snapshot, tokenizer)
        self._findings.extend(chosen.findings)
        if chosen.value is None:
            return False
        judged = judge_template(chosen.value, tokenizer)
        self._findings.extend(judged.findings)
        return judged.value is True


def _fit(modality: Modality, weights: Weights, body: _Body) -> Fit:
    return Fit(
        modality=modality.value,
        precisions=precisions_of(weights.tensors),
        tensors=len(weights.tensors.by_name),
        weight_files=len(weights.layout.files),
        vocabulary=body.rows or body.shape.vocabulary,
        cache_bytes_per_token=body.shape.cache_bytes_per_token,
        memory_bytes=memory_bytes(weight_bytes=weights.size_bytes, shape=body.shape),
    )
