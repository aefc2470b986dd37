"""Who would have which account and lead if territories were dealt out anew. Pure.

Only what a row of a territory table takes may move, and only from somebody who is not of the row's
pool. A lead moves with its account where both have one owner; leads of one account stay together.
Deals that are open and leads that somebody worked on lately stay where they are (grandfathered).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemas.assignment import AssignmentStatus
from schemas.base import RoleName
from services.kernel.people import Pool
from services.routing.companies import Company, Level
from services.routing.eligibility import demand, unfit
from services.routing.plan import Plan
from services.routing.review.moves import Facts, Held, Move, Said, Terms, Why
from services.routing.territories import Hit

MOVED_KINDS = (Level.ACCOUNT, Level.NAMED)
"""Owners of deals and of customers are grandfathered as such."""


def realigned(
    plan: Plan, held: Sequence[Held], companies: Iterable[Company], terms: Terms
) -> Iterator[Move]:
    """What would move, and what stays only because it is grandfathered or belongs nowhere.

    Accounts first. What is with the right person is not told.
    """
    books = _Books(plan, held, terms)
    by_company: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        if one.company is not None:
            by_company[one.company.company_id].append(one)
    moved: dict[tuple[str, str], tuple[str, str]] = {}
    for company in companies:
        for move in _of_company(books, company, by_company.get(company.company_id, ())):
            yield move
            if move.to is not None and move.to_pool is not None:
                moved[company.company_id, move.was] = move.to, move.to_pool
    for one in held:
        found = _of_lead(books, one, moved)
        if found is not None:
            yield found


class _Books:
    """How many leads everybody has, so that those that move go to whom has fewest by weight."""

    def __init__(self, plan: Plan, held: Iterable[Held], terms: Terms) -> None:
        self.plan = plan
        self.terms = terms
        self._has = Counter(one.rep for one in held)
        self._chosen: dict[tuple[str, str], str] = {}

    def here(self, rep_id: str) -> bool:
        rep = self.plan.rep(rep_id)
        return rep is not None and rep.active and rep_id not in self.terms.gone

    def choose(self, pool: Pool, facts: Facts, together: str) -> str | None:
        """Whoever of the pool is to have it; the same for everything that belongs together."""
        known = self._chosen.get((pool.id, together))
        if known is not None:
            return known
        wanted = demand(pool, facts, preferred=False)
        reps = self.plan.teams.rep
        here = [member for member in pool.members if self.here(member.rep)]
        able = [one for one in here if unfit(reps[one.rep], wanted, facts) is None]
        if not able:
            return None
        chosen = min(able, key=lambda one: ((self._has[one.rep] + 1) / one.weight, one.rep)).rep
        self._chosen[pool.id, together] = chosen
        return chosen

    def moves(self, was: str, to: str) -> None:
        self._has[was] -= 1
        self._has[to] += 1


def _of_company(books: _Books, company: Company, leads: Sequence[Held]) -> Iterator[Move]:
    facts = _facts_of(company, leads)
    for kind in MOVED_KINDS:
        name = company.owners.get(kind.value)
        if name is None:
            continue
        owner = books.plan.person(name)
        said = Said(
            "account", company.company_id, company.name, kind.value,
            owner.role.value if owner is not None else None,
            owner.id if owner is not None else name, None, named=name,
        )  # fmt: skip
        if owner is None:
            yield said.stays(Why.UNKNOWN_OWNER)
            continue
        hit = _hit(books.plan, owner.role, facts)
        found = _judged(books, said, hit, facts, company.company_id)
        if found is None:
            continue
        if found.to is not None and (why := _kept(books.terms, company, owner.id, leads)):
            found = said.stays(why, hit)
        yield found


def _of_lead(
    books: _Books, one: Held, moved: Mapping[tuple[str, str], tuple[str, str]]
) -> Move | None:
    said = Said(
        "lead", str(one.lead_id), one.company.name if one.company is not None else None, None,
        one.role.value, one.rep, one.pool, one.assignment_id, one.status.value,
    )  # fmt: skip
    hit = _territory(books.plan, one)
    company = one.company
    following = moved.get((company.company_id, one.rep)) if company is not None else None
    if following is not None:
        found: Move | None = said.moves(*following, Why.WITH_ACCOUNT, hit)
    elif company is not None and _owns(books.plan, company, one.rep):
        return None  # the account stays with its owner, and the lead with the account
    else:
        found = _judged(books, said, hit, one.facts, one.account_key)
    if found is None or found.to is None:
        return found
    if one.status is AssignmentStatus.ESCALATED:
        return said.stays(Why.ESCALATED, hit)
    if company is not None and company.open_opportunity:
        return said.stays(Why.OPEN_OPPORTUNITY, hit)
    if _touched(books.terms, one):
        return said.stays(Why.TOUCHED, hit)
    books.moves(one.rep, found.to)
    return found


def _judged(books: _Books, said: Said, hit: Hit | None, facts: Facts, together: str) -> Move | None:
    """Where the territory wants it; None where it is there."""
    if hit is None:
        return said.stays(Why.NO_TERRITORY)
    pool = books.plan.pool(hit.row.pool)
    if pool is None:
        return said.stays(Why.NURTURE, hit)
    if books.here(said.was) and said.was in books.plan.weights[pool.id]:
        return None
    to = books.choose(pool, facts, together)
    if to is None:
        return said.stays(Why.NOBODY, hit)
    return said.moves(to, pool.id, Why.TERRITORY, hit)


def _territory(plan: Plan, one: Held) -> Hit | None:
    """The row by which the rules of the role route the lead; None where another rule does."""
    rules = plan.rule_set(one.role)
    if rules is None:
        return None
    for at in rules.index.candidates(one.facts):
        rule = rules.rules[at]
        if rule.verdict(one.facts) is not True:
            continue
        if rule.table is None:
            return None
        hit = rule.table.find(one.facts)
        if hit is not None:
            return hit
    return None


def _hit(plan: Plan, role: RoleName, facts: Facts) -> Hit | None:
    """The first row, in the order of the role's rules, that takes an account."""
    rules = plan.rule_set(role)
    tables = [rule.table for rule in rules.rules if rule.table is not None] if rules else []
    hits = (table.find(facts) for table in tables)
    return next((hit for hit in hits if hit is not None), None)


def _facts_of(company: Company, leads: Sequence[Held]) -> dict[str, object]:
    """What a table can ask of an account: from the accounts table, the rest from its leads."""
    facts: dict[str, object] = {}
    for one in leads:
        for name in ("company.headcount", "company.industry", "company.country", "place.region",
                     "place.postal_code", "country.resolved"):  # fmt: skip
            if name in one.facts:
                facts.setdefault(name, one.facts[name])
    own = {
        "company.country": company.country,
        "place.postal_code": company.postal_code,
        "account.id": company.company_id,
        "company.domain": company.domains[0] if company.domains else None,
    }
    return {**facts, **{name: value for name, value in own.items() if value is not None}}


def _kept(terms: Terms, company: Company, owner: str, leads: Sequence[Held]) -> Why | None:
    if company.open_opportunity:
        return Why.OPEN_OPPORTUNITY
    if any(one.rep == owner and _touched(terms, one) for one in leads):
        return Why.TOUCHED
    return None


def _owns(plan: Plan, company: Company, rep: str) -> bool:
    owners = (plan.person(name) for _, name in company.levels() if name is not None)
    return any(owner is not None and owner.id == rep for owner in owners)


def _touched(terms: Terms, one: Held) -> bool:
    return one.worked_at is not None and terms.now - one.worked_at < terms.untouched_for
