"""Who runs the mail of a domain, read from the names of its mail servers."""

from __future__ import annotations

from collections.abc import Sequence

from services.kernel.vocabulary import MailProvider

_ENDINGS: tuple[tuple[MailProvider, str], ...] = (
    (MailProvider.GOOGLE, "google.com googlemail.com"),
    (MailProvider.MICROSOFT, "outlook.com office365.us hotmail.com"),
    (MailProvider.ZOHO, "zoho.com zoho.eu zoho.in zohomail.com zoho.com.au"),
    (MailProvider.PROTON, "protonmail.ch proton.me"),
    (MailProvider.FASTMAIL, "messagingengine.com"),
    (MailProvider.AMAZON, "amazonaws.com awsapps.com"),
    (MailProvider.YANDEX, "yandex.ru yandex.net"),
    (
        MailProvider.GATEWAY,
        "pphosted.com ppe-hosted.com proofpoint.com mimecast.com mimecast.co.za "
        "barracudanetworks.com messagelabs.com iphmx.com mailcontrol.com trendmicro.com "
        "trendmicro.eu hornetsecurity.com fireeyecloud.com forcepoint.net sophos.com "
        "antispameurope.com retarus.com",
    ),
    (
        MailProvider.HOSTER,
        "secureserver.net kundenserver.de ionos.com ionos.de 1and1.com ovh.net strato.de "
        "rzone.de registrar-servers.com privateemail.com emailsrvr.com gandi.net hostinger.com "
        "titan.email one.com infomaniak.ch mail.hostpoint.ch kasserver.com hosteurope.de",
    ),
)
_FAMILIES = {ending: who for who, endings in _ENDINGS for ending in endings.split()}


def family(hosts: Sequence[str]) -> MailProvider | None:
    """Who runs the mail.

    :param hosts: names of the mail servers, the preferred first; none: None.
    """
    for host in hosts:
        labels = host.casefold().strip(".").split(".")
        for start in range(len(labels) - 1):
            found = _FAMILIES.get(".".join(labels[start:]))
            if found is not None:
                return found
    return MailProvider.OTHER if hosts else None
