"""The HTTP server of a process, which tells the app when it is to stop."""

from __future__ import annotations

import contextlib
import socket

import uvicorn
from starlette.datastructures import State

STARTUP_FAILURE = 3


class Server(uvicorn.Server):
    """Sets `state.stopping` before it waits for answers that are under way: one without an end would be waited for in vain."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._state.stopping.set()
        await super().shutdown(sockets)


def serve(config: uvicorn.Config, state: State) -> None:
    """Until SIGTERM or SIGINT. Ends the process when the app can not start."""
    server = Server(config, state)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)
