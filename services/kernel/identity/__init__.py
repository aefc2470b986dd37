"""Who a person is and which company they stand for.

The order of care: two strangers are never taken for one person, even where that means that one
person is sometimes taken for two.
"""

from __future__ import annotations

from services.kernel.identity.domains import EmailClass, email_class, registrable_domain
from services.kernel.identity.email import (
    NormalisedEmail,
    is_email,
    is_role_address,
    normalise_email,
)
from services.kernel.identity.keys import account_key, lead_id, secret_fingerprint
from services.kernel.identity.phone import (
    PhoneType,
    impossible_phone,
    normalise_phone,
    personal_phone,
    phone_country,
    phone_type,
)

__all__ = [
    "EmailClass",
    "NormalisedEmail",
    "PhoneType",
    "account_key",
    "email_class",
    "impossible_phone",
    "is_email",
    "is_role_address",
    "lead_id",
    "normalise_email",
    "normalise_phone",
    "personal_phone",
    "phone_country",
    "phone_type",
    "registrable_domain",
    "secret_fingerprint",
]
