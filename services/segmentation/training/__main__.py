"""`python -m services.segmentation.training`: models from the system's own history, from a file, and the cards of the public data sets.

own          churn models of what this system observed, one per target and population, each with its card
sensitivity  who is moved by a contact, from who was contacted and who was held out
file         what a model is worth on a file that a description explains: a card, and no model that could be served
cards        the cards of the public data sets again
register     hand a model in at the gateway
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
from sqlalchemy.exc import DBAPIError

from services.segmentation.churn.scoring import TARGETS, Target
from services.segmentation.training import card as cards
from services.segmentation.training import own
from services.segmentation.training.files import BadFile, describe, read
from services.segmentation.training.fit import TooThin
from services.segmentation.training.own import Made
from services.segmentation.training.uplift import NotServable, write_hillstrom
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases.rules import Rules
from shared import clock
from shared.database import Database, Transaction
from shared.settings import Settings

T = TypeVar("T")

ANSWER_SECONDS = 30.0
HILLSTROM = "hillstrom.csv.gz"


def main() -> int:
    arguments = _arguments()
    try:
        done: int = arguments.what(arguments)
        return done
    except DBAPIError as error:
        raise SystemExit(f"the database of segmentation can not be read ({error.orig}): HOLDFAST_DATA_DIR or HOLDFAST_DATABASE says where it is") from None
    except (BadFile, OSError, httpx.HTTPError) as error:
        raise SystemExit(str(error)) from None


def _own(arguments: argparse.Namespace) -> int:
    """How many targets and populations there was enough of is not an error; none at all is."""
    rules = asyncio.run(_asked(lambda tx: ruling.read(tx, clock.now())))
    made = [one for target in arguments.targets for one in _made(target, arguments, rules)]
    return 0 if made else 1


def _made(target: Target, arguments: argparse.Namespace, rules: Rules) -> list[Made]:
    tables = asyncio.run(_asked(lambda tx: own.tables(tx, target, since=arguments.since)))
    if not tables:
        _say(f"{target}: no observation has a label yet")
    found = []
    for population, table in tables.items():
        if arguments.populations and population not in arguments.populations:
            continue
        try:
            said = {"simulated": arguments.simulated, "least_of_each": arguments.least, "leaves": arguments.leaves, "seed": arguments.seed}
            made = own.make(table, target=target, population=population, parameters=rules.parameters, **said)
        except TooThin as error:
            _say(f"{target} of {population} customers: {error}")
            continue
        _written(made, f"{target}-{population}", arguments)
        found.append(made)
    return found


def _written(made: Made, name: str, arguments: argparse.Namespace) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{name}.onnx").write_bytes(made.content)
    if not arguments.no_cards:
        cards.write_own(arguments.cards or arguments.out, name, made)
    auc, lift = made.card.metrics["auc"], made.card.metrics["top_decile_lift"]
    told = f"AUC {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}], lift in the top tenth {lift.value:.1f}"
    _say(f"{name}: {made.card.rows:,} rows, {made.card.positives:,} positive; {told}; {made.fitted.trees} trees, {len(made.content) // 1000} kB")


def _sensitivity(arguments: argparse.Namespace) -> int:
    rules = asyncio.run(_asked(lambda tx: ruling.read(tx, clock.now())))
    least = rules.parameters.churn_score.sensitivity_least_events
    try:
        model = asyncio.run(_asked(lambda tx: own.sensitivity(tx, least_events=least, seed=arguments.seed)))
    except NotServable as error:
        _say(f"no sensitivity model: {error}")
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "sensitivity.json"
    path.write_bytes(orjson.dumps(model.document()))
    _say(f"{path}: {model.learned.exposures}")
    return 0


def _file(arguments: argparse.Namespace) -> int:
    found = read(arguments.data, describe(arguments.description))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in cards.write(arguments.out, *cards.measured(found, seed=arguments.seed), found):
        _say(path)
    return 0


def _cards(arguments: argparse.Namespace) -> int:
    written = cards.cards(arguments.data, arguments.out, seed=arguments.seed)
    for path in (*written, write_hillstrom(arguments.data / HILLSTROM, arguments.out)):
        _say(path)
    return 0


def _register(arguments: argparse.Namespace) -> int:
    body = {"content_base64": base64.b64encode(arguments.model.read_bytes()).decode()}
    url = f"{arguments.gateway.rstrip('/')}/v1/churn/models"
    key = os.environ.get("HOLDFAST_API_KEY")
    headers = {"X-Actor": arguments.actor} | ({"Authorization": f"Bearer {key}"} if key else {})
    answer = httpx.post(url, json=body, headers=headers, timeout=ANSWER_SECONDS, trust_env=False)
    said = answer.json()
    if answer.is_error:
        _say(f"{said.get('code')}: {said.get('detail')}")
        return 1
    _say(f"version {said['version']}, {said['target']} of {said['population']} customers: {said['state']}. A second person can promote it")
    return 0


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")


async def _asked(ask: Callable[[Transaction], Awaitable[T]]) -> T:
    database = Database(Settings().database_url("segmentation"))
    try:
        async with database.reading() as tx:
            return await ask(tx)
    finally:
        await database.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.segmentation.training", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.set_defaults(seed=0)
    what = parser.add_subparsers(required=True, metavar="what")
    one = _one(what, "own", _own, "models of what this system observed (its database is that of HOLDFAST_DATA_DIR or HOLDFAST_DATABASE)")
    one.add_argument("--out", type=Path, default=Path("build/models"), help="where models and cards go (build/models)")
    one.add_argument("--cards", type=Path, help="where cards go, if elsewhere")
    one.add_argument("--no-cards", action="store_true", help="write models alone")
    one.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), help="all, unless said")
    one.add_argument("--populations", nargs="+", help="all that were observed, unless said")
    one.add_argument("--since", type=date.fromisoformat, help="only what was observed from this day on")
    one.add_argument("--least", type=int, default=100, help="fewer positives or negatives make no model (100)")
    one.add_argument("--leaves", type=int, choices=(3, 6), default=3, help="of each tree; 6 for very many customers, twenty times as large (3)")
    one.add_argument("--simulated", default="", help="the history is a simulated operator's: what it is, in words, for the card")
    one = _one(what, "sensitivity", _sensitivity, "who is moved by a contact, from hold-outs")
    one.add_argument("--out", type=Path, default=Path("build/models"))
    one = _one(what, "file", _file, "a card of what a model is worth on a file")
    one.add_argument("data", type=Path)
    one.add_argument("description", type=Path, help="TOML, as in docs/models/cell2cell.toml")
    one.add_argument("--out", type=Path, default=Path("build/models"))
    one = _one(what, "cards", _cards, "the cards of the public data sets again (minutes)")
    one.add_argument("data", type=Path, help="the folder with the data sets")
    one.add_argument("out", type=Path, help="docs/models")
    one = _one(what, "register", _register, "hand a model in")
    one.add_argument("model", type=Path)
    one.add_argument("--gateway", default="http://127.0.0.1:8000")
    one.add_argument("--actor", required=True, help="your name: somebody else has to promote it")
    return parser.parse_args()


def _one(what: Any, name: str, act: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = what.add_parser(name, help=words, description=words)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(what=act)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
