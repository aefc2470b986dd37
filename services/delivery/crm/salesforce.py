"""Salesforce: users, accounts and open leads, by SOQL in the order of their last change.

Each page is a query of its own that begins behind the last record of the page before, so that a
reading can stop anywhere and go on later; a page that Salesforce cuts up is followed by its
locator, and read anew where that has expired. Formats: developer.salesforce.com, REST API (Query,
QueryAll).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote

from pydantic_core import from_json, to_json

from services.delivery.crm.model import Account, Changed, Halted, Item, Owner, Page, Stream
from services.delivery.crm.reader import halt
from services.delivery.sinks.salesforce_session import Session, code_of, failed, quoted

_MOST: Final = 2_000
_PIECES: Final = 100
_ASKED: Final = 200
_CHANGED_AT: Final = "SystemModstamp"
_QUERIES: Final = {
    Stream.OWNERS: ("query", "SELECT Id, Name, Email, IsActive, SystemModstamp FROM User", ""),
    Stream.ACCOUNTS: (
        # Deleted ones, too.
        "queryAll",
        "SELECT Id, Name, Website, BillingCountry, BillingPostalCode, OwnerId, Type, CreatedDate,"
        " IsDeleted, SystemModstamp FROM Account",
        "",
    ),
    Stream.CHANGES: (
        "query",
        "SELECT Id, OwnerId, LastModifiedById, SystemModstamp FROM Lead",
        "IsConverted = false",
    ),
}


class SalesforceReader:
    """One org."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def page(self, stream: Stream, since: datetime | None, page: str | None) -> Page:
        """See :class:`~services.delivery.crm.reader.Reader`."""
        records = await self._records(*_soql(stream, since, page))
        read = _READ[stream]
        items: tuple[Item, ...] = tuple(read(one) for one in records)
        more = len(records) >= _MOST
        last = to_json({"at": records[-1][_CHANGED_AT], "id": records[-1]["Id"]}) if more else b""
        return Page(items, last.decode() or None)

    async def confirmed(self, changes: Sequence[Changed]) -> Sequence[Changed]:
        """See :class:`~services.delivery.crm.reader.Reader`."""
        found: list[Changed] = []
        for start in range(0, len(changes), _ASKED):
            ids = ", ".join(quoted(one.record) for one in changes[start : start + _ASKED])
            verb, select, condition = _QUERIES[Stream.CHANGES]
            records = await self._records(verb, f"{select} WHERE Id IN ({ids}) AND {condition}")
            found += [_changed(one) for one in records]
        return found

    async def _records(self, verb: str, soql: str) -> list[dict[str, Any]]:
        answer = await self._session.ask("GET", f"/{verb}?q={quote(soql, safe='')}")
        records: list[dict[str, Any]] = []
        for _ in range(_PIECES):
            if answer.status != 200:
                if code_of(_document(answer.body)) == "INVALID_QUERY_LOCATOR":
                    raise Halted("invalid_query_locator", 0.0)
                raise halt(failed(answer))
            said = answer.document
            records += said.get("records") or []
            locator = said.get("nextRecordsUrl")
            if said.get("done", True) or not locator:
                break
            answer = await self._session.ask("GET", str(locator))
        return records


def _soql(stream: Stream, since: datetime | None, page: str | None) -> tuple[str, str]:
    verb, select, condition = _QUERIES[stream]
    conditions = [condition] if condition else []
    if page is not None:
        at = from_json(page)
        behind = _literal(_time(str(at["at"])))
        conditions.append(
            f"({_CHANGED_AT} > {behind} OR ({_CHANGED_AT} = {behind} AND Id > {quoted(at['id'])}))"
        )
    elif since is not None:
        conditions.append(f"{_CHANGED_AT} >= {_literal(since)}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return verb, f"{select}{where} ORDER BY {_CHANGED_AT}, Id LIMIT {_MOST}"


def _literal(at: datetime) -> str:
    """A time in SOQL, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- what it says -----------------------------------------------------------------------------
def _owner(said: Mapping[str, Any]) -> Owner:
    id_ = str(said["Id"])
    email = said.get("Email") or None
    return Owner(id_, str(said.get("Name") or email or id_), email, bool(said["IsActive"]), id_)


def _account(said: Mapping[str, Any]) -> Account:
    id_, at = str(said["Id"]), _at(said)
    if said.get("IsDeleted"):
        return Account(id_, at, deleted=True)
    kind = said.get("Type")
    created = said.get("CreatedDate")
    website = said.get("Website")
    return Account(
        account_id=id_,
        changed_at=at,
        name=said.get("Name") or None,
        domains=(str(website),) if website else None,
        country=said.get("BillingCountry") or None,
        postal_code=said.get("BillingPostalCode") or None,
        owner_id=str(said.get("OwnerId") or ""),
        # "Customer", "Customer - Direct" …
        customer=None if kind is None else str(kind).casefold().startswith("customer"),
        since=_day(created),
    )


def _changed(said: Mapping[str, Any]) -> Changed:
    owner = said.get("OwnerId")
    return Changed(str(said["Id"]), owner and str(owner), _at(said), said.get("LastModifiedById"))


_READ: Final[Mapping[Stream, Callable[[Mapping[str, Any]], Item]]] = {
    Stream.OWNERS: _owner,
    Stream.ACCOUNTS: _account,
    Stream.CHANGES: _changed,
}


def _at(said: Mapping[str, Any]) -> datetime:
    return _time(str(said[_CHANGED_AT]))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("+0000", "+00:00"))


def _day(text: object) -> date | None:
    return _time(text).date() if isinstance(text, str) and text else None


def _document(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None
