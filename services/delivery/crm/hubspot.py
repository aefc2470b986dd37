"""HubSpot: owners, companies, and contacts whose owner may have changed.

Everything is listed page by page; what changed is searched for by its time of change, which the
search index learns of a moment later. Formats: developers.hubspot.com, "Owners", "Companies",
"Search the CRM" (200 results of a page, four calls a second), "Contacts" (batch read with history:
50 of a call).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from aiolimiter import AsyncLimiter

from services.delivery.crm.model import Account, Changed, Item, Owner, Page, Stream
from services.delivery.crm.reader import halt
from services.delivery.crm.windows import Place, following
from services.delivery.sinks.hubspot_api import HubSpotApi, failed
from services.runtime.outside import Answer

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LISTED: Final = 100
_SEARCHED: Final = 100
_WITH_HISTORY: Final = 50
_COMPANIES: Final = "/crm/v3/objects/companies"
_CONTACTS: Final = "/crm/v3/objects/contacts"
_OWNER: Final = "hubspot_owner_id"
_COMPANY: Final = (
    "name", "domain", "hs_additional_domains", "country", "zip", _OWNER, "lifecyclestage",
    "num_associated_contacts", "hs_num_open_deals", "createdate", "hs_lastmodifieddate",
)  # fmt: skip
_CHANGED_AT: Final = {Stream.ACCOUNTS: "hs_lastmodifieddate", Stream.CHANGES: "lastmodifieddate"}


class HubSpotReader:
    """One portal."""

    def __init__(self, api: HubSpotApi) -> None:
        self._api = api
        self._searches = AsyncLimiter(4, 1)

    async def page(self, stream: Stream, since: datetime | None, page: str | None) -> Page:
        """See :class:`~services.delivery.crm.reader.Reader`."""
        if stream is Stream.OWNERS:
            return await self._owners(page)
        if since is None:
            if stream is Stream.CHANGES:
                raise ValueError("owners are followed from a time on")
            return await self._listed(page)
        at = Place.read(page) if page else Place(_ms(since))
        return await self._searched(stream, at)

    async def confirmed(self, changes: Sequence[Changed]) -> Sequence[Changed]:
        """See :class:`~services.delivery.crm.reader.Reader`."""
        found: list[Changed] = []
        for start in range(0, len(changes), _WITH_HISTORY):
            some = changes[start : start + _WITH_HISTORY]
            body = {
                "properties": [_OWNER, "lastmodifieddate"],
                "propertiesWithHistory": [_OWNER],
                "inputs": [{"id": one.record} for one in some],
            }
            said = _whole(await self._api.post(f"{_CONTACTS}/batch/read", body))
            found += [replace(_changed(one), by=_author(one)) for one in said.get("results") or ()]
        return found

    # -- lists ---------------------------------------------------------------------------------
    async def _owners(self, page: str | None) -> Page:
        said = await self._list("/crm/v3/owners", {"limit": _LISTED, "archived": "false"}, page)
        return Page(tuple(_owner(one) for one in said.get("results") or ()), _next(said))

    async def _listed(self, page: str | None) -> Page:
        """Everything: companies that there are, then those that were deleted."""
        kind, _, after = (page or f"{_LISTS[0]}:").partition(":")
        asked = {
            "limit": _LISTED,
            "properties": ",".join(_COMPANY),
            "archived": "true" if kind == _LISTS[1] else "false",
        }
        said = await self._list(_COMPANIES, asked, after or None)
        items = tuple(_account(one) for one in said.get("results") or ())
        goes_on = _next(said)
        following_page = f"{kind}:{goes_on}" if goes_on else None
        if following_page is None and kind == _LISTS[0]:
            following_page = f"{_LISTS[1]}:"
        return Page(items, following_page)

    async def _list(self, path: str, asked: Mapping[str, Any], after: str | None) -> dict[str, Any]:
        query = urlencode({**asked, **({"after": after} if after else {})})
        return _whole(await self._api.get(f"{path}?{query}"))

    # -- what changed --------------------------------------------------------------------------
    async def _searched(self, stream: Stream, at: Place) -> Page:
        path, properties = (
            (_COMPANIES, _COMPANY)
            if stream is Stream.ACCOUNTS
            else (_CONTACTS, (_OWNER, "lastmodifieddate"))
        )
        await self._searches.acquire()
        body = _query(_CHANGED_AT[stream], at, properties)
        said = _whole(await self._api.post(f"{path}/search", body))
        results = said.get("results") or []
        read = _account if stream is Stream.ACCOUNTS else _changed
        items: tuple[Item, ...] = tuple(read(one) for one in results)
        seen = [(_ms(_at(one)), int(one["id"])) for one in results]
        goes_on = following(at, seen, _next(said) is not None, _SEARCHED)
        return Page(items, goes_on.text() if goes_on else None)


_LISTS: Final = ("all", "archived")


def _query(changed_at: str, at: Place, properties: Sequence[str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"limit": _SEARCHED, "properties": list(properties)}
    operator = "GTE" if at.above is None else "EQ"
    filters = [{"propertyName": changed_at, "operator": operator, "value": str(at.since)}]
    if at.above is not None:
        filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": str(at.above)})
    elif at.after:
        asked["after"] = str(at.after)
    sorted_by = changed_at if at.above is None else "hs_object_id"
    return {
        **asked,
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": sorted_by, "direction": "ASCENDING"}],
    }


def _whole(answer: Answer) -> dict[str, Any]:
    if answer.status not in (200, 207):
        raise halt(failed(answer))
    return answer.document


def _next(said: Mapping[str, Any]) -> str | None:
    after = ((said.get("paging") or {}).get("next") or {}).get("after")
    return str(after) if after else None


# -- what it says -----------------------------------------------------------------------------
def _owner(said: Mapping[str, Any]) -> Owner:
    name = " ".join(str(said.get(part) or "") for part in ("firstName", "lastName")).strip()
    user = said.get("userId")
    return Owner(
        owner_id=str(said["id"]),
        name=name or str(said.get("email") or said["id"]),
        email=said.get("email") or None,
        active=not said.get("archived", False),
        user_id=str(user) if user else None,
    )


def _account(said: Mapping[str, Any]) -> Account:
    properties = said.get("properties") or {}
    if said.get("archived"):
        return Account(str(said["id"]), _at(said), deleted=True)
    aliases = str(properties.get("hs_additional_domains") or "").split(";")
    stage, deals = properties.get("lifecyclestage"), properties.get("hs_num_open_deals")
    return Account(
        account_id=str(said["id"]),
        changed_at=_at(said),
        name=properties.get("name") or None,
        domains=tuple(one for one in (properties.get("domain"), *aliases) if one),
        country=properties.get("country") or None,
        postal_code=properties.get("zip") or None,
        owner_id=str(properties.get(_OWNER) or ""),
        customer=None if stage is None else stage == "customer",
        open_opportunity=None if deals is None else _number(deals) > 0,
        contacts=_number(properties.get("num_associated_contacts")),
        since=_day(properties.get("createdate")),
    )


def _changed(said: Mapping[str, Any]) -> Changed:
    owner = (said.get("properties") or {}).get(_OWNER)
    return Changed(str(said["id"]), str(owner) if owner else None, _at(said))


def _author(said: Mapping[str, Any]) -> str | None:
    """User id behind the newest owner; None where a program or nobody that is known made it."""
    history = ((said.get("propertiesWithHistory") or {}).get(_OWNER)) or []
    newest = max(history, key=lambda one: str(one.get("timestamp") or ""), default=None)
    user = newest.get("updatedByUserId") if newest else None
    return str(user) if user else None


def _at(said: Mapping[str, Any]) -> datetime:
    """When it changed last; of what was deleted, when that was."""
    properties = said.get("properties") or {}
    text = (
        said.get("archivedAt")
        or properties.get("hs_lastmodifieddate")
        or properties.get("lastmodifieddate")
        or said.get("updatedAt")
    )
    return datetime.fromisoformat(str(text)).astimezone(UTC)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _number(text: object) -> int:
    try:
        return max(0, int(float(str(text))))
    except ValueError:
        return 0


def _day(text: object) -> date | None:
    return datetime.fromisoformat(text).date() if isinstance(text, str) and text else None
