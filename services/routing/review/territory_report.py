"""A territory table, looked over: what it leaves, what it says twice, who fell where. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from services.kernel.countries import COUNTRIES
from services.routing.review.gaps import Gaps
from services.routing.review.landing import Landing
from services.routing.review.overlaps import MOST_PAIRS, Kind, Overlap, overlaps
from services.routing.territories import NURTURE, Row, Table
from services.routing.territory_config import Places

Document = dict[str, Any]


def report(table: Table, places: Places, most: int, landing: Landing | None = None) -> Document:
    """All that there is to say of one table.

    :param most: gaps, overlaps and groups of leads that are told one by one.
    :param landing: recorded leads, where there are any to tell of.
    """
    gaps = landing.gaps if landing is not None else Gaps(table)
    pairs = list(islice(overlaps(table), MOST_PAIRS + 1))
    kinds = Counter(one.kind for one in pairs)
    told = sorted(pairs, key=lambda one: one.rank)[:most]
    made: Document = {
        "table": table.id,
        "file": places(1)[0],
        "rows": len(table.rows),
        "gaps_found": len(gaps.found),
        "countries_uncovered": _uncovered(gaps),
        "gaps": [
            {**gap.described(), "near": [_at(places, line) for line in gap.near],
             **({"leads": landing.in_gap[gap]} if landing is not None else {})}
            for gap in gaps.found[:most]
        ],
        "overlaps_found": {kind.value: kinds[kind] for kind in Kind},
        "more_overlaps": len(pairs) > MOST_PAIRS,
        "overlaps": [_overlap(one, places, landing) for one in told],
    }  # fmt: skip
    if landing is not None:
        made |= {
            "leads": landing.asked,
            "leads_nowhere": landing.nowhere.total(),
            "nowhere": landing.unplaced(most),
            "territories": _territories(table.rows, landing),
        }
    return made


def words(gap: Mapping[str, Any]) -> str:
    """A gap as a person says it."""
    parts = [gap["country"] or "every other country"]
    parts += [gap[name] for name in ("region", "industry") if gap[name] is not None]
    if gap["postal_from"] is not None or gap["postal_before"] is not None:
        start, end = gap["postal_from"], gap["postal_before"]
        parts.append(
            f"codes from {start} to before {end}" if start and end
            else f"codes before {end}" if end
            else f"codes from {start}"
        )  # fmt: skip
    low, high = gap["employees_from"], gap["employees_to"]
    if low is not None or high is not None:
        parts.append(f"{low or 1} to {high} employees" if high else f"{low} employees or more")
    return ", ".join(parts)


def _uncovered(gaps: Gaps) -> list[str]:
    """Countries of which no lead at all has a territory."""
    everywhere = [gap for gap in gaps.found if gap.country is None and gap.region is None]
    whole = any(not any(gap.described().values()) for gap in everywhere)
    return [name for name in COUNTRIES if name not in gaps.countries] if whole else []


def _overlap(one: Overlap, places: Places, landing: Landing | None) -> Document:
    made: Document = {
        "kind": one.kind.value,
        "wins": _row(one.wins, places),
        "loses": _row(one.loses, places),
        "where": one.shared(),
        "same_pool": one.wins.pool == one.loses.pool,
    }
    if landing is not None:
        both = landing.both[one.wins.line, one.loses.line]
        # Of rows that ask exactly the same only the first is in the index.
        made["leads"] = landing.rows[one.wins.line] if one.kind is Kind.SAME else both
    return made


def _row(row: Row, places: Places) -> Document:
    return {
        "territory": row.territory, "pool": row.pool or NURTURE, **_at(places, row.line)
    }  # fmt: skip


def _at(places: Places, line: int) -> Document:
    file, number = places(line)
    return {"file": file, "line": number}


def _territories(rows: Iterable[Row], landing: Landing) -> list[Document]:
    leads: Counter[tuple[str, str]] = Counter()
    for row in rows:
        leads[row.territory, row.pool or NURTURE] += landing.rows[row.line]
    return [
        {"territory": name, "pool": pool, "leads": count}
        for (name, pool), count in sorted(leads.items())
    ]
