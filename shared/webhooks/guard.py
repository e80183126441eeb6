"""Which addresses may be called: what a name resolves to is not ours to choose, and must not lead into our own network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

_PUBLIC_IPV6 = IPv6Network("2000::/3")


class AddressRefused(Exception):
    """The host has an address that must not be called."""


def networks_of(text: str) -> list[Network]:
    """As settings list them: with commas. Raises ValueError for what is no network."""
    return [ip_network(one.strip()) for one in text.split(",") if one.strip()]


async def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver. Raises OSError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or longer than names have
        raise OSError(f"{host[:80]!r} is no name of a host") from None
    return [str(address[0]) for *_, address in found]


async def address_of(host: str, port: int, *, allowed: Sequence[Network], resolver: Resolve) -> Address:
    """The one to connect to. Raises AddressRefused as soon as one of several is refused: who controls the name would choose among them."""
    try:
        literal = [ip_address(host)]
    except ValueError:
        literal = [ip_address(one.partition("%")[0]) for one in await resolver(host, port)]
    found = [_unwrapped(one) for one in literal]
    if not found or not all(may_be_called(one, allowed) for one in found):
        raise AddressRefused
    return found[0]


def may_be_called(address: Address, allowed: Sequence[Network]) -> bool:
    """Public ones, and those inside an allowed network. Tunnels (6to4, Teredo, NAT64) may end anywhere, so they are not public."""
    if any(address in network for network in allowed):
        return True
    if isinstance(address, IPv6Address) and (address not in _PUBLIC_IPV6 or address.sixtofour or address.teredo):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unwrapped(address: Address) -> Address:
    """::ffff:127.0.0.1 is 127.0.0.1."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
