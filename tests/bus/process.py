"""Another process on a bus, which tests start and kill: it prints a line for each thing it has done."""

from __future__ import annotations

import asyncio
import sys

from shared.bus import Bus, Message
from tests.bus.place import Place

BATCH = 50


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


async def hold(bus: Bus, group: str, topic: str) -> None:
    """Take a batch and never finish it."""
    consumer = await bus.consumer(group, [topic])
    while not (records := await consumer.poll(max_records=1000, timeout_seconds=1)):
        pass
    say(len(records))
    await asyncio.Event().wait()


async def publish(bus: Bus, name: str, topic: str, batches: str) -> None:
    """Batches of messages that say which batch of whom they are; prints each number once it is durable."""
    for number in range(int(batches)):
        await bus.publish([Message(topic, f"{name}-{index}", f"{name} {number}".encode()) for index in range(BATCH)])
        say(number)


async def main(kind: str, where: str, prefix: str, role: str, *arguments: str) -> None:
    bus = Place.parse(kind, where, prefix).bus()
    await bus.start()
    try:
        await {"hold": hold, "publish": publish}[role](bus, *arguments)
    finally:
        await bus.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
