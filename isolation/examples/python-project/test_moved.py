"""Moves the project, with its packages, from virtualenv to docker and back: `isolate migrate`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
IMAGE = os.environ.get("PYTHON_IMAGE", "python:3.11-slim")
ISOLATE = os.environ.get("ISOLATE", "isolate")

VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
TESTS = "python -m pytest -q -p no:cacheprovider test_figures.py"


def isolate(*arguments):
    return subprocess.run([ISOLATE, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def available(engine):
    rows = json.loads(isolate("engines", "--json"))
    return any(row["name"] == engine and row["availability"].get("available") for row in rows)


def packages(environment):
    """Those of the project: pip comes with each new virtual environment."""
    found = [json.loads(line) for line in isolate("packages", "list", "--json", environment).splitlines()]
    rows = found[0] if found and isinstance(found[0], list) else found
    return {row["name"].lower(): row["version"] for row in rows if row["name"].lower() not in {"pip", "setuptools"}}


@pytest.fixture
def made():
    """The IDs of environments, which are removed in the end."""
    ids = []
    yield ids
    for one in ids:
        subprocess.run([ISOLATE, "rm", "-f", one], check=False, stdout=subprocess.DEVNULL)


def test_project_moves_to_docker_and_back(made, tmp_path):
    for engine in ["virtualenv", "docker"]:
        if not available(engine):
            pytest.skip(f"the engine {engine} is not available")
    source = isolate("create", "--engine", "virtualenv")
    made.append(source)
    isolate("start", source)
    version = isolate("exec", source, "python", "-c", VERSION)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        + ["--only-binary=:all:", "--python-version", version, "--dest", str(tmp_path / "wheels")]
        + ["--requirement", str(HERE / "requirements.txt")],
        check=True,
    )
    for file in [*(HERE / name for name in ["figures.py", "test_figures.py", "requirements.txt"]), tmp_path / "wheels"]:
        isolate("cp", str(file), f"{source}:{file.name}")
    isolate("packages", "install", "--no-index", "--find-links", "wheels", "--requirement", "requirements.txt", source)
    assert "2 passed" in isolate("exec", source, *TESTS.split())
    expected = packages(source)
    assert {"flask", "numpy", "pytest", "werkzeug"} <= expected.keys()
    # The wheels move with the project: an interpreter for which the files do not fit installs from them.
    there = isolate("migrate", "--image", IMAGE, "--no-index", "--find-links", "/work/wheels", "--probe", TESTS, source, "docker")
    made.append(there)
    assert "2 passed" in isolate("exec", there, *TESTS.split())
    assert packages(there) == expected
    back = isolate("migrate", "--no-index", "--find-links", "wheels", "--probe", TESTS, there, "virtualenv")
    made.append(back)
    assert "2 passed" in isolate("exec", back, *TESTS.split())
    assert packages(back) == expected
