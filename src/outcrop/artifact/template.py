"""The chat template: which of its sources counts, and whether it turns a conversation into a prompt. Pure.

A model whose template does is an instruct model: Converse and chat completions work with it (SPEC 2.4.2, 10.3.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from outcrop.artifact.engine_files import TEMPLATE_FILE, TEMPLATE_JSON
from outcrop.artifact.finding import Finding, Judged, Kind, Severity, error, note, warning
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.strict_json import read_object
from outcrop.artifact.tokenizer import TOKENIZER_CONFIG, Tokenizer
from outcrop.artifact.wording import listing, printable, shown
from outcrop.records import JsonObject, JsonValue

_PROBE = "Quartzite"
"""The user's one word in the conversation that is rendered; a template that loses it is of no use."""

_CONVERSATIONS: Sequence[Sequence[JsonObject]] = (
    ({"role": "user", "content": _PROBE},),
    # Templates of vision models may take content in parts only.
    ({"role": "user", "content": [{"type": "text", "text": _PROBE}]},),
)

MISSING = note("template.missing")
"""There is no chat template: completions work, chat and Converse do not. Do: add chat_template.jinja, if it is a chat
model."""
WRONG_FORM = Kind("template.wrong_form", Severity.WARNING, Severity.ERROR)
"""The chat template is in no form that is read. Do: save it as plain text in chat_template.jinja."""
SHADOWED = note("template.shadowed")
"""There are two different chat templates; the separate file wins. Do: keep one."""
NO_DEFAULT = warning("template.no_default")
"""There are named chat templates, and none is named default. Do: name one so."""
MALFORMED = Kind("template.malformed", Severity.WARNING, Severity.ERROR)
"""The chat template does not compile. Do: correct it; without one that works, chat fails."""
UNSAFE = error("template.unsafe")
"""The chat template tries to leave the sandbox. Do: do not use the model before you know why."""
EXCESSIVE = error("template.excessive")
"""The chat template takes more time or memory than it may. Do: do not use the model before you know why."""
REFUSES = warning("template.refuses")
"""The chat template does not take a conversation of one message. Do: take the base model's."""
LOSES_MESSAGE = warning("template.loses_message")
"""The chat template leaves the user's message out. Do: take the base model's."""
NOT_RUN = warning("template.not_run")
"""The chat template uses something that is not run here. Do: simplify it."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The template that counts, and the file that it is from."""

    source: str
    file: str


def choose_template(snapshot: ModelSnapshot, tokenizer: Tokenizer) -> Judged[ChatTemplate]:
    """Chooses the template: a separate file wins over the one in tokenizer_config.json (SPEC 4.2.6)."""
    findings: list[Finding] = []
    sources: list[ChatTemplate] = []
    for file, read in ((TEMPLATE_FILE, _from_file), (TEMPLATE_JSON, _from_json)):
        if file in snapshot.contents:
            judged = read(snapshot.contents[file])
            findings.extend(judged.findings)
            if judged.value is not None:
                sources.append(ChatTemplate(judged.value, file))
    embedded = _embedded(tokenizer.config)
    findings.extend(embedded.findings)
    if embedded.value is not None:
        sources.append(ChatTemplate(embedded.value, TOKENIZER_CONFIG))
    if not sources:
        if not findings:
            findings.append(_missing())
        return Judged(None, tuple(findings))
    findings.extend(_judge_others(sources))
    return Judged(sources[0], tuple(findings))


def judge_template(template: ChatTemplate, tokenizer: Tokenizer) -> Judged[bool]:
    """Renders a short conversation; the value is whether the model is an instruct model."""
    # Imported here: 50 ms that models without a template should not pay.
    from outcrop.artifact.rendering import Outcome, render  # noqa: PLC0415

    found: list[Finding] = []
    for messages in _CONVERSATIONS:
        variables: dict[str, JsonValue] = {
            **tokenizer.special_tokens(),
            "messages": messages,
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
        }
        rendering = render(template.source, variables)
        if rendering.outcome is Outcome.RENDERED and _PROBE in rendering.text:
            return Judged(value=True)
        kind, message, cure = _TELLING[rendering.outcome.name]
        reason = printable(rendering.text, 200)
        found.append(kind.found(template.file, message.format(reason=reason), cure=cure))
        if rendering.outcome not in {Outcome.RENDERED, Outcome.REFUSED}:
            break
    return Judged(value=False, findings=tuple(found[:1]))


_OWN_TEMPLATE = "Take the template of the model that this one was trained from."

_TELLING: Mapping[str, tuple[Kind, str, str]] = {
    "MALFORMED": (
        MALFORMED,
        "is no template that Jinja reads: {reason}.",
        "Correct the template; without one that works, chat and Converse fail.",
    ),
    "UNSAFE": (
        UNSAFE,
        "tries to leave the sandbox that templates run in: {reason}.",
        f"Do not use this model before you know why it does. {_OWN_TEMPLATE}",
    ),
    "EXCESSIVE": (
        EXCESSIVE,
        "takes more time or memory than a template may: {reason}.",
        f"Do not use this model before you know why it does. {_OWN_TEMPLATE}",
    ),
    "REFUSED": (
        REFUSES,
        "does not take a conversation of one message of a user: {reason}.",
        f"{_OWN_TEMPLATE} Until then, chat and Converse are off for this model.",
    ),
    "RENDERED": (
        LOSES_MESSAGE,
        "leaves the user's message out of the prompt that it makes.",
        f"{_OWN_TEMPLATE} Until then, chat and Converse are off for this model.",
    ),
    "NOT_RUN": (
        NOT_RUN,
        "was not tried: {reason}.",
        "Simplify the template. Until then, chat and Converse are off for this model.",
    ),
}
"""By the name of the outcome, which is not imported before it is needed."""


def _from_file(data: bytes) -> Judged[str]:
    try:
        return Judged(data.decode())
    except UnicodeDecodeError as problem:
        return _wrong_form(TEMPLATE_FILE, f"is not UTF-8 at byte {problem.start}.", "text in UTF-8")


def _from_json(data: bytes) -> Judged[str]:
    read = read_object(TEMPLATE_JSON, data)
    if read.value is None:
        return Judged(None, read.findings)
    template = read.value.get("chat_template")
    if not isinstance(template, str):
        message = f'has {shown(template)} as "chat_template" where a text is expected.'
        return _wrong_form(TEMPLATE_JSON, message, "a text")
    return Judged(template, read.findings)


def _embedded(config: JsonObject) -> Judged[str]:
    """Reads the template in tokenizer_config.json: a text, or a list of named ones of which "default" counts."""
    template = config.get("chat_template")
    if template is None or isinstance(template, str):
        return Judged(template)
    named = _named(template)
    if named is None:
        message = f'has {shown(template)} as "chat_template" where a text, or a list of names and texts, is expected.'
        return _wrong_form(TOKENIZER_CONFIG, message, "a text or a list of named texts")
    if "default" not in named:
        found = NO_DEFAULT.found(
            TOKENIZER_CONFIG,
            f'has named chat templates, but none is named "default": {listing(sorted(named)) or "there are none"}.',
            cure='Name the template for plain conversations "default".',
            expected="default",
            actual=listing(sorted(named)),
        )
        return Judged(None, (found,))
    return Judged(named["default"])


def _named(value: JsonValue) -> Mapping[str, str] | None:
    if not isinstance(value, list):
        return None
    named: dict[str, str] = {}
    for item in value:
        name, template = (item.get("name"), item.get("template")) if isinstance(item, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(template, str):
            return None
        named[name] = template
    return named


def _judge_others(sources: Sequence[ChatTemplate]) -> Iterator[Finding]:
    chosen = sources[0]
    for other in sources[1:]:
        if other.source.strip() != chosen.source.strip():
            yield SHADOWED.found(
                other.file,
                f"has another chat template than {chosen.file}, which wins.",
                cure="Keep one of the two.",
                expected=chosen.file,
            )


def _missing() -> Finding:
    return MISSING.found(
        TEMPLATE_FILE,
        "could not find a chat template: the model is imported for completions, without chat and Converse.",
        cure=f"If the model is for chat, add {TEMPLATE_FILE}.",
        expected=f"{TEMPLATE_FILE}, {TEMPLATE_JSON} or chat_template in {TOKENIZER_CONFIG}",
    )


def _wrong_form(file: str, message: str, expected: str) -> Judged[str]:
    cure = f"Save the template as plain text in {TEMPLATE_FILE}."
    return Judged(None, (WRONG_FORM.found(file, message, cure=cure, expected=expected),))
