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
