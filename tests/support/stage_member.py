"""One member of a stage as a process of its own, to be stopped, killed or frozen.

``python -m tests.support.stage_member ADDRESS SOURCE TO GROUP [INSTANCE]`` prints ``ready``, then
works until SIGTERM. It publishes each record again under an id derived from it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace

from services.runtime.settings import KafkaSettings
from tests.support.stages import lane_broker, stage, topic


async def main(address: str, source: str, to: str, group: str, instance: str | None = None) -> int:
    kafka = KafkaSettings(
        bootstrap_servers=address, session_timeout_ms=3000, heartbeat_ms=500, instance=instance
    )
    spec = replace(stage(topic(source), topic(to), name=group), max_records=20)
    broker = lane_broker(kafka)
    broker.add(spec)
    await broker.start()
    print("ready", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ends = [asyncio.create_task(stop.wait()), asyncio.create_task(broker.failed.wait())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await broker.stop()
    print(broker.reason or "stopped", flush=True)
    return 1 if broker.reason else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
