"""What has to be true before the services of ``up`` start: schema, secrets, topics, config."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import asyncpg

from services.capture import config as capture
from services.cli import configfiles, target
from services.runtime import apikeys, installation, migrate, topics_admin
from services.runtime.apikeys import Scope
from services.runtime.configstore import ConfigStore, version_of
from services.runtime.datafolder import DataFolder
from services.runtime.settings import PREFIX, KafkaSettings

_AUTHOR = "handraise up"
_SEEDED_BY = "handraise"
Say = Callable[[str], None]


def secrets(
    folder: DataFolder, files: Mapping[str, str], more: Iterable[str] = ()
) -> dict[str, str]:
    """Environment of the services: every shared secret, given or made once and kept."""
    names = [installation.LEAD_ID_KEY, *configfiles.secret_names(files), *more]
    missing = [name for name in names if not os.environ.get(f"{PREFIX}SECRET_{name}")]
    return {f"{PREFIX}SECRET_{name}": value for name, value in folder.secrets(missing).items()}


async def database(dsn: str, own: bool, files: Mapping[str, str], path: Path, say: Say) -> None:
    """Migrates, marks a database of our own as a sandbox, publishes a changed folder."""
    applied = await migrate.upgrade_async(dsn)
    if applied:
        say(f"database migrated ({len(applied)} steps)")
    async with target.connection(dsn) as connection:
        if own and not (await installation.read(connection)).started:
            await installation.mark_sandbox(connection)
        await _publish(connection, files, path, say)


async def topics(kafka: KafkaSettings, files: Mapping[str, str], say: Say) -> None:
    """Creates and mends the topics, those of the partners in ``files`` with them."""
    changed = await topics_admin.apply(kafka, more=capture.partner_topics(capture.parse(files)))
    if changed and not kafka.embedded:
        say(f"topics: {len(changed)} changes, the first: {changed[0]}")


async def api_key(folder: DataFolder, dsn: str) -> str:
    """The key that ``up`` hands out: the one of the start before, or a new one."""
    async with target.connection(dsn) as connection:
        known = {key.id: key for key in await apikeys.list_keys(connection)}
        if kept := folder.api_key:
            stored = known.get(kept.split("_")[1])
            if stored is not None and stored.revoked_at is None:
                return kept
        made = await apikeys.create(connection, "handraise up", set(Scope), actor=_AUTHOR)
        folder.api_key = made
        return made


async def _publish(
    connection: asyncpg.Connection, files: Mapping[str, str], path: Path, say: Say
) -> None:
    """Publishes the folder when it is not what it was at the start before.

    What an operator published or rolled back to meanwhile stays active while the folder is the
    same.
    """
    store = ConfigStore()
    version = version_of(files)
    entries = await store.list(connection)
    ours = next((entry for entry in entries if entry.author in (_AUTHOR, _SEEDED_BY)), None)
    if ours is not None and ours.version == version:
        active = entries[0].version
        if active != version:
            say(f"configuration {active} is active; the folder {path} is version {version}")
        return
    await store.publish(connection, files, _AUTHOR, f"from {path}")
    if entries:
        say(f"the folder {path} has changed: configuration {version} is published")
