"""A report as one HTML file with its plots inside; it asks nothing of any other place. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment

_WIDTH = 420
_SHOWN = 40

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; color: #1c2733; }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td.n, th.n { text-align: right }
.old { fill: #9fb3c8 } .new { fill: #2b6cb0 } .moved { fill: #dd6b20 }
.key { display: inline-block; width: .8em; height: .8em } small { color: #627d98 }
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ r.leads }} submissions, {{ r.since }} to {{ r.until }}. {{ r.different }} would have gone
elsewhere.</p>
<p><span class="key" style="background:#9fb3c8"></span> {{ r.old }}
<span class="key" style="background:#2b6cb0"></span> {{ r.new }}</p>
{% for note in r.notes %}<p><small>{{ note }}</small></p>{% endfor %}
<h2>Ends, holds, speed</h2>
<table><tr><th></th><th class="n">{{ r.old }}</th><th class="n">{{ r.new }}</th></tr>
{% for name, old, new in figures %}<tr><td>{{ name }}</td><td class="n">{{ old }}</td>
<td class="n">{{ new }}</td></tr>{% endfor %}</table>
{% for heading, bars in plots %}<h2>{{ heading }}</h2>
<svg width="760" height="{{ bars|length * 34 + 4 }}" role="img" aria-label="{{ heading }}">
{% for bar in bars %}<g transform="translate(0,{{ loop.index0 * 34 }})">
<text x="0" y="18" font-size="13">{{ bar.name }}</text>
<rect class="old" x="220" y="3" height="11" width="{{ bar.old_width }}"/>
<rect class="new" x="220" y="15" height="11" width="{{ bar.new_width }}"/>
<text x="{{ 226 + [bar.old_width, bar.new_width]|max }}" y="19" font-size="12">{{ bar.old }} →
{{ bar.new }}</text></g>{% endfor %}</svg>{% endfor %}
{% if days %}<h2>Days</h2>
<svg width="760" height="130" role="img" aria-label="Submissions a day, and those that would move">
{% for day in days %}<g><title>{{ day.day }}: {{ day.leads }}, {{ day.different }} elsewhere</title>
<rect class="old" x="{{ day.x }}" y="{{ 120 - day.height }}" width="{{ day.width }}"
 height="{{ day.height }}"/>
<rect class="moved" x="{{ day.x }}" y="{{ 120 - day.moved }}" width="{{ day.width }}"
 height="{{ day.moved }}"/></g>{% endfor %}</svg>
<p><small>Grey: submissions. Orange: those of them that would have gone elsewhere.</small></p>
{% endif %}
<h2>Who would have got what</h2>
<table><tr><th>at</th><th>lead</th><th>{{ r.old }}</th><th>{{ r.new }}</th><th>rule</th></tr>
{% for move in r.moves %}<tr><td>{{ move.at.strftime("%Y-%m-%d %H:%M") }}</td>
<td><small>{{ move.lead_id }}</small></td><td>{{ move.old.rep or move.old.end }}</td>
<td>{{ move.new.rep or move.new.end }}</td><td>{{ move.new.rule or "" }}</td></tr>{% endfor %}
</table>{% if r.different > r.moves|length %}<p><small>… and {{ r.different - r.moves|length }}
more.</small></p>{% endif %}
</body></html>
"""
_TEMPLATE = Environment(autoescape=True, trim_blocks=True).from_string(_PAGE)


def page(report: Mapping[str, Any], title: str) -> str:
    """The file's text."""
    plots = [
        (heading, _bars(report[part][:_SHOWN]))
        for heading, part in (("Reps", "reps"), ("Pools", "pools"), ("Rules", "rules"))
        if report[part]
    ]
    return _TEMPLATE.render(
        title=title, r=report, figures=figures(report), plots=plots, days=_columns(report["days"])
    )


def figures(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Ends, holds and speed, line by line: name, old, new."""
    ends, holds, speed = report["ends"], report["holds"], report["speed_s"]
    lines = [(end, str(ends["old"][end]), str(ends["new"][end])) for end in ends["old"]]
    lines.append(("waited for somebody", str(holds["old"]["count"]), str(holds["new"]["count"])))
    for name, rank in (("half of them at most", "p50"), ("the longest", "max")):
        lines.append((name, _duration(holds["old"][rank]), _duration(holds["new"][rank])))
    lines += (
        (f"speed, {rank}", _duration(speed["old"][rank]), _duration(speed["new"][rank]))
        for rank in ("p50", "p90", "p99", "max")
    )
    return lines


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2f} s"


def _bars(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    most = max((max(row["old"], row["new"]) for row in rows), default=0) or 1
    return [
        {
            **row,
            "old_width": round(_WIDTH * row["old"] / most, 1),
            "new_width": round(_WIDTH * row["new"] / most, 1),
        }
        for row in rows
    ]


def _columns(days: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    most = max((day["leads"] for day in days), default=0) or 1
    step = min(40.0, 760 / (len(days) or 1))
    return [
        {
            **day,
            "x": round(at * step, 1),
            "width": round(step * 0.8, 1),
            "height": round(110 * day["leads"] / most, 1),
            "moved": round(110 * day["different"] / most, 1),
        }
        for at, day in enumerate(days)
    ]
