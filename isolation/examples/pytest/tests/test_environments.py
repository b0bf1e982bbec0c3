"""What a test author uses, on each engine. `--isolation-engine NAME` chooses one."""

import pytest

from pytest_isolation import CommandFailed, IsolationError, isolation_environment

pytestmark = pytest.mark.isolation(engines=["basic", "virtualenv", "docker"], image="busybox")

shared = isolation_environment("session", env={"KIND": "shared"})
of_module = isolation_environment("module")


def test_output_and_exit_code(environment):
    output = environment.run("echo out; echo err >&2; exit 3", check=False)
    assert (output.stdout, output.stderr, output.code) == ("out\n", "err\n", 3)
    with pytest.raises(CommandFailed, match="ended with 4"):
        environment.run("exit 4")


def test_variables_input_and_timeout(environment):
    assert environment.run(["sh", "-c", "echo $MODE"], env={"MODE": "größe"}).stdout == "größe\n"
    assert environment.run("tr a-z A-Z", input="text").stdout == "TEXT"
    assert environment.run("sleep 1000", timeout=0.2, check=False).exit["timed_out"]


def test_large_input_and_output(environment):
    data = bytes(range(256)) * 8192
    assert environment.run("cat", input=data).stdout_bytes == data
    assert environment.run("exit 5", input=data, check=False).code == 5


def test_files(environment, tmp_path):
    environment.write("made/script", "#!/bin/sh\necho runs\n", mode=0o755)
    assert environment.run("./made/script").stdout == "runs\n"
    assert environment.read("made/script").startswith("#!/bin/sh")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_text("content")
    environment.copy_in(tmp_path / "tree", "tree")
    environment.copy_out("tree", tmp_path / "back")
    assert (tmp_path / "back" / "file").read_text() == "content"
    with pytest.raises(IsolationError) as error:
        environment.copy_out("no-such-file", tmp_path / "x")
    assert error.value.kind == "not_found"


def test_each_test_has_a_new_environment(environment):
    assert environment.run("ls").stdout.count("made") == 0
    environment.write("made", "x")


SEEN = {}


@pytest.mark.parametrize("number", [1, 2])
def test_module_has_one_environment(of_module, number):
    # A worker of pytest-xdist may run only one of the two.
    assert SEEN.setdefault(of_module.engine, of_module.id) == of_module.id
    of_module.run("echo x >> count")


@pytest.mark.parametrize("number", range(4))
def test_session_is_shared_by_all_workers(shared, number, tmp_path_factory, request):
    assert shared.run("echo $KIND").stdout == "shared\n"
    name = f"{shared.engine}-{request.config.getini('isolation_engines')}"
    seen = tmp_path_factory.getbasetemp().parent / "ids-of-workers"
    with seen.open("a") as file:
        file.write(f"{name} {shared.id}\n")
    ids = {line.split()[-1] for line in seen.read_text().splitlines() if line.startswith(name)}
    workers = request.config.getoption("numprocesses", None)
    assert len(ids) == 1 or not workers, ids


def test_logs_and_conditions(environment):
    environment.run("echo one; echo two; touch ready")
    assert environment.logs() == ["one", "two"]
    environment.wait_for({"file": "ready"})
    with pytest.raises(IsolationError) as error:
        environment.wait_for({"file": "never"}, timeout=0.1)
    assert error.value.kind == "timeout"


def test_service_is_ready_when_its_port_answers(service):
    import urllib.request

    network = {"ports": [81]}
    command = "mkdir /www; echo hello > /www/index.html; httpd -p 81 -h /www; httpd -f -p 80 -h /www"
    web = service(command=command, port=80, network=network)
    assert network == {"ports": [81]}
    # The port of the service, and that of its specification.
    for inside in (80, 81):
        host, port = web.endpoint(inside)
        with urllib.request.urlopen(f"http://{host}:{port}/", timeout=10) as reply:
            assert reply.read() == b"hello\n"
