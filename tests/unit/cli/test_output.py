"""What strangers said is printed, and does nothing to the terminal that shows it."""

from __future__ import annotations

import pytest

from services.cli import output

HOSTILE = "a\x1b[2J\x1b]52;c;cHdu\x07\x9b31m\u202eb\tc\nd \r é 東"
SHOWN = "a\\x1b[2J\\x1b]52;c;cHdu\\x07\\x9b31m\\u202eb"


@pytest.mark.parametrize("how", ["print", "show", "say"])
def test_no_text_steers_the_terminal(how: str) -> None:
    console = output.stderr if how == "say" else output.stdout
    with console.capture() as captured:
        match how:
            case "print":
                output.stdout.print(HOSTILE, markup=False)
            case "show":
                output.show([{"body": HOSTILE, "list": [HOSTILE]}], ["body", "list"], "")
            case _:
                output.say(HOSTILE)
    text = captured.get()
    assert SHOWN in text
    assert not set(text) & set("\x1b\x07\x9b\u202e\r")
    assert "é 東" in text
