"""SignalDetected in: kept once, all leads of the account raised, one made where nobody is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from schemas.base import deterministic_id, event_id
from schemas.lead import Lead, Repeat
from schemas.signal import SignalDetected
from services.kernel.hints import account_of, signal_id
from services.kernel.identity import lead_id
from services.runtime.configstore import Versioned
from services.runtime.database import Connection
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from services.runtime.stage.spec import BadRecords
from services.scoring.happened import Seen
from services.scoring.prospecting import SERVICE, prospect
from services.scoring.rules import Rules
from services.scoring.store import leads, owners, signals
from services.scoring.telling import messages

SOURCE = "signals"
"""Source of the leads that are made of accounts."""


class Signals:
    """The handler."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        outbox: Outbox,
        config: Callable[[], Versioned[Rules]],
        now: Callable[[], datetime],
        secret: bytes,
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._config = config
        self._now = now
        self._secret = secret

    async def handle(self, records: Sequence[Record[SignalDetected]]) -> Sequence[Output]:
        """One batch, one transaction. A repeat changes nothing: what it caused is in the outbox.

        :raises BadRecords: for what names no company.
        """
        accounts = {one.id: account_of(one.event.domain) for one in records}
        if nobody := [one for one, account in accounts.items() if account is None]:
            raise BadRecords(dict.fromkeys(nobody, ("no_account", "the domain is no company's")))
        told = {
            one.id: signals.Told(_seen(one.event), one.id, account)
            for one in records
            if (account := accounts[one.id]) is not None
        }
        async with self._pool.acquire() as conn, conn.transaction():
            await signals.lock_accounts(conn, (one.account_key for one in told.values()))
            fresh = await signals.keep(conn, list(told.values()))
            new = [one for one in told.values() if one.seen.event in fresh]
            await leads.mark(conn, (), {one.account_key for one in new}, timedelta())
            made = await signals.make_leads(conn, self._wanted(new))
            events = {one.id: one.event for one in records}
            outputs = [self._lead(one, events[one.event_id]) for one in _firsts(new, made)]
            outputs += await self._told(conn, new, events)
            return await self._outbox.store(conn, outputs)

    async def _told(
        self,
        conn: Connection,
        new: Sequence[signals.Told],
        events: Mapping[UUID, SignalDetected],
    ) -> list[Output]:
        """What is said of new signals to whoever has leads of their accounts."""
        rules = {one.signal: one for one in self._config().value.scoring.signals if one.tell}
        heard = [one for one in new if one.seen.signal in rules]
        owned = await owners.of_accounts(conn, {one.account_key for one in heard}) if heard else {}
        at = self._now()
        return [
            message
            for one in heard
            for message in messages(
                rules[one.seen.signal],
                one.seen.event,
                events[one.event_id],
                owned.get(one.account_key, ()),
                SERVICE,
                at,
            )
        ]

    def _wanted(self, told: Sequence[signals.Told]) -> dict[str, tuple[UUID, UUID]]:
        """The accounts whose signal makes a lead, with the lead's id and the signal's."""
        making = {rule.signal for rule in self._config().value.scoring.signals if rule.creates_lead}
        return {
            one.account_key: (self._lead_id(one.account_key), one.seen.event)
            for one in reversed(told)
            if one.seen.signal in making
        }

    def _lead_id(self, account: str) -> UUID:
        return lead_id(self._secret, None, None, "account", account)

    def _lead(self, told: signals.Told, event: SignalDetected) -> Output:
        """The one outbound lead of an account: nobody yet, at a company with a reason to buy."""
        lead = self._lead_id(told.account_key)
        return prospect(
            Lead(
                lead_id=lead,
                account_key=told.account_key,
                company=event.company or told.account_key,
                message=event.detail or None,
                fields={"company_domain": told.account_key, "signal": event.signal.value},
            ),
            submission_id=deterministic_id("signal-lead", lead),
            event_id=event_id(told.event_id, SERVICE, lead, 0),
            causation_id=told.event_id,
            source=SOURCE,
            repeat=Repeat.FIRST,
            touch=1,
            submitted_at=min(event.occurred_at, event.received_at),
            received_at=event.received_at,
            at=self._now(),
        )


def _firsts(told: Sequence[signals.Told], accounts: set[str]) -> list[signals.Told]:
    """Of each account the first signal."""
    firsts = {one.account_key: one for one in reversed(told) if one.account_key in accounts}
    return list(firsts.values())


def _seen(event: SignalDetected) -> Seen:
    return Seen(
        event=signal_id(event),
        signal=event.signal,
        provider=event.provider,
        strength=event.strength,
        at=min(event.occurred_at, event.received_at),
        received_at=event.received_at,
        detail=event.detail,
        url=event.url,
    )
