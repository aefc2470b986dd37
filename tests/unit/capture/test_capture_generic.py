"""Forms of any tool: JSON, form-encoded or multipart, by a mapping of dotted paths."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.submission import KeyKind
from services.capture import config
from services.capture.adapters.base import Delivered, HookRequest, SourceView, Unparsable, Verdict
from services.capture.adapters.generic import Generic
from services.capture.adapters.presets import PRESETS, Preset
from services.capture.leadform import LeadForm, is_target
from services.runtime.configfile import ConfigError

EMAIL = "dana@northwind.example"
CHANNELS = {"channels.yaml": "channels: []\n"}


def read(
    body: bytes, content_type: str = "", preset: Preset | None = None, **mapping: str
) -> LeadForm:
    headers = {"content-type": content_type} if content_type else {}
    paths = {path.replace("__", "."): target for path, target in mapping.items()}
    return Generic(preset or Preset()).to_lead(Delivered(body, headers), SourceView(paths))


def encoded(**fields: str) -> bytes:
    return urlencode(fields).encode()


def test_nested_json_is_mapped_by_dotted_path() -> None:
    body = json.dumps({"person": {"mail": EMAIL, "tags": ["a", "b"]}, "orders": [{"n": 3}]})
    form = read(body.encode(), person__mail="email", orders__0__n="fields.orders")
    assert form.email == EMAIL
    assert form.fields == {"person.tags": "a, b", "orders": "3"}


def test_a_well_known_name_needs_no_mapping_also_inside_a_wrapper() -> None:
    form = read(json.dumps({"data": {"email": EMAIL, "utm_source": "google"}}).encode())
    assert (form.email, form.utm.source) == (EMAIL, "google")
    other = read(json.dumps({"email": EMAIL, "recruiter": {"email": "x@y.example"}}).encode())
    assert (other.email, other.fields) == (EMAIL, {"recruiter.email": "x@y.example"})


@pytest.mark.parametrize("path", ["crm_url", "data.crm_url", "form.CRM_URL"])
def test_nobody_who_fills_in_a_form_gives_reps_a_link_into_their_crm(path: str) -> None:
    body = encoded(**{"email": EMAIL, path: "https://evil.example/"})
    form = read(body)
    assert (form.crm_url, form.fields[path]) == (None, "https://evil.example/")
    mapped = read(body, **{path.replace(".", "__"): "crm_url"})
    assert mapped.crm_url == "https://evil.example/", "whoever maps it knows who writes it"


def test_a_number_is_a_text() -> None:
    form = read(json.dumps({"email": EMAIL, "phone": 4915112345678, "seats": [7]}).encode())
    assert (form.phone, form.fields) == ("4915112345678", {"seats": "7"})


def test_what_is_mapped_by_hand_wins_over_a_name() -> None:
    for names in (("email", "work"), ("work", "email")):
        body = json.dumps({name: f"{name}@northwind.example" for name in names}).encode()
        form = read(body, work="email")
        assert form.email == "work@northwind.example"


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_the_content_type_is_not_believed(content_type: str) -> None:
    assert read(encoded(email=EMAIL), content_type).email == EMAIL
    assert read(b'{"email": "%s"}' % EMAIL.encode(), content_type).email == EMAIL


def test_brackets_are_paths_and_repeated_answers_are_joined() -> None:
    body = f"form%5Bemail%5D={quote(EMAIL)}&tools[]=Slack&tools[]=HubSpot&tools[]=Slack"
    form = read(body.encode())
    assert (form.email, form.fields) == (EMAIL, {"tools": "Slack, HubSpot"})


@pytest.mark.parametrize(
    "body",
    [encoded(full_name="Jörg Ōe", Größe="10–50 人"), "full_name=Jörg Ōe&Größe=10–50 人".encode()],
)
def test_a_form_is_written_in_any_language(body: bytes) -> None:
    form = read(body + f"&email={EMAIL}".encode())
    assert (form.first_name, form.last_name, form.email) == ("Jörg", "Ōe", EMAIL)
    assert form.fields == {"Größe": "10–50 人"}


def test_multipart_texts_are_read_and_files_are_named() -> None:
    body = (
        '--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n' + EMAIL + "\r\n"
        '--x\r\nContent-Disposition: form-data; name="cv"; filename="cv.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n\x00%PDF\r\n--x--\r\n"
    ).encode()
    form = read(body, "multipart/form-data; boundary=x")
    assert (form.email, form.fields) == (EMAIL, {"cv": "cv.pdf"})


@pytest.mark.parametrize("body", [b"email=%ff", b"email=a%00b", b"--x\r\nnonsense", b""])
def test_what_is_no_form_is_unparsable(body: bytes) -> None:
    with pytest.raises(Unparsable):
        read(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"a=%ff", "not UTF-8"), (b"a=%ed%a0%80", "not UTF-8"), (b"a=\xe4", "not UTF-8"),
     (b"a=1&" * 2_001, "more than 2000 members")],
)  # fmt: skip
def test_it_is_said_what_is_wrong_with_a_form(body: bytes, why: str) -> None:
    with pytest.raises(Unparsable, match=why):
        read(body)


def test_half_a_multipart_body_is_nobody_though_the_person_was_in_it() -> None:
    whole = f'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n{EMAIL}\r\n--x'
    assert read(f"{whole}--\r\n".encode()).email == EMAIL
    for rest in ("", "\r\n", "\r\nContent-Disposition: form-data; name=a\r\n\r\nb"):
        with pytest.raises(Unparsable):
            read((whole + rest).encode())


@given(body=st.binary(max_size=400), kind=st.sampled_from(["", "multipart/form-data; boundary=x"]))
def test_no_bytes_are_a_fault(body: bytes, kind: str) -> None:
    for raw in (body, b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + body, b"{" + body):
        try:
            read(raw, kind)
        except Unparsable:
            continue


def request(body: bytes, token: str | None = None) -> HookRequest:
    query = {} if token is None else {"token": token}
    return HookRequest("POST", "https://h.example/hooks/x", query, {}, body)


def test_the_token_in_the_address_is_the_proof() -> None:
    for adapter, token, verdict in (
        (Generic(), "right", Verdict.VERIFIED),
        (Generic(), "previous", Verdict.VERIFIED),
        (Generic(), "wrong", Verdict.MISMATCH),
        (Generic(), "ünï\udc80", Verdict.MISMATCH),
        (Generic(), "", Verdict.UNSIGNED),
        (Generic(), None, Verdict.UNSIGNED),
    ):
        secrets = [b"right", b"previous"]
        assert adapter.verify(request(b"", token), secrets, 0) is verdict


def test_a_signed_request_carries_the_token_and_what_its_body_is() -> None:
    signed = Generic().sign(request(encoded(email=EMAIL)), b"s/e&c", 0)
    assert signed.url == "https://h.example/hooks/x?token=s%2Fe%26c"
    assert signed.headers["content-type"] == "application/x-www-form-urlencoded"
    assert Generic().verify(signed, [b"s/e&c"], 0) is Verdict.VERIFIED


def test_the_delivery_key_is_the_configured_id_else_the_hash() -> None:
    body = json.dumps({"entry": {"id": 47}, "email": EMAIL}).encode()
    [by_id] = Generic(Preset(delivery_id="entry.id")).split(request(body))
    assert (by_id.delivery_key, by_id.key_kind) == ("47", KeyKind.VENDOR_ID)
    for adapter in (Generic(), Generic(Preset(delivery_id="nowhere"))):
        assert adapter.split(request(body))[0].key_kind is KeyKind.BODY_HASH


BODIES = {
    "unbounce": urlencode(
        {
            "page_url": "https://go.northwind.example/demo",
            "page_id": "7f3a",
            "data.json": json.dumps(
                {"first_name": ["Dana"], "email": [EMAIL], "company_name": ["Northwind"],
                 "ip_address": ["192.0.2.1"]}
            ),
        }
    ).encode(),
    "gravity_forms": json.dumps(
        {"id": "99", "form_id": "4", "ip": "192.0.2.1", "source_url": "https://n.example/demo",
         "1.3": "Dana", "2": EMAIL, "3": "Northwind", "payment_status": None, "status": "active"}
    ).encode(),
    "wpforms": json.dumps(
        {"entry_id": 12, "name": {"first": "Dana"}, "email": EMAIL, "company": "Northwind"}
    ).encode(),
    "contact_form_7": encoded(
        **{"your-name": "Dana Okafor", "your-email": EMAIL, "your-company": "Northwind",
           "_wpcf7": "5", "_wpcf7_version": "6"}
    ),
    "g2": encoded(first_name="Dana", email=EMAIL, company_name="Northwind"),
}  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_reads_its_tool(name: str) -> None:
    mapping = {"1.3": "first_name", "2": "email", "3": "company"}
    view = SourceView(mapping if name == "gravity_forms" else {})
    form = Generic(PRESETS[name]).to_lead(Delivered(BODIES[name]), view)
    assert (form.email, form.first_name, form.company) == (EMAIL, "Dana", "Northwind")
    assert form.fields == {}
    if name == "unbounce":
        assert (form.form_id, form.page_url) == ("7f3a", "https://go.northwind.example/demo")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_points_at_places_that_exist(name: str) -> None:
    assert all(is_target(target) for target in PRESETS[name].mapping.values())


def source(text: str) -> config.Source:
    files = {"sources.yaml": "sources:\n  form:\n" + text, **CHANNELS}
    return config.parse(files).sources["form"]


def test_a_preset_is_named_in_sources_yaml_and_the_id_can_be_another() -> None:
    plain = source("    adapter: generic\n    secret: A\n    preset: gravity_forms\n")
    assert plain.adapter == Generic(PRESETS["gravity_forms"])
    other = source(
        "    adapter: generic\n    secret: A\n    preset: wpforms\n    delivery_id: uid\n"
    )
    [item] = other.adapter.split(request(b'{"uid": "u1", "entry_id": 3}'))
    assert item.delivery_key == "u1"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("    adapter: typeform\n    secret: A\n    preset: g2\n", "generic"),
        ("    adapter: generic\n    secret: A\n    preset: wp\n", "there is no preset 'wp'"),
    ],
)
def test_a_wrong_preset_is_said(lines: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        source(lines)


@pytest.mark.parametrize("entry_id", [0, "0", " 0 "])
def test_entries_that_wpforms_does_not_store_are_not_all_one_delivery(entry_id: object) -> None:
    """It then says 0 for each (wpforms.com/developers, wpforms_process_complete)."""
    adapter = Generic(PRESETS["wpforms"])
    bodies = [json.dumps({"entry_id": entry_id, "email": f"{n}@acme.com"}) for n in range(2)]
    keys = {item.delivery_key for body in bodies for item in adapter.split(request(body.encode()))}
    assert len(keys) == 2
