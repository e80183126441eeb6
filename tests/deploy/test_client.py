"""G1: a typed client is generated from the document, whole; what is written with it is checked by mypy, and it talks to the real gateway."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.builders import activated, registered
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the client in it, and a program that uses it."""
    made = tmp_path_factory.mktemp("client")
    done = subprocess.run([sys.executable, "-m", "deploy.client", "--to", str(made)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made / "use.py").write_text(USE)
    (made / "run.py").write_text(RUN)
    return made


def test_what_uses_it_is_checked(folder: Path) -> None:
    assert (folder / "holdfast_client" / "py.typed").exists()
    checked = _run(folder, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", "use.py")
    assert checked.returncode == 0, checked.stdout
    (folder / "wrong.py").write_text(USE.replace("answer.customer_id", "answer.customer_ids"))
    wrong = _run(folder, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", "wrong.py")
    assert 'has no attribute "customer_ids"' in wrong.stdout


async def test_it_talks_to_the_gateway(folder: Path, tmp_path: Path) -> None:
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
        done = await _run_beside(folder, url)
    assert done == (0, ""), done


async def _is_there(gateway: ServiceUnderTest) -> bool:
    return (await gateway.http.get("/v1/customers/C-1")).is_success


async def _run_beside(folder: Path, url: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(sys.executable, "run.py", url, cwd=folder, env=_environment(folder), stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    return process.returncode, said.decode()


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False)


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "MYPYPATH": str(folder), "PYTHONPATH": str(folder), "NO_PROXY": "127.0.0.1"}
