"""Tests a project with numpy and flask on each engine: the same file, unchanged.

`PYTHON_IMAGE` names another image for docker. Its Python must have pip, or venv. The packages are
downloaded once for each version of Python, and copied in: no environment needs a network.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_isolation import isolation_environment

HERE = Path(__file__).parent
IMAGE = os.environ.get("PYTHON_IMAGE", "python:3.11-slim")

pytestmark = pytest.mark.isolation(engines=["virtualenv", "sandbox", "docker"], image=IMAGE)

of_module = isolation_environment("module")

VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"

# Starts the service, asks it, and ends it.
ASK = """
import json, subprocess, sys, urllib.request
service = subprocess.Popen([sys.executable, "figures.py"], stdout=subprocess.PIPE, text=True)
port = int(service.stdout.readline())
address = f"http://127.0.0.1:{port}/figures?values=1,2,3,6"
print(json.load(urllib.request.urlopen(address, timeout=30))["mean"])
service.kill()
"""


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """The packages of the project for a version of Python, as wheels."""
    known = {}

    def download(version):
        if version not in known:
            known[version] = tmp_path_factory.mktemp(f"wheels-{version}")
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
                + ["--only-binary=:all:", "--python-version", version, "--dest", str(known[version])]
                + ["--requirement", str(HERE / "requirements.txt")],
                check=True,
            )
        return known[version]

    return download


@pytest.fixture(scope="module")
def project(of_module, wheels):
    """An environment with the project and its packages."""
    for file in ["figures.py", "test_figures.py", "requirements.txt"]:
        of_module.copy_in(HERE / file, file)
    of_module.copy_in(wheels(of_module.run(["python3", "-c", VERSION]).stdout.strip()), "wheels")
    of_module.python = of_module.install(requirements=["./requirements.txt"], index="none", find_links=["./wheels"])
    return of_module


def test_project_passes_its_tests(project):
    output = project.run([project.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_figures.py"])
    assert "2 passed" in output.stdout


def test_service_answers(project):
    assert project.run([project.python, "-c", ASK]).stdout.strip() == "3.0"


def test_packages_are_listed(project):
    found = project.packages()
    assert {"flask", "numpy", "pytest", "werkzeug"} <= {one["name"].lower() for one in found}


def test_nothing_is_installed_on_this_machine(project):
    place = project.run([project.python, "-c", "import flask; print(flask.__file__)"]).stdout.strip()
    assert place not in {str(path) for path in Path("/usr").glob("lib/python3*/**/flask/__init__.py")}
