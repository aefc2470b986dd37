"""What one process remembers of the world outside a submission: domains and networks.

Only memory: nobody waits for it. What is not known yet speaks for the sender.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from schemas.submission import SubmissionReceived
from services.capture.leadform import LeadForm
from services.capture.normalize import Draft
from services.capture.screening_config import Rules
from services.capture.signs import NETWORK_HEADER, mail_domain, network_of

WINDOW: Final = timedelta(minutes=1)


class MailDomains:
    """Whether mail reaches a domain, as far as it was asked before.

    :param size: domains remembered; the one unused for longest is forgotten first.
    :param waiting: domains that wait to be asked about; more are not noted.
    """

    def __init__(self, size: int = 50_000, waiting: int = 1_000) -> None:
        self._size = size
        self._waiting = waiting
        self._known: OrderedDict[str, tuple[bool, datetime]] = OrderedDict()
        self._wanted: dict[str, None] = {}

    def no_mail(self, domain: str, now: datetime) -> bool:
        """Whether mail is known not to reach it. What is not known is noted, to be asked."""
        accepts, until = self._known.get(domain, (True, None))
        if until is not None and until > now:
            self._known.move_to_end(domain)
            return not accepts
        if len(self._wanted) < self._waiting:
            self._wanted[domain] = None
        return False

    def learn(self, domain: str, *, accepts: bool, until: datetime) -> None:
        """Remember an answer while it holds."""
        self._known[domain] = (accepts, until)
        self._known.move_to_end(domain)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def take_wanted(self) -> list[str]:
        """The domains to ask about, each once."""
        wanted, self._wanted = list(self._wanted), {}
        return wanted


class Bursts:
    """How much each network sent within the last minute, by the time of receipt.

    A submission counts once, however often it is decided.
    """

    def __init__(self, networks: int = 10_000, each: int = 1_000) -> None:
        self._size = networks
        self._each = each
        self._recent: OrderedDict[str, deque[tuple[datetime, UUID]]] = OrderedDict()

    def count(self, network: str, submission: UUID, at: datetime) -> int:
        """Submissions of a network in the minute up to ``at``, this one included."""
        recent = self._recent.setdefault(network, deque(maxlen=self._each))
        self._recent.move_to_end(network)
        if all(one != submission for _, one in recent):
            recent.append((at, submission))
        while len(self._recent) > self._size:
            self._recent.popitem(last=False)
        return sum(at - WINDOW < one <= at for one, _ in recent)


class World:
    """Both, as screening asks for them.

    :param key: keeps the names of networks from being guessed.
    """

    def __init__(self, key: bytes = b"") -> None:
        self.mail = MailDomains()
        self._bursts = Bursts()
        self._key = key

    def no_mail(self, draft: Draft, rules: Rules, at: datetime) -> bool:
        """Whether mail is known not to reach the person's domain."""
        domain = mail_domain(draft) if rules.ask_mx else None
        return domain is not None and self.mail.no_mail(domain, at)

    def burst(self, submission: SubmissionReceived, form: LeadForm, rules: Rules) -> bool:
        """Whether the person's network sent too much within the last minute."""
        match (rules.network or "").split(".", 1):
            case ["request"]:
                network = submission.headers.get(NETWORK_HEADER)
            case ["fields", name]:
                network = network_of(form.fields.get(name), self._key)
            case _:
                network = None
        if network is None:
            return False
        at = submission.received_at
        return self._bursts.count(network, submission.submission_id, at) > rules.burst
