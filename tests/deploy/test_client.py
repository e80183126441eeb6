"""G1: a typed client is generated from the document, whole; what is written with it is checked by mypy, and it talks to the real gateway."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.builders import activated, registered
from tests.guides.walking import ROOT, blocks
from tests.harness import ServiceUnderTest, listening, until

USE = """
from holdfast_client import AuthenticatedClient
from holdfast_client.api.customers import get_customer
from holdfast_client.api.retention import draft_campaign, get_campaign
from holdfast_client.models import CampaignDetail, CampaignDraft, CampaignDraftOffers, CustomerView, Problem


def view(url: str, customer_id: str) -> str:
    answer = get_customer.sync(customer_id, client=AuthenticatedClient(url, token="none"))
    assert isinstance(answer, CustomerView), answer
    return answer.customer_id


def draft(url: str, key: str) -> CampaignDetail | Problem | None:
    content = CampaignDraft(name="Keep", campaign_id="keep", offers=CampaignDraftOffers.from_dict({"usage_fall": ["loyalty-10"]}))
    return draft_campaign.sync(client=AuthenticatedClient(url, token="none"), body=content, idempotency_key=key, x_actor="ann")


def main(url: str) -> None:
    assert view(url, "C-1") == "C-1"
    drafted = draft(url, "k")
    assert isinstance(drafted, CampaignDetail) and drafted.revision == 1 and drafted.offers.to_dict() == {"usage_fall": ["loyalty-10"]}, drafted
    refused = draft(url, "another")
    assert isinstance(refused, Problem) and (refused.code, refused.status) == ("conflict", 409), refused
    missing = get_campaign.sync_detailed("none", client=AuthenticatedClient(url, token="none"))
    assert missing.status_code == 404 and isinstance(missing.parsed, Problem) and missing.parsed.code == "not_found"
"""
RUN = """
import sys
from use import main
main(sys.argv[1])
"""


GUIDES = ("customer", "retention", "segmentation")
# A guide knows what is there: an answer that may be null or left out is not asked for it.
MAY_BE_LEFT_OUT = re.compile(r'Item "Unset" of|Value of type ".*Unset.*" is not indexable')


@pytest.fixture(scope="module")
def folder(typed_client: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a program that uses the client, one that uses it wrongly, and the guides' blocks."""
    made = tmp_path_factory.mktemp("uses")
    (made / "use.py").write_text(USE)
    (made / "run.py").write_text(RUN)
    (made / "wrong.py").write_text(USE.replace("answer.customer_id", "answer.customer_ids"))
    for name in GUIDES:
        page = (ROOT / "docs" / "guides" / f"{name}.md").read_text()
        (made / f"{name}_guide.py").write_text("\n".join(block.code for block in blocks(page, {}) if block.language == "python"))
    return made


def test_what_uses_it_is_checked(typed_client: Path, folder: Path) -> None:
    assert (typed_client / "holdfast_client" / "py.typed").exists()
    strict = _mypy(folder, typed_client, "--strict", "use.py", "wrong.py")
    assert {line.partition(":")[0] for line in strict} == {"wrong.py"} and any('has no attribute "customer_ids"' in line for line in strict), strict
    loose = _mypy(folder, typed_client, "--check-untyped-defs", "--no-strict-optional", *(f"{name}_guide.py" for name in GUIDES))
    assert [line for line in loose if not MAY_BE_LEFT_OUT.search(line)] == []


async def test_it_talks_to_the_gateway(typed_client: Path, folder: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, log_level="error")
    async with (
        ServiceUnderTest("customer", settings) as customer,
        ServiceUnderTest("retention", settings) as retention,
        listening(customer.app) as customer_url,
        listening(retention.app) as retention_url,
        ServiceUnderTest("gateway", settings.model_copy(update={"customer_url": customer_url, "retention_url": retention_url})) as gateway,
        listening(gateway.app) as url,
    ):
        await customer.send(registered(), activated())
        await until(lambda: _is_there(gateway))
        done = await _run_beside(folder, typed_client, url)
    assert done == (0, ""), done


async def _is_there(gateway: ServiceUnderTest) -> bool:
    return (await gateway.http.get("/v1/customers/C-1")).is_success


async def _run_beside(folder: Path, typed_client: Path, url: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "run.py", url, cwd=folder, env=_environment(typed_client), stderr=asyncio.subprocess.PIPE
    )  # fmt: skip
    _, said = await process.communicate()
    return process.returncode, said.decode()


def _mypy(folder: Path, typed_client: Path, *arguments: str) -> list[str]:
    """The errors."""
    command = [sys.executable, "-m", "mypy", "--config-file=", "--follow-imports=silent", *arguments]
    said = subprocess.run(command, cwd=folder, env=_environment(typed_client), capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    return [line for line in said.stdout.splitlines() if ": error: " in line]


def _environment(typed_client: Path) -> dict[str, str]:
    return {**os.environ, "MYPYPATH": str(typed_client), "PYTHONPATH": str(typed_client), "NO_PROXY": "127.0.0.1"}
