"""Which bus the settings name."""

from __future__ import annotations

from shared.bus import Bus
from shared.bus.embedded import EmbeddedBus
from shared.settings import Settings


def open_bus(settings: Settings) -> Bus:
    """Not started."""
    if settings.bus == "embedded":
        return EmbeddedBus(settings.data_dir / "bus.db", settings.topic_prefix)
    # Not at the top: the client takes a fifth of a second to import, in each process, and the embedded bus does without.
    from shared.bus.kafka import KafkaBus

    return KafkaBus(settings.bus.removeprefix("kafka://"), settings.topic_prefix, session_seconds=settings.kafka_session_seconds)
