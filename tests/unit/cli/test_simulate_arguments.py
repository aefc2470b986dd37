"""A hurried person's mistakes are told before anything is computed, and none is passed over."""

from __future__ import annotations

import pytest

from tests.support.up import in_process

BACKWARDS = ["--since", "2026-12-01", "--until", "2026-11-01"]
NOWHERE = ["--postgres", "postgresql://127.0.0.1:1/x"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["simulate", "--scoring", "v1", *BACKWARDS], "--until must lie after --since"),
        (["simulate", "--version", "v1", *BACKWARDS], "--until must lie after --since"),
        (["recompute", *BACKWARDS], "--until must lie after --since"),
        (["simulate", "--scoring", "./nothing/here"], "no configuration folder ./nothing/here"),
        (["simulate", "--html", "/nothing/here/page.html"], "--html: there is no folder"),
        (["simulate", "--config", ".", "--version", "v1"], "give one"),
        (["simulate", "--what-if", "dana left", *BACKWARDS], "about the time to come"),
    ],
)
def test_it_is_refused_with_its_reason(command: list[str], said: str) -> None:
    done = in_process(*command, *NOWHERE)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
