"""accounts.v1: what a CRM says of companies, laid over what the accounts table has.

A CRM says less than a file: what it does not know stays as it is (deals come by activities).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from schemas.account import AccountChanged
from services.routing.accounts_merge import merged
from services.routing.store import companies as store
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record

STAGE: Final = "routing.accounts"


class AccountsFeed:
    """The stage: one batch, one transaction."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def handle(self, records: Sequence[Record[AccountChanged]]) -> Sequence[Output]:
        """Keep the newest of each account; nothing follows."""
        return await self._outbox.process(records, self._keep)

    async def _keep(
        self, connection: asyncpg.Connection, records: Sequence[Record[AccountChanged]]
    ) -> Mapping[UUID, Sequence[Output]]:
        # One account is on one partition: the last of a batch is the newest.
        newest = {record.event.account_id: record.event for record in records}
        known = await store.by_id(connection, newest)
        found = [
            merged(known.get(id_), event) for id_, event in newest.items() if not event.deleted
        ]
        await store.save(
            connection,
            [one for one in found if one is not None and one != known.get(one.company_id)],
        )
        await store.remove(connection, [id_ for id_, event in newest.items() if event.deleted])
        return {}
