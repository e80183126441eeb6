"""Consumer groups: who is a member, who owns which partition, how far each group is. Every function runs on a lane's thread.

1. A member holds a lease. Whoever meets a lease that has ended removes the member and frees what it owned.
2. Ranges are a pure function of members and partitions, so members need not talk: each gives up what is not in its range,
   and takes what is and has no owner.
3. A member gives up only between batches. So nothing a live member works on is taken from it.
4. Every change of members or owners raises the group's generation, which is how the others notice.
5. A commit counts only for partitions that the member owns. A member removed by 1 never owns again under the same id
   before it has finished its batch and joined anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from shared.bus import Partition
from shared.bus.embedded.file import transaction
from shared.errors import OwnershipLost


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    group: str
    topics: tuple[str, ...]
    lease_ms: int


class Share(NamedTuple):
    """What a member owns: the committed offset per partition."""

    generation: int
    joined: bool
    committed: dict[Partition, int]


def ranges(partitions: Iterable[Partition], members: Mapping[str, Collection[str]]) -> dict[Partition, str]:
    """The owner of each partition: per topic, one contiguous range for each of the members that read it, in the order of their ids."""
    numbers: dict[str, list[int]] = {}
    for at in sorted(partitions):
        numbers.setdefault(at.topic, []).append(at.number)
    owners = {}
    for topic, of_topic in numbers.items():
        readers = sorted(member for member, topics in members.items() if topic in topics)
        for index, number in enumerate(of_topic if readers else []):
            owners[Partition(topic, number)] = readers[index * len(readers) // len(of_topic)]
    return owners


def renew(connection: sqlite3.Connection, member: Member, *, now_ms: int) -> bool:
    """Lengthen the lease; False if the member has none (any more)."""
    return connection.execute("UPDATE members SET expires_ms = ? WHERE id = ?", (now_ms + member.lease_ms, member.id)).rowcount == 1


def rebalance(connection: sqlite3.Connection, member: Member, *, now_ms: int) -> Share:
    """Between two batches: stay or become a member, remove the dead, give up and take partitions."""
    with transaction(connection):
        joined = not renew(connection, member, now_ms=now_ms)
        if joined:
            _join(connection, member, now_ms=now_ms)
        removed = _remove_dead(connection, member.group, now_ms=now_ms)
        moved = _take_range(connection, member)
        if joined or removed or moved:
            _next_generation(connection, member.group)
        (generation,) = connection.execute("SELECT generation FROM groups WHERE name = ?", (member.group,)).fetchone()
        return Share(generation, joined, committed(connection, member))


def committed(connection: sqlite3.Connection, member: Member) -> dict[Partition, int]:
    rows = connection.execute("SELECT topic, partition, next_offset FROM cursors WHERE group_name = ? AND owner = ?", (member.group, member.id))
    return {Partition(topic, number): next_offset for topic, number, next_offset in rows}


def commit(connection: sqlite3.Connection, member: Member, offsets: Mapping[Partition, int], *, now_ms: int) -> None:
    with transaction(connection):
        moved = connection.executemany(
            "UPDATE cursors SET next_offset = ?, moved_ms = ? WHERE group_name = ? AND topic = ? AND partition = ? AND owner = ?",
            [(offset, now_ms, member.group, *at, member.id) for at, offset in offsets.items()],
        )
        if moved.rowcount != len(offsets):
            raise OwnershipLost(f"Another member of {member.group} reads some of these {len(offsets)} partitions now")


def lag(connection: sqlite3.Connection, member: Member) -> dict[Partition, int]:
    rows = connection.execute(
        """
        SELECT cursors.topic, partition, partitions.next_offset - cursors.next_offset
        FROM cursors JOIN partitions ON partitions.topic = cursors.topic AND number = partition
        WHERE group_name = ? AND owner = ?
        """,
        (member.group, member.id),
    )
    return {Partition(topic, number): records for topic, number, records in rows}


def leave(connection: sqlite3.Connection, member: Member) -> None:
    with transaction(connection):
        connection.execute("DELETE FROM members WHERE id = ?", (member.id,))
        _free(connection, member.group, [member.id])
        _next_generation(connection, member.group)


def _join(connection: sqlite3.Connection, member: Member, *, now_ms: int) -> None:
    connection.execute("INSERT INTO members VALUES (?, ?, ?, ?)", (member.id, member.group, json.dumps(member.topics), now_ms + member.lease_ms))
    # From here on retention waits for this group.
    connection.executemany(
        """
        INSERT OR IGNORE INTO cursors
        SELECT ?1, topic, number, coalesce((SELECT min("offset") FROM records WHERE records.topic = ?2 AND partition = number), next_offset), NULL, ?3
        FROM partitions WHERE topic = ?2
        """,
        [(member.group, topic, now_ms) for topic in member.topics],
    )
    connection.executemany("UPDATE cursors SET moved_ms = ? WHERE group_name = ? AND topic = ?", [(now_ms, member.group, topic) for topic in member.topics])


def _remove_dead(connection: sqlite3.Connection, group: str, *, now_ms: int) -> bool:
    dead = [member for (member,) in connection.execute("DELETE FROM members WHERE group_name = ? AND expires_ms < ? RETURNING id", (group, now_ms)).fetchall()]
    _free(connection, group, dead)
    return bool(dead)


def _free(connection: sqlite3.Connection, group: str, members: Iterable[str]) -> None:
    connection.executemany("UPDATE cursors SET owner = NULL WHERE group_name = ? AND owner = ?", [(group, member) for member in members])


def _take_range(connection: sqlite3.Connection, member: Member) -> bool:
    """Whether another member has to know, because something it may want was given up."""
    owners = {
        Partition(topic, number): owner
        for topic, number, owner in connection.execute("SELECT topic, partition, owner FROM cursors WHERE group_name = ?", (member.group,))
    }
    members = {name: json.loads(topics) for name, topics in connection.execute("SELECT id, topics FROM members WHERE group_name = ?", (member.group,))}
    wanted = {at for at, owner in ranges(owners, members).items() if owner == member.id}
    given_up = [at for at, owner in owners.items() if owner == member.id and at not in wanted]
    taken = [at for at in wanted if owners[at] is None]
    _set_owner(connection, member.group, given_up, None)
    _set_owner(connection, member.group, taken, member.id)
    return bool(given_up)


def _set_owner(connection: sqlite3.Connection, group: str, partitions: Iterable[Partition], owner: str | None) -> None:
    connection.executemany("UPDATE cursors SET owner = ? WHERE group_name = ? AND topic = ? AND partition = ?", [(owner, group, *at) for at in partitions])


def _next_generation(connection: sqlite3.Connection, group: str) -> None:
    connection.execute("INSERT INTO groups VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET generation = generation + 1", (group,))
