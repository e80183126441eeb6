"""What the gateway is held beside: `python -m deploy.bench.textbook PART PORT [PORTS]`.

hello         an ASGI application that says hello: the least a request costs here
nothing       a POST whose body is validated and stored nowhere
fan-out       the 360 view as it is mostly built: three services with an ORM and response models, asked at once over HTTP by a gateway with one;
              `customer`, `segmentation` and `retention` are those services, on PORTS
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from starlette.types import Receive, Scope, Send

from shared.settings import load

PARTS = ("customer", "segmentation", "retention")
HELLO = b'{"hello":"world"}'


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "textbook_customers"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    entries: Mapped[list[Entry]] = relationship(order_by="Entry.id")


class Entry(Base):
    """A month, a fact, a score, a warning, a decision, a task."""

    __tablename__ = "textbook_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("textbook_customers.id"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    body: Mapped[Any] = mapped_column(JSON)


class EntryOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    kind: str
    body: Any


class CustomerOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    entries: list[EntryOut]


class View(BaseModel):
    customer: CustomerOut
    segmentation: CustomerOut
    retention: CustomerOut


class Event(BaseModel):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: AwareDatetime
    data: dict[str, Any]


class Taken(BaseModel):
    accepted: int
    id: str


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(HELLO))]})
    await send({"type": "http.response.body", "body": HELLO})


def nothing() -> FastAPI:
    app = FastAPI()

    @app.post("/events", status_code=202)
    async def take(event: Event) -> Taken:
        return Taken(accepted=1, id=event.id)

    return app


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


def service(name: str) -> FastAPI:
    app = FastAPI()
    app.state.sessions = async_sessionmaker(create_async_engine(load().database_url(name)))

    @app.get("/customers/{customer_id}", response_model=CustomerOut)
    async def get_customer(customer_id: str, session: Annotated[AsyncSession, Depends(_session)]) -> Customer:
        found = await session.get(Customer, customer_id, options=[selectinload(Customer.entries)])
        if found is None:
            raise HTTPException(404)
        return found

    return app


def fan_out(*ports: int) -> FastAPI:
    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(trust_env=False) as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=running)
    urls = {part: f"http://127.0.0.1:{port}" for part, port in zip(PARTS, ports, strict=True)}

    @app.get("/customers/{customer_id}")
    async def get_view(customer_id: str) -> View:
        answers = await asyncio.gather(*(app.state.client.get(f"{url}/customers/{customer_id}") for url in urls.values()))
        return View.model_validate({part: answer.raise_for_status().json() for part, answer in zip(urls, answers, strict=True)})

    return app


async def fill(url: str, entries: Mapping[str, list[tuple[str, Any]]]) -> None:
    """Customer id to what the service of that database knows: kind and body of each entry."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        session.add_all(Customer(id=customer_id, entries=[Entry(kind=kind, body=body) for kind, body in known]) for customer_id, known in entries.items())
    await engine.dispose()


def main() -> None:
    part, port, *ports = sys.argv[1:]
    made: dict[str, Callable[[], Any]] = {"hello": lambda: hello, "nothing": nothing, "fan-out": lambda: fan_out(*map(int, ports))}
    app = made.get(part, lambda: service(part))()
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False, http="httptools")  # as services/__main__.py


if __name__ == "__main__":
    main()
