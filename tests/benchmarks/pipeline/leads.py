"""Synthetic leads for load: every one a new person at a new company, as on a busy website."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

_KINDS = ("demo_request", "contact_sales", "content_download", "webinar")
_COUNTRIES = ("US", "DE", "GB", "FR", "SG", "AU")
_TITLES = ("VP Sales", "Head of Marketing", "Revenue Operations Manager", "CTO")


def bodies(run: str) -> Iterator[bytes]:
    """Endless ``/v1/leads`` bodies; ``run`` keeps the people of two runs apart."""
    for number in count():
        yield json.dumps(
            {
                "kind": _KINDS[number % len(_KINDS)],
                "email": f"dana.{run}.{number}@company-{run}-{number}.example",
                "first_name": "Dana",
                "last_name": f"Example {number}",
                "company": f"Company {number}",
                "job_title": _TITLES[number % len(_TITLES)],
                "country": _COUNTRIES[number % len(_COUNTRIES)],
                "message": "We would like to see how routing works for a team of forty.",
                "form_id": "bench",
                "page_url": "https://www.example.com/demo",
                "utm": {"source": "google", "medium": "cpc", "campaign": "brand"},
            }
        ).encode()
