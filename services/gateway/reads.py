"""How a route gets at the views."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from services.gateway.repository import ViewReads


async def reads_of(request: Request) -> ViewReads:
    reads: ViewReads = request.app.state.views
    return reads


Views = Annotated[ViewReads, Depends(reads_of)]
