"""Leads under another model as one HTML file with its plots inside; it asks nothing of any other
place. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment

from services.scoring.simulation import Change, Summary

_WIDTH = 420
_STEP = 20
"""Points of one bar."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; color: #1c2733; }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td.n, th.n { text-align: right } td.moved { color: #b7430e; font-weight: 600 }
.old { fill: #9fb3c8 } .new { fill: #2b6cb0 } small { color: #627d98 }
.key { display: inline-block; width: .8em; height: .8em }
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ s.moved }} of {{ s.leads }} leads move to another tier. Marketing-qualified:
{{ s.mql_before }} → {{ s.mql_after }}. Mean: {{ s.total_before }} → {{ s.total_after }} points.</p>
<h2>Tiers</h2>
<table><tr><th>was</th>{% for name in s.moves %}
<th class="n">becomes {{ name }}</th>{% endfor %}</tr>
{% for was, row in s.moves.items() %}<tr><td>{{ was }}</td>{% for name, count in row.items() %}
<td class="n{{ ' moved' if count and name != was }}">{{ count }}</td>{% endfor %}</tr>{% endfor %}
</table>
<h2>Points</h2>
<p><span class="key" style="background:#9fb3c8"></span> as scored
<span class="key" style="background:#2b6cb0"></span> {{ version }}</p>
<svg width="760" height="{{ bars|length * 34 + 4 }}" role="img" aria-label="Leads by points">
{% for bar in bars %}<g transform="translate(0,{{ loop.index0 * 34 }})">
<text x="0" y="18" font-size="13">{{ bar.name }}</text>
<rect class="old" x="220" y="3" height="11" width="{{ bar.old_width }}"/>
<rect class="new" x="220" y="15" height="11" width="{{ bar.new_width }}"/>
<text x="{{ 226 + [bar.old_width, bar.new_width]|max }}" y="19" font-size="12">{{ bar.old }} →
{{ bar.new }}</text></g>{% endfor %}</svg>
<h2>Who moves</h2>
<table><tr><th>lead</th><th>account</th><th>tier</th><th class="n">points</th><th>why</th></tr>
{% for one in movers %}<tr><td><small>{{ one.lead_id }}</small></td><td>{{ one.account_key }}</td>
<td>{{ one.before.tier }} → {{ one.after.tier }}</td>
<td class="n">{{ one.before.total / 100 }} → {{ one.after.total / 100 }}</td>
<td>{% for rule, by in one.why %}{{ rule }} {{ "%+g"|format(by / 100) }}
{% endfor %}</td></tr>{% endfor %}
</table>{% if s.moved > movers|length %}
<p><small>… and {{ s.moved - movers|length }} more.</small></p>{% endif %}
</body></html>
"""
_TEMPLATE = Environment(autoescape=True, trim_blocks=True).from_string(_PAGE)


def page(version: str, found: Summary, changes: Sequence[Change], movers: Sequence[Change]) -> str:
    """The file's text.

    :param movers: those who are listed, in this order.
    """
    return _TEMPLATE.render(
        title=f"Scoring: {version}", version=version, s=found, bars=bars(changes), movers=movers
    )


def bars(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """How many leads have how many points, before and after, the most points first."""
    old = Counter(one.before.total // (_STEP * 100) for one in changes)
    new = Counter(one.after.total // (_STEP * 100) for one in changes)
    steps = old.keys() | new.keys()
    most = max((*old.values(), *new.values()), default=1)
    return [
        {
            "name": f"{step * _STEP} to {(step + 1) * _STEP - 1} points",
            "old": old[step],
            "new": new[step],
            "old_width": round(_WIDTH * old[step] / most, 1),
            "new_width": round(_WIDTH * new[step] / most, 1),
        }
        for step in range(max(steps, default=0), min(steps, default=0) - 1, -1)
        if step in steps
    ]
