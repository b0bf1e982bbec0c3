"""The plugin itself: parameters, skips, bundles, and an end that leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_isolation import brief

HERE = str(Path(__file__).parent.parent)


@pytest.fixture
def project(pytester, pytestconfig, monkeypatch, tmp_path):
    """A project whose environments are in a directory of their own."""
    (tmp_path / "environments").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "environments"))
    monkeypatch.setenv("ISOLATE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", HERE)
    # An installed plugin is found by itself, and cannot be named again.
    is_installed = pytestconfig.pluginmanager.has_plugin("isolation")
    pytester.makeconftest("" if is_installed else "pytest_plugins = ['pytest_isolation']\n")
    pytester.environments = tmp_path / "environments"
    return pytester


def left(project):
    return [one.name for one in project.environments.iterdir() if one.name.startswith("isolation-")]


def run(project, *arguments):
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_engines_and_images_are_parameters(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.isolation(engines=["basic", "no-such-engine"], images=["a", "b"])
        def test_one(environment):
            assert environment.engine == "basic"
        """
    )
    result = run(project, "-rs", "-v")
    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(["*test_one?basic-a?*PASSED*", "*unknown engine*no-such-engine*"])
    assert left(project) == []


def test_one_engine_is_a_list_with_it(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.isolation(engines="basic", images="a")
        def test_one(environment):
            assert environment.engine == "basic"
        """
    )
    run(project).assert_outcomes(passed=1)


@pytest.mark.parametrize("wrong", ["'basic'", "engine='basic'"])
def test_mark_with_other_arguments_is_an_error(project, wrong):
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.isolation({wrong})
        def test_one(environment):
            raise AssertionError("not reached")
        """
    )
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the mark isolation takes names only: engines=*"])


def test_missing_feature_is_a_skip_with_its_reason(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.isolation(engines=["basic"], network={"ports": [80]})
        def test_port(environment):
            raise AssertionError("not reached")
        """
    )
    result = run(project, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*published ports*"])


def test_option_replaces_the_engines(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.isolation(engines=["docker"])
        def test_one(environment):
            assert environment.engine == "basic"
        """
    )
    run(project, "--isolation-engine", "basic").assert_outcomes(passed=1)


def test_missing_command_is_a_skip(project, monkeypatch):
    monkeypatch.setenv("ISOLATE", "no-such-isolate")
    project.makepyfile("def test_one(environment): pass")
    result = run(project, "-rs")
    result.assert_outcomes(skipped=1)
    header = "isolation: its tests are skipped: *no-such-isolate*"
    result.stdout.fnmatch_lines([header, "*no-such-isolate*install isolate*"])


def test_long_reason_is_shortened():
    assert brief("no daemon; a; b") == "no daemon; a; b"
    assert brief("no daemon; a; b; c; d") == "no daemon; a; b; …"


def test_failing_test_has_a_bundle(project):
    project.makepyfile(
        """
        import pytest
        from pytest_isolation import isolation_environment

        other = isolation_environment("module")
        pytestmark = pytest.mark.isolation(engines=["basic"])

        def test_fails(environment):
            environment.run("echo the-output; echo the-reason >&2; exit 7")

        def test_uses_another(other):
            assert False

        def test_uses_none():
            assert False
        """
    )
    result = run(project)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*CommandFailed*ended with 7*", "*the-reason*"])
    bundles = list((project.path / ".pytest-isolation").iterdir())
    assert len(bundles) == 2, bundles
    assert any("the-output" in file.read_text() for one in bundles for file in one.rglob("*") if file.is_file())
    assert left(project) == []


def test_dead_server_is_a_failure(project):
    project.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.isolation(engines=["basic"])

        def test_kills(environment, isolation):
            isolation.process.kill()
            isolation.process.wait()

        def test_after(environment):
            pass
        """
    )
    outcomes = run(project).parseoutcomes()
    assert outcomes["errors"] == 2 and "skipped" not in outcomes, outcomes


def test_workers_share_an_environment_of_the_session(project):
    pytest.importorskip("xdist")
    project.makepyfile(
        """
        import os, pytest
        from pytest_isolation import isolation_environment

        shared = isolation_environment("session")

        @pytest.mark.isolation(engines=["basic"])
        @pytest.mark.parametrize("number", range(12))
        def test_one(shared, number):
            shared.run(f"echo {os.environ['PYTEST_XDIST_WORKER']} >> workers; sleep 0.2")
            with open("ids", "a") as file:
                file.write(shared.id + "\\\\n")
        """
    )
    result = run(project, "-n", "3")
    result.assert_outcomes(passed=12)
    assert len(set((project.path / "ids").read_text().split())) == 1
    assert left(project) == []


def test_killed_run_leaves_nothing(project):
    project.makepyfile(
        """
        import pytest, time

        @pytest.mark.isolation(engines=["basic"])
        def test_hangs(environment):
            environment.run("touch $ISOLATION_ROOT/../../started; sleep 100000")
        """
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(project.path)]
    running = subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: (project.environments / "started").exists())
    assert left(project)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    until(lambda: not left(project))


def until(done):
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)
