"""Which partition a key belongs to: the rule of Kafka's default partitioner, so that every client and the embedded bus agree."""

from __future__ import annotations

from functools import lru_cache

SEED = 0x9747B28C
MULTIPLIER = 0x5BD1E995
LOW_32_BITS = 0xFFFFFFFF
LOW_31_BITS = 0x7FFFFFFF


# Hashing a key of 20 bytes costs as much in Python as all else a publisher does for it, and keys come again and again.
@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    return (murmur2(key) & LOW_31_BITS) % partitions


def murmur2(data: bytes) -> int:
    whole = len(data) & ~3
    state = SEED ^ len(data)
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * MULTIPLIER & LOW_32_BITS
        word = (word ^ word >> 24) * MULTIPLIER & LOW_32_BITS
        state = state * MULTIPLIER & LOW_32_BITS ^ word
    if whole < len(data):
        state = (state ^ int.from_bytes(data[whole:], "little")) * MULTIPLIER & LOW_32_BITS
    state = (state ^ state >> 13) * MULTIPLIER & LOW_32_BITS
    return state ^ state >> 15
