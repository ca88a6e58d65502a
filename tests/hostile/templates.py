"""Chat templates that take forever, and such that try to leave the sandbox."""

from __future__ import annotations

from tests.hostile.case import CASES, Case, templated

DOUBLING = "{% set n = namespace(x=FIRST, y=FIRST) %}{% for i in range(60) %}{% set n.x = NEXT %}{% endfor %}"


def doubling(first: str, following: str, then: str = "") -> str:
    """A template that makes a value twice as large sixty times."""
    return DOUBLING.replace("FIRST", first).replace("NEXT", following) + then


def called(body: str, call: str = "{{ f(60) }}") -> str:
    """A template with a macro."""
    return "{% macro f(n) %}" + body + "{% endmacro %}" + call


def repeated(body: str) -> str:
    """A template that writes something ten thousand times."""
    return "{% for i in range(9999) %}" + body + "{% endfor %}"


BOMBS = {
    "loops within loops": repeated(repeated(repeated(""))),
    "loops whose condition never holds": repeated("{% for b in range(9999) if false %}{% endfor %}"),
    "a range of a trillion": "{% for a in range(10 ** 12) %}{% endfor %}",
    "a text doubled sixty times": doubling("'ab'", "n.x ~ n.x"),
    "a text added sixty times": doubling("'ab'", "n.x + n.x"),
    "a list doubled sixty times": doubling("[1]", "[n.x, n.x]", "{{ n.x }}"),
    "a key that takes forever to hash": doubling("(1,)", "(n.x, n.x)", "{{ {n.x: 1} }}"),
    "a comparison that takes forever": doubling("[1]", "[n.x, n.x] %}{% set n.y = [n.y, n.y]", "{{ n.x == n.y }}"),
    "a namespace in itself": "{% set n = namespace() %}{% set n.x = n %}{{ n }}",
    "ten gigabytes of one letter": "{{ 'a' * 10 ** 10 }}",
    "a power of powers": "{{ 10 ** (10 ** 10) }}",
    "a width of ten gigabytes": "{{ '%10000000000d' % 1 }}",
    "a width of an argument": "{{ '{:{}}'.format('a', 10 ** 9) }}",
    "padding of ten gigabytes": "{{ 'a'.ljust(10 ** 10) }}",
    "a filter's padding": "{{ 'a' | center(10 ** 10) }}",
    "an empty text replaced": "{{ ('a' * 9999) | replace('', 'b' * 9999) }}",
    "joined by megabytes": "{{ ('a' * 9999).join(['b'] * 9999) }}",
    "JSON indented by gigabytes": "{{ [[[[1]]]] | tojson(indent=10 ** 9) }}",
    "a macro that calls itself twice": called("{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}"),
    "a macro that calls itself forever": called("{{ f() }}"),
    "a loop that calls itself twice": "{% for x in [[1]] recursive %}{{ loop([x, x]) }}{% endfor %}",
    "a page written ten thousand times": repeated("x" * 60_000),
    "a page kept ten thousand times": "{% set a %}" + repeated("x" * 60_000) + "{% endset %}",
    "a date of a gigabyte": "{{ strftime_now('%999999999d') }}",
}

ESCAPES = {
    "the class of a text": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a class by index": "{{ messages['__class__'] }}",
    "a class by filter": "{{ (messages | attr('_' ~ '_class_' ~ '_')).x }}",
    "a class by format": "{{ '{0.__class__}'.format(1) }}",
    "a class by a format put together": "{{ ('{0._' ~ '_class_' ~ '_}').format(1) }}",
    "the globals of a function": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "in a branch that is not taken": "{% if false %}{{ x.__globals__ }}{% endif %}",
    "by the names of filters": "{{ ['x'] | map('attr', '__class__') | list }}",
    "the undefined's own": "{{ nothing.__init__.__builtins__ }}",
}


def _template_case(name: str, template: str, finding: str) -> None:
    CASES.append(Case(f"a template bomb: {name}", lambda: templated(template), frozenset({finding})))


for _name, _template in BOMBS.items():
    _template_case(_name, _template, "template.excessive")
for _name, _template in ESCAPES.items():
    _template_case(f"escape by {_name}", _template, "template.unsafe")
