"""The APIs of vendors whose events carry ids only, on one loopback socket, for other processes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "token-of-the-vendor"
"""What each of them wants to see."""
BASE = {"hubspot_app": "/hubspot", "meta_lead_ads": "/meta", "linkedin_lead_gen": "/linkedin"}
_PLACES = {
    "/hubspot/crm/v3/objects/contacts/": "hubspot_app",
    "/meta/": "meta_lead_ads",
    "/linkedin/rest/leadFormResponses/": "linkedin_lead_gen",
}


def contact(number: str, **properties: str) -> tuple[str, Any]:
    """A contact as HubSpot's API shows it."""
    return number, {"id": number, "properties": properties}


def meta_lead(number: str, **answers: str) -> tuple[str, Any]:
    """A lead as the Graph API shows it."""
    data = [{"name": name, "values": [value]} for name, value in answers.items()]
    return number, {"id": number, "platform": "fb", "form_id": "9900", "field_data": data}


def linkedin_response(name: str, hidden: dict[str, str], **answers: str) -> tuple[str, Any]:
    """A response as the Lead Sync API shows it; answers by predefined field."""
    asked = dict(enumerate(answers.items(), 1))
    return name, {
        "id": name,
        "formResponse": {
            "answers": [
                {"questionId": n, "answerDetails": {"textQuestionAnswer": {"answer": text}}}
                for n, (_, text) in asked.items()
            ]
        },
        "form": {
            "hiddenFields": [{"name": n, "value": v} for n, v in hidden.items()],
            "content": {
                "questions": [
                    {"questionId": n, "name": field, "predefinedField": field}
                    for n, (field, _) in asked.items()
                ]
            },
        },
    }


@dataclass
class Vendors:
    """Who is known to which vendor; what a vendor says at first."""

    known: dict[str, dict[str, Any]]
    """Adapter -> id -> answer."""
    first: dict[str, int] = field(default_factory=dict)
    """Id -> status of the first answer about it."""
    hangs: set[str] = field(default_factory=set)
    """Ids about which the first question gets no answer until :attr:`released`."""
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, authorization: str | None) -> tuple[int, Any]:
        """Status and body for one GET."""
        if authorization != f"Bearer {TOKEN}":
            return 401, None
        place = next((p for p in _PLACES if path.startswith(p)), None)
        if place is None:
            return 400, None
        name = path.removeprefix(place).partition("?")[0]
        self.asked[name] += 1
        if self.asked[name] == 1 and name in self.hangs:
            self.released.wait(60)
        if self.asked[name] == 1 and name in self.first:
            return self.first[name], None
        found = self.known[_PLACES[place]].get(name)
        return (404, None) if found is None else (200, found)

    @contextmanager
    def listening(self) -> Iterator[Vendors]:
        """Serve until the end of the block."""
        vendors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, value = vendors.answer(self.path, self.headers.get("authorization"))
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

            def handle(self) -> None:
                with suppress(OSError):  # whoever asked may be dead by now
                    super().handle()

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            server.shutdown()
            server.server_close()
            thread.join()
