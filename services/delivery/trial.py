"""One made-up message for a sink, past rows and workers: does its configuration work?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from schemas.assignment import AssignmentChanged, AssignmentStatus, LeadBlock, Rep
from schemas.base import ChannelName, KindName, Lane, Motion, RoleName, TierName
from schemas.score import Score
from services.delivery.brief import brief
from services.delivery.composing import known_there
from services.delivery.config import DeliveryFile
from services.delivery.logins import Logins, StoredLogins
from services.delivery.model import Delivered, Delivery
from services.delivery.sinks.base import Message
from services.delivery.sinks.registry import Registry, Unconfigured
from services.runtime.outside import Forbidden

__all__ = ["known_there", "logins", "send"]


async def send(
    config: DeliveryFile,
    sink: str,
    secrets: Mapping[str, list[bytes]],
    rep: Rep,
    kept: Logins | None = None,
) -> tuple[str, str]:
    """Send it now; a sink that runs plans is asked for those that it is to run.

    :param rep: who gets it where the sink writes to reps.
    :param kept: where the login of a sink is kept whose tokens change.
    :returns: ``delivered`` or what else came of it, and the reason.
    """
    at = datetime.now(UTC)
    registry = Registry(secrets, lambda: at, kept)
    event = _made_up(rep, at)
    told = brief(event, colleagues=(), now=at)
    message = Message(Delivery(uuid4(), sink, event, 1, at), told, (), None, None)
    try:
        outcome = await registry.build(config.sinks[sink]).send(message)
    except (Unconfigured, Forbidden) as error:
        return "refused", str(error)
    except TimeoutError:
        return "again", "no answer within its time-out"
    except OSError as error:
        return "again", str(error)
    finally:
        await registry.close()
    kind = "delivered" if isinstance(outcome, Delivered) else type(outcome).__name__.lower()
    return kind, outcome.reason or ""


def logins(pool: asyncpg.Pool, installation: bytes) -> Logins:
    """Where logins are kept whose tokens change; the service keeps them there, too."""
    return StoredLogins(pool, installation, lambda: datetime.now(UTC))


def _made_up(rep: Rep, at: datetime) -> AssignmentChanged:
    return AssignmentChanged(
        submission_id=None,
        causation_id=None,
        received_at=at,
        lane=Lane.LIVE,
        motion=Motion.INBOUND,
        channel=ChannelName.UNKNOWN,
        assignment_id=uuid4(),
        lead_id=UUID(int=0),
        account_key="test.example",
        role=RoleName.SDR,
        cycle=1,
        attempt=1,
        sequence=1,
        status=AssignmentStatus.ASSIGNED,
        rep=rep,
        pool=None,
        reason="This is a test of the sink; there is no such lead.",
        rule_path="test",
        config_version="test",
        tier=TierName.HOT,
        score=Score(fit=0, intent=0, total=0),
        kind=KindName.DEMO_REQUEST,
        source="test",
        decided_at=at,
        lead=LeadBlock(email="test@test.example", first_name="Test", last_name="Lead"),
    )
