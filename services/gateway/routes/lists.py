"""Alerts and tasks, from the read model."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.gateway import use_cases
from services.gateway.schemas import Alert, Alerts, Severity, Task, Tasks, TaskStatus
from services.gateway.selecting import ListRoute
from shared.contracts.segmentation import AlertKind
from shared.errors import NotFound
from shared.openapi import raises
from shared.web import Reading

ROUTER = APIRouter(prefix="/v1", route_class=ListRoute)

PRINTABLE = r"^[^\x00-\x1f]+$"
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")]
TaskId = Annotated[str, Path(max_length=128, pattern=PRINTABLE)]
Id = Annotated[str | None, Query(max_length=128, pattern=PRINTABLE)]


@ROUTER.get("/alerts", operation_id="list_alerts", summary="Churn warnings, newest first", tags=["alerts"])
async def list_alerts(
    connection: Reading,
    kind: AlertKind | None = None,
    severity: Severity | None = None,
    customer_id: Id = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Alerts:
    filters = {"kind": kind, "severity": severity, "customer_id": customer_id}
    rows, next_cursor = await use_cases.alerts(connection, filters, limit=limit, cursor=cursor)
    return Alerts(items=[Alert.model_validate(row) for row in rows], next_cursor=next_cursor)


@ROUTER.get("/tasks", operation_id="list_tasks", summary="The call list: highest priority first, then what is due first", tags=["tasks"])
async def list_tasks(
    connection: Reading, status: TaskStatus = "open", campaign_id: Id = None, customer_id: Id = None, limit: Limit = 50, cursor: Cursor = None
) -> Tasks:
    filters = {"status": status, "campaign_id": campaign_id, "customer_id": customer_id}
    rows, next_cursor = await use_cases.tasks(connection, filters, limit=limit, cursor=cursor)
    return Tasks(items=[Task.model_validate(row) for row in rows], next_cursor=next_cursor)


@ROUTER.get("/tasks/{task_id}", operation_id="get_task", summary="One task, with its outcome when it has one", tags=["tasks"], responses=raises(NotFound))
async def get_task(connection: Reading, task_id: TaskId) -> Task:
    return Task.model_validate(await use_cases.task(connection, task_id))
