"""Words for a person's place in a company. The offline enrichment writes them, rules read them."""

from __future__ import annotations

from enum import StrEnum


class Seniority(StrEnum):
    """How high somebody stands, highest first."""

    C_SUITE = "c_suite"
    VP = "vp"
    DIRECTOR = "director"
    HEAD = "head"
    MANAGER = "manager"
    SENIOR = "senior"
    IC = "ic"
    """An individual contributor."""
    INTERN = "intern"
    STUDENT = "student"
    """Not yet in a job: learns, does not buy."""


class Department(StrEnum):
    """What somebody works on."""

    SALES = "sales"
    MARKETING = "marketing"
    REVENUE_OPERATIONS = "revenue_operations"
    CUSTOMER_SUCCESS = "customer_success"
    PRODUCT = "product"
    ENGINEERING = "engineering"
    DATA = "data"
    DESIGN = "design"
    IT = "it"
    SECURITY = "security"
    OPERATIONS = "operations"
    FINANCE = "finance"
    PROCUREMENT = "procurement"
    HR = "hr"
    LEGAL = "legal"
    RESEARCH = "research"
    GENERAL_MANAGEMENT = "general_management"
    OTHER = "other"


class EmailStatus(StrEnum):
    """What a verifier found out about an address."""

    VALID = "valid"
    ACCEPT_ALL = "accept_all"
    """The server takes mail for every address: nobody can tell."""
    INVALID = "invalid"
    DISPOSABLE = "disposable"


class MailProvider(StrEnum):
    """Who runs the mail of a domain, by its MX records."""

    GOOGLE = "google"
    MICROSOFT = "microsoft"
    ZOHO = "zoho"
    PROTON = "proton"
    FASTMAIL = "fastmail"
    AMAZON = "amazon"
    YANDEX = "yandex"
    HOSTER = "hoster"
    """A web hoster's mailboxes: mostly small companies."""
    GATEWAY = "gateway"
    """A security gateway (Proofpoint, Mimecast …): mostly large companies."""
    OTHER = "other"
