"""Would Docker, Compose and Kubernetes accept the deployment files? `python -m deploy.validate` names the first error's file and line.

Asked are their own tools, from the development environment: hadolint, docker-compose, kubectl, and the API server's schemas.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

DEPLOY = Path(__file__).parent
TOOLS = Path(sys.executable).parent
KUBERNETES_VERSION = kubernetes_validate.latest_version()

Document = dict[str, Any]


class Invalid(Exception):
    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")


def main() -> int:
    try:
        check(DEPLOY)
    except Invalid as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def check(deploy: Path) -> None:
    check_dockerfile(deploy / "Dockerfile")
    check_compose(deploy / "compose.yaml")
    check_kubernetes(deploy / "kubernetes")


def check_dockerfile(path: Path) -> None:
    done = run("hadolint", "--no-color", path)
    found = re.match(r".*?:(?P<line>\d+)(:\d+)? (?P<message>.*)", done.stdout + done.stderr)
    if found:
        raise Invalid(path, int(found["line"]), found["message"])
    done.check_returncode()


def check_compose(path: Path) -> None:
    done = run("docker-compose", "--file", path, "config", "--quiet", HOLDFAST_DATABASE_PASSWORD="any", HOLDFAST_SERVICE_SECRET="any")
    if done.returncode != 0:
        message = " ".join(done.stderr.replace(f"validating {path}: ", "").split())
        raise Invalid(path, line_of_compose_error(path.read_text(), message), message)


def check_kubernetes(folder: Path) -> None:
    for path in sorted(folder.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            check_manifests(path)
    rendered = run("kubectl", "kustomize", folder)
    if rendered.returncode != 0:
        raise Invalid(folder / "kustomization.yaml", 1, rendered.stderr.strip())
    documents = list(yaml.safe_load_all(rendered.stdout))
    secrets = list(yaml.safe_load_all((folder / "secrets.example.yaml").read_text()))
    for problem in [*schema_problems(documents), *unmatched_selectors(documents), *missing_references(documents, secrets)]:
        raise Invalid(folder / "kustomization.yaml", 1, f"rendered, {problem}")


def check_manifests(path: Path) -> None:
    text = path.read_text()
    for node, document in zip(yaml.compose_all(text), yaml.safe_load_all(text), strict=True):
        try:
            kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            unexpected = re.findall(r"'([^']+)' (?:was|were) unexpected", error.message)
            raise Invalid(path, line_of(node, [*error.path, *unexpected]), error.message) from error


def schema_problems(documents: list[Document]) -> Iterator[str]:
    for document in documents:
        try:
            kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{title(document)}: {'.'.join(map(str, error.path))}: {error.message}"


def unmatched_selectors(documents: list[Document]) -> Iterator[str]:
    """No schema sees a service that selects no pod."""
    pods = [document["spec"]["template"]["metadata"]["labels"] for document in documents if "template" in document.get("spec", {})]
    for document in documents:
        selector = document.get("spec", {}).get("selector", {})
        wanted = selector.get("matchLabels", selector).items()
        if wanted and not any(wanted <= labels.items() for labels in pods):
            yield f"{title(document)} selects no pod: {dict(wanted)}"


def missing_references(documents: list[Document], secrets: list[Document]) -> Iterator[str]:
    known = {(document["kind"], document["metadata"]["name"]) for document in documents + secrets}
    for document in documents:
        pod = document.get("spec", {}).get("template", {}).get("spec", {})
        for volume in pod.get("volumes", []):
            if "secret" in volume and ("Secret", volume["secret"]["secretName"]) not in known:
                yield f"{title(document)} mounts Secret {volume['secret']['secretName']}, which is nowhere"
        for container in pod.get("containers", []):
            for source in container["envFrom"]:
                for kind, reference in (("ConfigMap", source.get("configMapRef")), ("Secret", source.get("secretRef"))):
                    if reference and (kind, reference["name"]) not in known:
                        yield f"{title(document)} takes its environment from {kind} {reference['name']}, which is nowhere"


def title(document: Document) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def line_of_compose_error(text: str, message: str) -> int:
    """Compose names a line, a path or an undefined name."""
    if line := re.search(r"\bline (\d+)|\bL(\d+)\.C", message):
        return int(line[1] or line[2])
    if undefined := re.search(r'undefined \w+ "?([\w.-]+)', message):
        return text[: text.find(undefined[1])].count("\n") + 1
    path = re.search(r"\b(?:services|volumes|networks)[.\[][\w.\[\]-]+", message)
    steps = re.split(r"[.\[\]]+", path[0]) if path else []
    document = yaml.compose(text)
    return line_of(document, steps) if document else 1


def line_of(node: yaml.Node, path: Sequence[str | int]) -> int:
    """Where the deepest part of the path stands that the document has."""
    line = int(node.start_mark.line) + 1
    for step in path:
        found = next(((at, child) for name, at, child in children(node) if name == str(step)), None)
        if not found:
            break
        line, node = found
    return line


def children(node: yaml.Node) -> Iterator[tuple[str, int, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode):
        yield from ((str(index), child.start_mark.line + 1, child) for index, child in enumerate(node.value))
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                yield key.value, key.start_mark.line + 1, child
                continue
            for merged in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                yield from children(merged)


def run(tool: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=False, env=os.environ | environment)


if __name__ == "__main__":
    sys.exit(main())
