"""The JavaScript of docs/subscribe.md sees a lead, on a real Kafka."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

_TEXT = (Path(__file__).parents[2] / "docs" / "subscribe.md").read_text()
_CACHE = Path(os.environ.get("HANDRAISE_CACHE") or Path.home() / ".cache" / "handraise") / "kafkajs"


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
@pytest.mark.skipif(not (_CACHE / "node_modules/kafkajs").is_dir(), reason="make test fetches it")
def test_the_javascript_sees_an_assignment(pipeline: Pipeline, tmp_path: Path) -> None:
    [script] = re.findall(r"^```js\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "subscribe.mjs").write_text(script)
    (tmp_path / "node_modules").symlink_to(_CACHE / "node_modules")
    said = tmp_path / "said"
    line = pipeline.up.line
    environment = {**os.environ, "KAFKA": line["kafka"], "GROUP": f"js-{tmp_path.name}"}
    with said.open("wb") as out:
        subscriber = subprocess.Popen(
            ["node", "subscribe.mjs"], cwd=tmp_path, env=environment, stdout=out, stderr=out
        )
    try:
        answer = httpx.post(
            f"{line['http']}/v1/leads",
            json={"kind": "demo_request", "email": "javascript@acme.example"},
            headers={"authorization": f"Bearer {line['api_key']}"},
            timeout=10,
        )
        assert answer.status_code == 200
        wait_until(lambda: "assigned javascript@acme.example -> " in said.read_text(), 60)
        assert subscriber.poll() is None, said.read_text()
    finally:
        subscriber.kill()
        subscriber.wait(10)
