import re
import shutil
from pathlib import Path

import pytest

from deploy.stack.kafka import VERSION
from deploy.validate import DEPLOY, Invalid, check


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    return shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("demo", "stack", "__pycache__"))


def test_the_deployment_files_are_valid() -> None:
    check(DEPLOY)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "complaint"),
    [
        ("Dockerfile", "HEALTHCHECK", "HEALTHCHEK", "unexpected 'H'"),
        ("Dockerfile", "WORKDIR /opt\n", "RUN cd /opt\n", "Use WORKDIR"),
        ("compose.yaml", "image: apache/kafka", "imagee: apache/kafka", "services.kafka.imagee"),
        ("compose.yaml", "customer-migrate: {condition", "custoner-migrate: {condition", 'undefined service "custoner-migrate"'),
        ("compose.yaml", "start_interval: 2s", "start_interval: soon", 'invalid duration "soon"'),
        ("compose.yaml", "image: postgres:", "image: : postgres:", "mapping values are not allowed"),
        ("kubernetes/service/api.yaml", "readinessProbe:", "readynessProbe:", "'readynessProbe' was unexpected"),
        ("kubernetes/service/worker.yaml", "replicas: 2", "replicas: two", "'two' is not of type 'integer'"),
        ("kubernetes/secrets.example.yaml", "stringData:", "stringdata:", "'stringdata' was unexpected"),
    ],
)
def test_an_error_is_named_with_its_file_and_line(deploy: Path, file: str, right: str, wrong: str, complaint: str) -> None:
    path = deploy / file
    line = replace(path, right, wrong)
    with pytest.raises(Invalid, match=f"^{re.escape(str(path))}:{line}: .*{re.escape(complaint)}"):
        check(deploy)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "complaint"),
    [
        ("customer/kustomization.yaml", "value: 8001", "value: high", "Deployment customer-api: spec.template.spec.containers.0.ports.0.containerPort"),
        ("customer/kustomization.yaml", "../service", "../servise", "servise"),
        ("retention/kustomization.yaml", "retention-database", "database", "Secret database, which is nowhere"),
        ("gateway/kustomization.yaml", "secretName: keyring", "secretName: keys", "gateway-api mounts Secret keys, which is nowhere"),
        (
            "service/api.yaml",
            "selector:\n    app.kubernetes.io/component: api",
            "selector:\n    app.kubernetes.io/component: http",
            "Service customer-api selects no pod",
        ),
        ("kustomization.yaml", "name: settings", "name: setting", "ConfigMap settings, which is nowhere"),
    ],
)
def test_an_error_that_shows_only_when_rendered_is_named(deploy: Path, file: str, right: str, wrong: str, complaint: str) -> None:
    replace(deploy / "kubernetes" / file, right, wrong)
    with pytest.raises(Invalid, match=rf"kubernetes/kustomization.yaml:1: .*{re.escape(complaint)}"):
        check(deploy)


def test_the_containers_and_the_native_stack_run_the_same_kafka() -> None:
    assert f"image: apache/kafka:{VERSION}\n" in (DEPLOY / "compose.yaml").read_text()


def replace(path: Path, right: str, wrong: str) -> int:
    """Makes the error; the line it is on."""
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    return text[: text.index(right)].count("\n") + 1
