"""The overlays as kubectl renders them, and the compose file."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
Manifest = dict[str, Any]


@functools.cache
def _rendered(overlay: str) -> str:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: the overlays cannot be rendered")
    done = subprocess.run(
        [kubectl, "kustomize", str(REPOSITORY / "k8s/overlays" / overlay)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def render(overlay: str) -> list[Manifest]:
    return [manifest for manifest in yaml.safe_load_all(_rendered(overlay)) if manifest]


@pytest.fixture(params=["local", "production"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(request.param)


@pytest.fixture
def local() -> list[Manifest]:
    return render("local")


@pytest.fixture
def production() -> list[Manifest]:
    return render("production")


@pytest.fixture
def compose() -> Manifest:
    loaded: Manifest = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded
