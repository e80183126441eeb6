"""Churn models, and those of sensitivity to a contact: registered, watched in the shadow of the champion, promoted by a second person,
rolled back.

The built-in models, trained on a simulated operator alone, are version 0: they serve a target and population until an operator's own
model is promoted. Nothing is built in of sensitivity, which only an operator's own hold-outs show. What can not be loaded is named in
`Models.troubles`: customers are then scored by rules, and told so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from services.segmentation.churn.model import Model, ModelUnusable
from services.segmentation.churn.populations import POPULATIONS
from services.segmentation.churn.row import FEATURES, ROW_VERSION
from services.segmentation.churn.scoring import BUILT_IN_VERSION, Models, Served, ServedSensitivity
from services.segmentation.churn.sensitivity import SensitivityModel
from services.segmentation.repository import churn as repository
from services.segmentation.repository.churn import Active
from shared import clock, telemetry
from shared.actors import require_name, require_second
from shared.database import Transaction
from shared.errors import AlreadyDecided, InvalidRequest, NotFound, NothingToRollBack

Document = dict[str, Any]

BUILT_IN = Path(__file__).parents[1] / "churn" / "built_in"
SENSITIVITY, EVERYBODY = "sensitivity", "everybody"

log = telemetry.logger()

_loaded: dict[tuple[Active, ...], Models] = {}


async def read(tx: Transaction) -> Models:
    """A small read per batch: files are loaded once per process, as a version never changes."""
    active = await repository.active(tx)
    if active not in _loaded:
        found = _models(active, await repository.contents(tx, [one.version for one in active]))
        _loaded.clear()  # only the newest is ever asked for
        _loaded[active] = found
    return _loaded[active]


def load(content: bytes) -> Model | SensitivityModel:
    """An ONNX file, or the JSON document of sensitivity. Raises ModelUnusable, also for a model of rows that mean something else."""
    if content[:1] == b"{":
        return _load_sensitivity(content)
    model = Model.load(content, features=FEATURES)
    if model.card.row_version != ROW_VERSION:
        raise ModelUnusable(f"it reads rows of version {model.card.row_version}, and rows here are of version {ROW_VERSION}")
    if model.card.population not in POPULATIONS:
        raise ModelUnusable(f"there is no population {model.card.population}")
    return model


def _load_sensitivity(content: bytes) -> SensitivityModel:
    try:
        return SensitivityModel.of(orjson.loads(content), features=FEATURES)
    except orjson.JSONDecodeError as error:
        raise ModelUnusable(f"it is not JSON: {error}") from None


@cache
def built_in() -> Models:
    champions: dict[tuple[str, str], Served] = {}
    troubles: dict[tuple[str, str], str] = {}
    for path in sorted(BUILT_IN.glob("*.onnx")):
        target, _, population = path.stem.partition("-")
        try:
            champions[target, population] = Served(BUILT_IN_VERSION, _churn_model(path.read_bytes()))
        except (ModelUnusable, OSError) as error:
            troubles[target, population] = _trouble("the built-in model", error)
    return Models(champions, troubles=troubles)


def _churn_model(content: bytes) -> Model:
    model = load(content)
    if not isinstance(model, Model):
        raise ModelUnusable("it is no churn model")
    return model


def _models(active: tuple[Active, ...], contents: Mapping[int, bytes]) -> Models:
    """A champion that can not be used leaves its place empty: a model that nobody chose would not be better than rules."""
    champions, troubles = dict(built_in().champions), dict(built_in().troubles)
    challengers: list[Served] = []
    sensitivity: ServedSensitivity | None = None
    for one in active:
        place = one.target, one.population
        try:
            model = load(contents.get(one.version, b""))
        except ModelUnusable as error:
            if one.state == "champion":
                champions.pop(place, None)
                troubles[place] = _trouble(f"model {one.version}", error)
            continue
        if isinstance(model, SensitivityModel):
            sensitivity = ServedSensitivity(one.version, model) if one.state == "champion" else sensitivity
        elif one.state == "champion":
            champions[place] = Served(one.version, model)
            troubles.pop(place, None)
        else:
            challengers.append(Served(one.version, model))
    return Models(champions, tuple(challengers), sensitivity, troubles)


def _trouble(which: str, error: Exception) -> str:
    trouble = f"{which}: {error}"
    log.error("churn_model_unusable", error=trouble)
    return trouble


async def register(tx: Transaction, content: bytes, *, actor: str) -> Document:
    """The same file again is the same model. Raises ActorMissing, InvalidRequest."""
    require_name(actor)
    try:
        model = load(content)
    except ModelUnusable as error:
        raise InvalidRequest(f"the model can not be used: {error}") from None
    await repository.lock_models(tx)
    sha256 = hashlib.sha256(content).hexdigest()
    known = await repository.model_of_content(tx, sha256)
    if known is not None:
        return _view(known)
    said = _said_of(model) | {"registered_by": actor, "registered_at": clock.now()}
    version = await repository.insert_model(tx, {"state": "registered", "content": content, "sha256": sha256, **said})
    log.info("churn_model_registered", version=version)
    return await get(tx, version)


def _said_of(model: Model | SensitivityModel) -> Document:
    if isinstance(model, SensitivityModel):
        learned = model.learned.model_dump(mode="json", exclude={"contacted", "left_alone", "scaling"})
        return {"target": SENSITIVITY, "population": EVERYBODY, "card": learned}
    return {"target": model.card.target, "population": model.card.population, "card": model.card.model_dump(mode="json")}


async def shadow(tx: Transaction, version: int, *, actor: str) -> Document:
    """Scores beside the champion from now on, and nobody sees it but who compares. Raises ActorMissing, NotFound, AlreadyDecided."""
    require_name(actor)
    row = await _lock(tx, version)
    if row.state not in {"registered", "shadow"}:
        raise AlreadyDecided(f"it is {row.state}")
    await repository.update_model(tx, version, state="shadow")
    return await get(tx, version)


async def promote(tx: Transaction, version: int, *, actor: str, reason: str) -> Document:
    """The champion of its target and population from now on. Raises NotFound, AlreadyDecided, SecondPersonNeeded, InvalidRequest."""
    row = await _lock(tx, version)
    if row.state not in {"registered", "shadow"}:
        raise AlreadyDecided(f"it is {row.state}")
    require_second(actor, row.registered_by, "registered")
    try:
        load((await repository.contents(tx, [version]))[version])
    except ModelUnusable as error:
        raise InvalidRequest(f"the model can not be used: {error}") from None
    now, before = clock.now(), await repository.champion(tx, row.target, row.population)
    if before is not None:
        await repository.update_model(tx, before.version, state="retired", retired_by=actor, retired_at=now, retired_because=f"model {version} took its place")
    replaced = before.version if before is not None else BUILT_IN_VERSION
    await repository.update_model(tx, version, state="champion", promoted_by=actor, promoted_at=now, promoted_because=reason, replaced=replaced)
    log.info("churn_model_promoted", version=version)
    return await get(tx, version)


async def retire(tx: Transaction, version: int, *, actor: str, reason: str) -> Document:
    """Of one that is no champion: out of the shadow. Raises ActorMissing, NotFound, AlreadyDecided."""
    require_name(actor)
    row = await _lock(tx, version)
    if row.state not in {"registered", "shadow"}:
        raise AlreadyDecided(f"it is {row.state}")
    await repository.update_model(tx, version, state="retired", retired_by=actor, retired_at=clock.now(), retired_because=reason)
    return await get(tx, version)


async def roll_back(tx: Transaction, version: int, *, actor: str, reason: str) -> Document:
    """The champion goes and the one before it is back at once; by one person, as it can not wait. Raises ActorMissing, NotFound, NothingToRollBack."""
    require_name(actor)
    row = await _lock(tx, version)
    if row.state != "champion":
        raise NothingToRollBack(f"model {version} is {row.state}, and no champion")
    await repository.update_model(tx, version, state="retired", retired_by=actor, retired_at=clock.now(), retired_because=reason)
    if row.replaced:
        await repository.update_model(tx, row.replaced, state="champion", retired_by=None, retired_at=None, retired_because=None)
    log.info("churn_model_rolled_back", version=version)
    return {"rolled_back": version, "in_force": row.replaced, "target": row.target, "population": row.population}


async def get(tx: Transaction, version: int) -> Document:
    """Raises NotFound."""
    return _view(await _row(tx, version))


async def content(tx: Transaction, version: int) -> bytes:
    """The ONNX file. Raises NotFound."""
    await _row(tx, version)
    return (await repository.contents(tx, [version]))[version]


async def list_all(tx: Transaction, *, before: int | None, limit: int) -> Document:
    """Registered ones, newest first, and what scores by now."""
    models = await read(tx)
    in_force = [
        {"target": target, "population": population, "version": served.version, "source": served.model.card.source, "name": served.model.card.name}
        for (target, population), served in sorted(models.champions.items())
    ]
    troubles = [{"target": target, "population": population, "trouble": trouble} for (target, population), trouble in sorted(models.troubles.items())]
    if models.sensitivity:
        in_force.append({"target": SENSITIVITY, "population": EVERYBODY, "version": models.sensitivity.version, "source": "own_history", "name": SENSITIVITY})
    rows = await repository.list_models(tx, before=before, limit=limit)
    return {"items": [_view(row) for row in rows], "in_force": in_force, "troubles": troubles}


def _view(row: sa.Row[Any]) -> Document:
    return dict(row._mapping)


async def _lock(tx: Transaction, version: int) -> sa.Row[Any]:
    await repository.lock_models(tx)
    return await _row(tx, version)


async def _row(tx: Transaction, version: int) -> sa.Row[Any]:
    row = await repository.model(tx, version)
    if row is None:
        raise NotFound(f"no churn model {version}")
    return row
