"""Country names as people write them on forms, to ISO 3166-1 alpha-2."""

from __future__ import annotations

from services.kernel.countries import COUNTRIES, MISTAKEN

_CODES = frozenset(COUNTRIES)

_NAMES = {
    "AE": "united arab emirates|uae|emirates",
    "AR": "argentina",
    "AT": "austria|österreich",
    "AU": "australia",
    "BE": "belgium|belgië|belgique",
    "BG": "bulgaria",
    "BR": "brazil|brasil",
    "CA": "canada",
    "CH": "switzerland|schweiz|suisse|svizzera",
    "CL": "chile",
    "CN": "china|people's republic of china|prc",
    "CO": "colombia",
    "CY": "cyprus",
    "CZ": "czechia|czech republic|česko",
    "DE": "germany|deutschland|deu|ger",
    "DK": "denmark|danmark",
    "EE": "estonia",
    "EG": "egypt",
    "ES": "spain|españa|esp",
    "FI": "finland|suomi",
    "FR": "france|fra",
    "GB": "united kingdom|great britain|britain|england|scotland|wales|northern ireland|gbr",
    "GR": "greece",
    "HK": "hong kong",
    "HR": "croatia",
    "HU": "hungary",
    "ID": "indonesia",
    "IE": "ireland|éire",
    "IL": "israel",
    "IN": "india|ind",
    "IS": "iceland",
    "IT": "italy|italia|ita",
    "JP": "japan|jpn",
    "KE": "kenya",
    "KR": "south korea|korea|republic of korea",
    "LT": "lithuania",
    "LU": "luxembourg",
    "LV": "latvia",
    "MA": "morocco",
    "MT": "malta",
    "MX": "mexico|méxico",
    "MY": "malaysia",
    "NG": "nigeria",
    "NL": "netherlands|the netherlands|holland|nederland",
    "NO": "norway|norge",
    "NZ": "new zealand",
    "PE": "peru",
    "PH": "philippines",
    "PK": "pakistan",
    "PL": "poland|polska",
    "PT": "portugal",
    "RO": "romania",
    "RS": "serbia",
    "SA": "saudi arabia",
    "SE": "sweden|sverige",
    "SG": "singapore",
    "SI": "slovenia",
    "SK": "slovakia",
    "TH": "thailand",
    "TR": "turkey|türkiye",
    "TW": "taiwan",
    "UA": "ukraine",
    "US": "united states|united states of america|usa|u.s.|u.s.a.|america",
    "VN": "vietnam|viet nam",
    "ZA": "south africa",
}
_BY_NAME = {name: code for code, names in _NAMES.items() for name in names.split("|")}


def country_code(text: str | None) -> str | None:
    """ISO 3166-1 alpha-2 of what a person wrote; None where that is not certain."""
    name = " ".join((text or "").split())
    code = name.upper()
    if code in _CODES:
        return code
    return MISTAKEN.get(code) or _BY_NAME.get(name.lower())
