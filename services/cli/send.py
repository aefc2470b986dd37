"""``handraise send``: hands in files as their sender would, signed with the source's secret."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer

from services.capture.adapters.base import CannotSign, HookRequest
from services.capture.config import API, CaptureConfig, parse
from services.cli import configfiles, output, target
from services.cli.output import CommandError

_TIMEOUT_S = 10.0
JSON = "application/json"


class Sender:
    """Posts bodies to capture as the vendor does; one connection pool for all."""

    def __init__(self, where: target.Target, config: CaptureConfig) -> None:
        self._where = where
        self._config = config
        self._client = httpx.AsyncClient(base_url=where.http, timeout=_TIMEOUT_S, trust_env=False)
        self._signed: dict[tuple[str, bytes], HookRequest] = {}

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def post(self, source: str, body: bytes) -> httpx.Response:
        """One request; the answer, whatever it is.

        :raises CommandError: the source or its secret is unknown here.
        """
        # A body that was sent before is a delivery retry: the same message, as its tool would.
        asked = self._signed.get((source, body)) or self._request(source, body)
        self._signed[source, body] = asked
        # Signed for the address that senders know; sent to where capture listens.
        reached = self._where.http.rstrip("/") + asked.url.removeprefix(self._where.public_http)
        return await self._client.request(
            asked.method, reached, content=asked.body, headers=dict(asked.headers)
        )

    def _request(self, source: str, body: bytes) -> HookRequest:
        found = self._config.sources.get(source)
        if found is None:
            known = ", ".join(sorted(self._config.sources))
            raise CommandError(f"sources.yaml has no source {source!r}; there are {known}")
        if source == API:
            key = {"authorization": f"Bearer {self._where.api_key}"}
            return HookRequest(
                "POST",
                f"{self._where.public_http}/v1/leads",
                {},
                {"content-type": JSON, **key},
                body,
            )
        name = found.config.secret
        if name is None:
            raise CommandError(
                f"{source!r} has no secret to send with: it takes leads "
                + ("from its topic" if found.config.topic else "with a key of its own")
            )
        secret = self._where.secret(name)
        if secret is None:
            raise CommandError(f"the secret of {source!r} is unknown: set HANDRAISE_SECRET_{name}")
        # A vendor signs the address that it was given, which is not always the one we reach.
        plain = HookRequest(
            "POST", f"{self._where.public_http}/hooks/{source}", {}, {"content-type": JSON}, body
        )
        try:
            return found.adapter.sign(plain, secret.encode(), time.time())
        except CannotSign as error:
            raise CommandError(f"the secret of {source!r} cannot sign: {error}") from None


def send(
    source: Annotated[str, typer.Argument(help="As sources.yaml names it; `api` for /v1/leads.")],
    files: Annotated[
        list[Path], typer.Argument(help="Request bodies.", exists=True, dir_okay=False)
    ],
    config: Annotated[Path | None, typer.Option(help="Configuration folder.")] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Post files, signed as the tool does. Exit 1 when one is refused."""
    where = target.find(data)
    answers = asyncio.run(_send(where, loaded(where, config), source, files))
    if json:
        for answer in answers:
            output.emit(answer)
    else:
        columns = ["file", "http", "status", "submission_id", "detail"]
        output.show(answers, columns, "nothing to send")
    if any(answer["http"] != 200 for answer in answers):
        raise typer.Exit(1)


def loaded(where: target.Target, config: Path | None) -> CaptureConfig:
    """The sources of the running installation, else of the folder."""
    folder = config or (Path(where.running.config) if where.running else None)
    return parse(configfiles.load(configfiles.folder(folder)))


async def _send(
    where: target.Target, config: CaptureConfig, source: str, files: list[Path]
) -> list[dict[str, Any]]:
    answers = []
    async with Sender(where, config) as sender:
        for file in files:
            response = await sender.post(source, file.read_bytes())
            answers.append({"file": str(file), "http": response.status_code, **_body(response)})
    return answers


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {"detail": response.text[:200]}
    return answer if isinstance(answer, dict) else {"detail": str(answer)}


def accepted(response: httpx.Response) -> tuple[UUID, str] | None:
    """Submission id and status of an answer with 200; None for any other."""
    if response.status_code != 200:
        return None
    answer = response.json()
    return UUID(answer["submission_id"]), answer["status"]
