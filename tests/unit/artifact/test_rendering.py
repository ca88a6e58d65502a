"""Rendering a foreign template: what real ones use works, and nothing can run away."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.artifact.rendering import LARGEST_TEMPLATE, Outcome, render

VARIABLES: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " Why? "},
        {"role": "assistant", "content": "Because."},
    ],
    "tools": None,
    "add_generation_prompt": True,
    "bos_token": "<s>",
}


def text(template: str) -> str:
    """What a template makes."""
    rendering = render(template, VARIABLES)
    assert rendering.outcome is Outcome.RENDERED, rendering.text
    return rendering.text


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m.content | trim }}{% endfor %}",
         "<s>[system]Be brief.[user]Why?[assistant]Because."),
        ("{% set s = messages[0] %}{% set messages = messages[1:] %}{{ s.role }}|{{ messages | length }}", "system|2"),
        ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "3"),
        ("{%- for m in messages -%}\n  {{- loop.index0 ~ loop.last -}}\n{%- endfor -%}", "0False1False2True"),
        ("{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m.role }}{% endfor %}", "system"),
        ("{% for m in messages if m.role != 'user' %}{{ m.role }} {% else %}none{% endfor %}", "system assistant "),
        ("{% macro f(x, y='!') %}{{ x }}{{ y }}{% endmacro %}{{ f('a') }}{{ f('b', y='?') }}", "a!b?"),
        ("{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}x{% endcall %}", "[x]"),
        ("{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first | trim }}", "Why?"),
        ("{{ messages | map(attribute='role') | join(', ') }}", "system, user, assistant"),
        ("{{ messages[::-1][0].role }}{{ messages[-1]['role'][:3] }}", "assistantass"),
        ("{{ messages[0] | tojson }}", '{"role": "system", "content": "Be brief."}'),
        ("{{ {'a': 1} | tojson(indent=2) }}", '{\n  "a": 1\n}'),
        ("{{ 'a,b'.split(',')[1] }}{{ ' x '.strip() }}{{ 'Ab'.startswith('A') }}", "bxTrue"),
        ("{{ '%s-%02d' % ('a', 7) }}{{ '{}!'.format(1) }}", "a-071!"),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x | upper }}", "A1"),
        ("{% if tools is none and documents is not defined %}y{% endif %}{{ 3 in [1, 3] }}", "yTrue"),
        ("{{ messages[1].content is string }}{{ messages is iterable }}{{ messages[0] is mapping }}", "TrueTrueTrue"),
        ("{% generation %}x{% endgeneration %}", "x"),
        ("{{ strftime_now('%d %b %Y') }}", "01 Jan 2026"),
        ("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
        ("{% for k, v in messages[0] | dictsort %}{{ k }} {% endfor %}", "content role "),
        ("{{ range(3) | list }}{{ [1] + [2] }}{{ (1, 2) }}", "[0, 1, 2][1, 2](1, 2)"),
        ("{{ undefined_thing }}{{ messages[0].nothing or 'd' }}{{ none | default('e', true) }}", "de"),
        ("{% filter upper %}a{% endfilter %}{# comment #}{% raw %}{{ b }}{% endraw %}", "A{{ b }}"),
        ("{% for m in messages recursive %}{{ m.role[0] }}{% endfor %}", "sua"),
        ("{% with x = 3 %}{{ x * 2 }}{% endwith %}", "6"),
        ("{{ 1 if add_generation_prompt else 2 }}{{ not true }}{{ 7 // 2 }}{{ 7 % 4 }}{{ 2 ** 3 }}", "1False338"),
    ],
    ids=range(28),
)  # fmt: skip
def test_what_real_templates_use_works(template: str, expected: str) -> None:
    """The same as in Hugging Face's environment."""
    assert text(template) == expected


@pytest.mark.oracle
@pytest.mark.parametrize(
    "template",
    [
        "{{ bos_token }}{% for m in messages %}\n{%- if loop.first %}\n  x\n{% endif %}\n[{{ m.role }}]{% endfor %}\n",
        "{% set ns = namespace(a='') %}{% for m in messages %}{% set ns.a = ns.a ~ m.role %}{% endfor %}{{ ns.a }}",
        "{{ messages | tojson }}{{ messages | tojson(indent=1) }}{{ messages | length }}",
        "{% for m in messages %}{% set c = m.content.split(' ') %}{{ c | join('_') | upper }}{% endfor %}",
        "{%- macro f(m, n) -%}{{ m.role ~ n }}{%- endmacro -%}{% for m in messages %}{{ f(m, 7) }}{% endfor %}",
    ],
)
def test_the_text_is_that_of_transformers(template: str) -> None:
    """Metering changes no output."""
    from transformers.utils.chat_template_utils import render_jinja_template

    messages = VARIABLES["messages"]
    expected, _ = render_jinja_template([messages], chat_template=template, add_generation_prompt=True, bos_token="<s>")

    assert text(template) == expected[0]


@pytest.mark.parametrize("name", ["join", "replace", "center", "indent", "batch", "slice", "tojson", "round", "format"])
def test_a_filter_that_could_grow_is_held(name: str) -> None:
    """Each with the argument that would make it huge."""
    argument = {
        "join": "(range(9999) | list) | join('x' * 9999)",
        "replace": "('x' * 9999) | replace('x', 'y' * 9999)",
        "center": "'x' | center(10 ** 9)",
        "indent": "('x\n' * 9999) | indent(10 ** 6)",
        "batch": "[1] | batch(10 ** 9, 'x') | list",
        "slice": "[1] | slice(10 ** 9) | list",
        "tojson": "[[1]] | tojson(indent=10 ** 9)",
        "round": "1.5 | round(10 ** 9, 'floor')",
        "format": "'%999999999d' | format(1)",
    }[name]

    assert render("{{ " + argument + " }}", {}).outcome is Outcome.EXCESSIVE


def test_a_template_that_is_too_long_is_not_run() -> None:
    """It is no attack by that alone."""
    assert render("x" * (LARGEST_TEMPLATE + 1), {}).outcome is Outcome.NOT_RUN
    assert render("{{ a }}" * 5000, {}).outcome is Outcome.NOT_RUN


def test_a_large_conversation_is_no_attack() -> None:
    """The limits leave room for far more than what is rendered here."""
    template = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content | trim }}<|end|>\n{% endfor %}"
    messages = [{"role": "user", "content": "word " * 400} for _ in range(20)]

    assert render(template, {"messages": messages}).outcome is Outcome.RENDERED


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["{{", "}}", "{%", "%}", " for x in messages ", "endfor", "if", "endif", "set a = ", "[a, a]", "a ~ a",
             "1", "'x' * 999", "| join(a)", "| list", "range(9999)", "(", ")", ".role", "[0]", "macro f()", "endmacro",
             "f()"]
        ),
        max_size=14,
    ).map(" ".join)
)  # fmt: skip
def test_no_template_breaks_the_renderer(template: str) -> None:
    """Whatever it is, an outcome comes back."""
    rendering = render(template, VARIABLES)

    assert rendering.outcome in Outcome
    json.dumps(rendering.text)
