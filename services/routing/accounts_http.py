"""``/v1/accounts``: import the accounts table, look into it, try a match."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from services.routing.accounts import Accounts
from services.routing.accounts_csv import HeaderFault
from services.routing.companies import Company
from services.runtime.apikeys import Principal, Scope
from services.runtime.http import Problem, read_body, require

MAX_IMPORT = 1024 * 1024
"""Bytes of one import; the command cuts larger files up."""
_BODY_SECONDS = 30.0

Admin = Annotated[Principal, Depends(require(Scope.REPS_ADMIN))]
Reader = Annotated[Principal, Depends(require(Scope.DECISIONS_READ))]
Text = Annotated[str | None, Query(max_length=300)]


class LineProblem(BaseModel):
    """What is wrong with a line, or a value of it."""

    line: int
    column: str
    message: str


class Imported(BaseModel):
    """What an import did, or with ``dry_run`` would do."""

    created: int
    updated: int
    unchanged: int
    dry_run: bool
    faults: list[LineProblem]
    """Lines that were left out."""
    notes: list[LineProblem]
    """Values that were left out, and owners whom nobody knows."""


class Account(BaseModel):
    """One account."""

    id: str
    name: str
    domains: list[str]
    country: str | None
    postal_code: str | None
    owners: dict[str, str]
    open_opportunity: bool
    customer: bool
    named: bool
    contacts: int
    since: str | None


_CSV: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "maxLength": MAX_IMPORT}}},
    }
}


def router(accounts: Accounts) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/accounts", tags=["accounts"])
    _writing(routes, accounts)
    _reading(routes, accounts)
    return routes


def _writing(routes: APIRouter, accounts: Accounts) -> None:

    @routes.post("/import", openapi_extra=_CSV)
    async def bring_in(
        request: Request,
        _: Admin,
        dry_run: bool = False,
        first_line: Annotated[int, Query(ge=1, le=100_000_000)] = 1,
    ) -> Imported:
        """Import CSV with a header: good lines are stored, the others told with their reason."""
        body = await read_body(request, MAX_IMPORT, _BODY_SECONDS)
        try:
            text = body.decode("utf-8-sig")
            report = await accounts.bring_in(text, first_line=first_line, dry_run=dry_run)
        except UnicodeDecodeError:
            raise Problem(422, "Not UTF-8", "Save the file as CSV in UTF-8.") from None
        except HeaderFault as fault:
            raise Problem(422, "Not an accounts file", str(fault)) from None
        return Imported.model_validate(report, from_attributes=True)

    @routes.delete("/{account_id}")
    async def remove(account_id: str, _: Admin) -> dict[str, list[str]]:
        """Forget an account; leads keep who has them."""
        removed = await accounts.remove([account_id])
        if not removed:
            raise Problem(404, "Unknown account", "No account has this id.")
        return {"removed": removed}


def _reading(routes: APIRouter, accounts: Accounts) -> None:
    @routes.get("/match")
    async def match(
        _: Reader,
        domain: Text = None,
        company: Text = None,
        country: Text = None,
        postal_code: Text = None,
    ) -> dict[str, Any]:
        """Which account such a lead would belong to, with all candidates and why they lost."""
        return await accounts.try_match(domain, company, country, postal_code)

    @routes.get("/{named}")
    async def show(named: str, _: Reader) -> list[Account]:
        """The account of an id, else those of a domain."""
        found = await accounts.find(named)
        if not found:
            raise Problem(404, "Unknown account", "No account has this id or domain.")
        return [_account(one) for one in found]


def _account(company: Company) -> Account:
    return Account(
        id=company.company_id,
        name=company.name,
        domains=list(company.domains),
        country=company.country,
        postal_code=company.postal_code,
        owners=dict(company.owners),
        open_opportunity=company.open_opportunity,
        customer=company.customer,
        named=company.named,
        contacts=company.contacts,
        since=company.since.isoformat() if company.since is not None else None,
    )
