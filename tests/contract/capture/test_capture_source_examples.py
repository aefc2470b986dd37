"""Every adapter over its examples: bodies as its vendor sends them, good ones and bad ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.capture import config
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import (
    MAX_KEY,
    Adapter,
    Delivered,
    HookRequest,
    Ignored,
    Item,
    SourceView,
    Unparsable,
    Verdict,
)
from services.capture.adapters.feeds import Feed
from services.capture.adapters.fetching import Access, Fetching
from services.capture.config import API, Source
from tests.support import hooks

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "schemas/examples/sources"
CONFIG = config.parse({p.name: p.read_text() for p in (ROOT / "deploy/config").glob("*.yaml")})
AT = 1_795_424_400.0
SECRET = b"a secret of more than 32 bytes, as it should be"
OTHER = b"another one, just as long as that, but wrong"

ACCESS = Access("https://vendor.example", "a-token-of-the-vendors-api")


def examples(kind: str) -> list[Path]:
    return sorted(path for path in EXAMPLES.glob(f"*/{kind}/*") if path.is_file())


def own_source(path: Path) -> Source | None:
    """The source of a form tool that the generic adapter reads, where the example has its name."""
    found = CONFIG.sources.get(path.stem)
    return found if found is not None and found.config.adapter == path.parts[-3] else None


def adapter_of(path: Path) -> Adapter:
    own = own_source(path)
    return own.adapter if own else ADAPTERS[path.parts[-3]]


def view_of(path: Path) -> SourceView:
    """The view of its own source, else of the example configuration's first of that adapter."""
    found = [one for one in CONFIG.sources.values() if one.config.adapter == path.parts[-3]]
    return (own_source(path) or found[0]).view


def request_of(path: Path, secret: bytes = SECRET) -> HookRequest:
    return hooks.signed(adapter_of(path), path.read_bytes(), secret, AT)


def delivered(path: Path) -> list[tuple[Item, Delivered]]:
    """The items of an example, each as the consumer gets it: with kept headers only."""
    adapter, request = adapter_of(path), request_of(path)
    kept = {n: request.headers[n] for n in adapter.kept_headers if n in request.headers}
    return [(item, Delivered(item.body, kept)) for item in adapter.split(request)]


def name_of(path: Path) -> str:
    return f"{path.parts[-3]}-{path.stem}"


good = pytest.mark.parametrize("path", examples("good"), ids=name_of)
bad = pytest.mark.parametrize("path", examples("bad"), ids=name_of)
every = pytest.mark.parametrize("path", [*examples("good"), *examples("bad")], ids=name_of)
adapters = pytest.mark.parametrize("name", list(ADAPTERS))


@adapters
def test_an_adapter_has_a_page_examples_and_a_source_to_try_it_with(name: str) -> None:
    assert (ROOT / f"docs/sources/{name}.md").is_file()
    for kind in ("good", "bad"):
        assert any((EXAMPLES / name / kind).iterdir()), f"no {kind} example"
    assert name == API or any(one.config.adapter == name for one in CONFIG.sources.values())


def test_every_example_is_of_an_adapter() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == set(ADAPTERS)


@good
def test_an_example_is_proven_by_its_secret_and_by_no_other(path: Path) -> None:
    adapter, request = adapter_of(path), request_of(path)
    assert adapter.verify(request, [SECRET], AT) is Verdict.VERIFIED
    assert adapter.verify(request, [OTHER, SECRET], AT) is Verdict.VERIFIED
    assert adapter.verify(request, [OTHER], AT) is Verdict.MISMATCH
    assert adapter.verify(request, [], AT) is not Verdict.VERIFIED


@every
def test_a_body_without_a_proof_is_unsigned(path: Path) -> None:
    bare = HookRequest("POST", hooks.URL, {}, {}, path.read_bytes())
    assert adapter_of(path).verify(bare, [SECRET], AT) is Verdict.UNSIGNED


@every
def test_a_post_is_no_challenge(path: Path) -> None:
    assert adapter_of(path).handshake(replace(request_of(path), method="GET"), [SECRET]) is None


@every
def test_items_have_keys_of_their_own_which_a_retry_has_again(path: Path) -> None:
    adapter, request = adapter_of(path), request_of(path)
    items = adapter.split(request)
    assert items
    assert items == adapter.split(request)
    keys = [item.delivery_key for item in items]
    assert len(set(keys)) == len(keys)
    assert all(0 < len(key) <= MAX_KEY and key.isprintable() for key in keys)


@every
def test_no_item_holds_the_secret(path: Path) -> None:
    for item, kept in delivered(path):
        assert SECRET not in item.body
        assert not any(SECRET.decode() in value for value in kept.headers.values())


@good
def test_a_good_example_says_who_it_is_about_or_where_to_ask(path: Path) -> None:
    adapter = adapter_of(path)
    for item, kept in delivered(path):
        if isinstance(adapter, Fetching):
            asked = adapter.fetch(kept, ACCESS)
            assert asked.url.startswith(ACCESS.base_url)
            assert ACCESS.token not in asked.url
            continue
        if isinstance(adapter, Feed) and adapter.told(kept, item.delivery_key, view_of(path)):
            continue
        form = adapter.to_lead(kept, view_of(path))
        assert form.email or form.phone or form.external_id


@bad
def test_a_bad_example_is_no_lead(path: Path) -> None:
    adapter = adapter_of(path)
    for _, kept in delivered(path):
        with pytest.raises((Unparsable, Ignored)):
            if isinstance(adapter, Fetching):
                adapter.fetch(kept, ACCESS)
            else:
                adapter.to_lead(kept, view_of(path))


@every
def test_half_a_body_is_split_and_is_no_fault(path: Path) -> None:
    adapter, request = adapter_of(path), request_of(path)
    body = request.body[: len(request.body) // 2]
    for item in adapter.split(replace(request, body=body)):
        try:
            adapter.to_lead(Delivered(item.body, request.headers), view_of(path))
        except (Unparsable, Ignored):
            continue
