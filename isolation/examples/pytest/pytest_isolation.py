"""pytest fixtures for isolated environments: containers, virtual environments, sandboxes.

The plugin starts `isolate serve --stdio` and speaks its protocol (isolation/PROTOCOL.md). It is one
file and needs no package besides pytest.

    import pytest

    @pytest.mark.isolation(engines=["basic", "docker"], image="busybox")
    def test_greeting(environment):
        assert environment.run("echo hello").stdout == "hello\\n"

- `environment` is a new environment for each test; `isolation_environment` gives one for a class, a
  module or a session: `my_env = isolation_environment("module", image="busybox")` in a test module.
- `service` starts an image or a command and waits until it is ready.
- A test runs once for each engine. An engine that is not available, or that lacks what the test
  needs, is skipped, and the reason is in the report.
- Environments of the scope `session` are shared by the workers of pytest-xdist.
- A failing test gets a bundle of files about its environments: see `--isolation-bundles`.
"""

import base64
import itertools
import json
import os
import queue
import shlex
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

VERSION = 1
LINE = 1 << 20  # the most bytes of a line
WINDOW = 256 << 10  # the bytes of output that may be under way
PIECE = 32 << 10  # the most bytes of input in one message
INLINE = 64 << 10  # the most bytes of input or content that are a part of a request


class IsolationError(Exception):
    """A request failed: `kind` is for programs, the text for people."""

    def __init__(self, wire):
        self.wire = wire
        self.kind = wire.get("kind", "engine")
        self.missing = wire.get("missing", [])
        super().__init__(describe(wire))


def describe(wire):
    text = wire.get("message", "")
    if wire.get("operation"):
        subject = f" {wire['subject']}" if wire.get("subject") else ""
        text = f"cannot {wire['operation']}{subject}: {text}"
    source = wire.get("source")
    while source:
        text += f"\n  caused by: {source.get('message')}"
        source = source.get("source")
    return text


class CommandFailed(AssertionError):
    """A command ended with another code than 0."""

    def __init__(self, argv, output):
        self.output = output
        super().__init__(f"{argv!r} ended with {output.code}\nstdout: {output.stdout}\nstderr: {output.stderr}")


class Output:
    """The output of a command that has ended."""

    def __init__(self, exit_status, stdout, stderr):
        self.exit = exit_status
        self.code = exit_status["code"]
        self.stdout_bytes, self.stderr_bytes = stdout, stderr

    @property
    def stdout(self):
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self):
        return self.stderr_bytes.decode(errors="replace")

    def __repr__(self):
        return f"Output(code={self.code}, stdout={self.stdout!r}, stderr={self.stderr!r})"


def encode(data):
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def decode(data):
    return data["text"].encode() if "text" in data else base64.b64decode(data["base64"])


class Connection:
    """A connection with `isolate serve --stdio`."""

    def __init__(self, program):
        self.process = subprocess.Popen(
            [program, "serve", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C must not end it before its environments are gone
        )
        self.numbers = itertools.count(1)
        self.waiting = {}
        self.lock = threading.Lock()
        self.ended = None
        threading.Thread(target=self._read, daemon=True).start()
        self.welcome = self.request("hello", versions=[VERSION], client="pytest-isolation")

    def _read(self):
        why = "isolate has ended"
        try:
            for line in iter(lambda: self.process.stdout.readline(LINE + 1), b""):
                if not line.endswith(b"\n"):
                    why = "isolate sent half a line, or one that is too long"
                    break
                message = json.loads(line)
                if message.get("id") is None and message.get("error"):
                    why = describe(message["error"])
                    continue
                waiting = self.waiting.get(message.get("id"))
                if waiting:
                    waiting.put(message)
        except (ValueError, AttributeError) as error:
            why = f"isolate sent a line that is no message: {error}"
        finally:
            with self.lock:
                self.ended = {"error": {"kind": "disconnected", "message": why}}
                for waiting in self.waiting.values():
                    waiting.put(self.ended)

    def send(self, message):
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if len(line) > LINE:
            raise IsolationError({"kind": "invalid_input", "message": f"the request has {len(line)} bytes"})
        with self.lock:
            try:
                self.process.stdin.write(line)
                self.process.stdin.flush()
            except (BrokenPipeError, ValueError):
                pass  # the reader reports the end

    def note(self, method, **params):
        self.send({"method": method, "params": params})

    def begin(self, method, **params):
        number, answers = next(self.numbers), queue.Queue()
        with self.lock:
            if self.ended:
                answers.put(self.ended)
            self.waiting[number] = answers
        self.send({"id": number, "method": method, "params": params})
        return number, answers

    def request(self, method, **params):
        number, answers = self.begin(method, **params)
        return self.result(number, answers)

    def result(self, number, answers, take=None):
        """Waits for the last answer; `take` gets those before it."""
        finished = False
        try:
            while True:
                message = answers.get()
                if message.get("error") is not None:
                    finished = True
                    raise IsolationError(message["error"])
                if message.get("result") is not None:
                    finished = True
                    return message["result"]
                if take:
                    take(message)
        finally:
            self.waiting.pop(number, None)
            if not finished:  # Ctrl-C, or a timeout of another plugin
                self.note("cancel", request=number)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Environment:
    """An environment."""

    def __init__(self, connection, opened):
        self._connection = connection
        self.id, self.name, self.engine = opened["id"], opened["name"], opened["engine"]
        self.spec, self.capabilities = opened["spec"], opened["capabilities"]

    def __repr__(self):
        return f"<Environment {self.name} on {self.engine}>"

    def request(self, method, **params):
        """Any method of the protocol about this environment."""
        return self._connection.request(method, environment=self.id, **params)

    def run(self, command, *, check=True, input=None, env=None, cwd=None, user=None, timeout=None):
        """Runs a command, which is a script of `sh` or a list of arguments, to its end."""
        argv = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        data = input.encode() if isinstance(input, str) else input
        wire = {"argv": argv, "env": {key: str(value) for key, value in (env or {}).items()}}
        wire.update({"working_dir": cwd, "user": user, "timeout": timeout})
        wire = {key: value for key, value in wire.items() if value is not None}
        if data is not None:
            wire["input"] = encode(data) if len(data) <= INLINE else "piped"
        pieces = {"stdout": [], "stderr": []}
        grants, used = queue.Queue(), 0
        number, answers = self._connection.begin("exec", environment=self.id, command=wire)

        def feed():
            free = WINDOW
            for start in range(0, len(data), PIECE):
                piece = data[start : start + PIECE]
                while free < len(piece):
                    granted = grants.get()
                    if granted is None:
                        return  # a command may end without reading all its input
                    free += granted
                free -= len(piece)
                self._connection.note("input", request=number, data=encode(piece))
            self._connection.note("end_input", request=number)

        def take(message):
            nonlocal used
            if message.get("started") and wire.get("input") == "piped":
                threading.Thread(target=feed, daemon=True).start()
            if message.get("more"):
                grants.put(message["more"])
            for stream, piece in (message.get("output") or {}).items():
                piece = decode(piece)
                pieces[stream].append(piece)
                used += len(piece)
            if used >= WINDOW // 2:
                self._connection.note("more", request=number, bytes=used)
                used = 0

        try:
            result = self._connection.result(number, answers, take)
        finally:
            grants.put(None)
        output = Output(result["exit"], b"".join(pieces["stdout"]), b"".join(pieces["stderr"]))
        if check and output.code != 0:
            raise CommandFailed(argv, output)
        return output

    def copy_in(self, source, target):
        """Copies a file or directory of this machine in."""
        self.request("copy_in", source=str(Path(source).absolute()), target=str(target))

    def copy_out(self, source, target):
        """Copies a file or directory out."""
        self.request("copy_out", source=str(source), target=str(Path(target).absolute()))

    def write(self, target, content, mode=0o644):
        """Writes a file."""
        data = content.encode() if isinstance(content, str) else content
        if len(data) > INLINE * 4:
            raise IsolationError({"kind": "invalid_input", "message": "the content is large; use copy_in"})
        self.request("copy_in", content=encode(data), mode=mode, target=str(target))

    def read(self, path):
        """The text of a file."""
        return self.run(["cat", str(path)]).stdout

    def wait_for(self, condition, timeout=60):
        """Waits for a condition, such as `{"port": 80}` or `{"file": "ready"}`."""
        self.request("wait_until", condition=condition, timeout=timeout)

    def endpoint(self, port):
        """Where a published port can be reached: `(host, port)`."""
        for one in self.request("endpoints")["endpoints"]:
            if one["port"] == port and one["protocol"] == "tcp":
                return one["host"], one["host_port"]
        raise IsolationError({"kind": "not_found", "message": f"the port {port} is not published"})

    def logs(self, tail=None):
        """The lines that the main process has written, or the commands."""
        lines, params = [], {"tail": tail} if tail else {}
        number, answers = self._connection.begin("logs", environment=self.id, **params)

        def take(message):
            if message.get("log"):
                data = decode(message["log"]["line"])
                lines.append(data.decode(errors="replace"))
                self._connection.note("more", request=number, bytes=min(len(data) + 64, WINDOW))

        self._connection.result(number, answers, take)
        return lines

    def install(self, *names, manager="pip", **options):
        """Installs packages; returns the program of Python that has them.

        `options` are those of the protocol: `requirements`, `constraints`, `index`, `find_links`, `upgrade`.
        """
        done = self.request("install_packages", names=list(names), manager=manager, **options)
        own = done.get("virtual_environment")
        return f"{own}/bin/python" if own else "python3"

    def packages(self, manager="pip"):
        """The installed packages: a list of `name`, `version` and more."""
        return self.request("list_packages", manager=manager)["packages"]

    def bundle(self, directory):
        """Writes files that describe the environment and its last failure; returns their directory."""
        return self.request("bundle", directory=str(Path(directory).absolute()))["directory"]

    def destroy(self):
        self.request("destroy")


# ---- the plugin -----------------------------------------------------------------------------------


def pytest_addoption(parser):
    group = parser.getgroup("isolation", "isolated environments")
    group.addoption("--isolation-engine", action="append", metavar="NAME", help="use this engine; may be repeated")
    group.addoption("--isolation-image", metavar="IMAGE", help="the image of tests that name none")
    group.addoption("--isolation-bundles", metavar="DIRECTORY", help="where failures are described")
    parser.addini("isolation_engines", "the engines of tests that name none", type="args", default=[])
    parser.addini("isolation_program", "the command isolate", default="")


def pytest_configure(config):
    text = "isolation(engines=..., images=..., image=..., **spec): the engines and environments of a test"
    config.addinivalue_line("markers", text)
    config.stash[CONNECTION] = None
    config.stash[PROBES] = {}


CONNECTION = pytest.StashKey()
PROBES = pytest.StashKey()
USED = pytest.StashKey()


def program_of(config):
    """The path of isolate, or the reason why there is none."""
    named = config.getini("isolation_program") or os.environ.get("ISOLATE") or "isolate"
    return shutil.which(named), f"the command {named!r} is not there; install isolate, or set ISOLATE"


def pytest_report_header(config):
    program, missing = program_of(config)
    return f"isolation: {program}" if program else f"isolation: its tests are skipped: {missing}"


def connect(config):
    if config.stash[CONNECTION] is None:
        program, missing = program_of(config)
        if program is None:
            pytest.skip(missing)
        config.stash[CONNECTION] = Connection(program)
    return config.stash[CONNECTION]


def pytest_unconfigure(config):
    connection = config.stash.get(CONNECTION, None)
    if connection is not None:
        connection.close()


def several(names):
    """One name is a list with this name."""
    return [names] if isinstance(names, str) else list(names)


def check(mark):
    if mark.args or "engine" in mark.kwargs:
        text = "the mark isolation takes names only: engines=[...], images=[...], image=..., keys of a specification"
        pytest.fail(text, pytrace=False)


def engines_of(config, marks):
    if config.getoption("--isolation-engine"):
        return config.getoption("--isolation-engine")
    for mark in marks:
        if mark.kwargs.get("engines"):
            return several(mark.kwargs["engines"])
    return config.getini("isolation_engines") or ["auto"]


def images_of(config, marks):
    for mark in marks:
        if mark.kwargs.get("images"):
            return several(mark.kwargs["images"])
        if mark.kwargs.get("image"):
            return [mark.kwargs["image"]]
    return [config.getoption("--isolation-image")]


def pytest_generate_tests(metafunc):
    if "isolation_engine" not in metafunc.fixturenames:
        return
    marks = list(metafunc.definition.iter_markers("isolation"))
    for mark in marks:
        check(mark)
    engines, images = engines_of(metafunc.config, marks), images_of(metafunc.config, marks)
    pairs = list(itertools.product(engines, images))
    names = [engine if len(images) == 1 else f"{engine}-{image}" for engine, image in pairs]
    metafunc.parametrize("isolation_engine", pairs, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def isolation(request):
    """The connection with isolate."""
    return connect(request.config)


@pytest.fixture(scope="session")
def isolation_engine(request, isolation):
    """The engine and the image of a test. One that is not available skips it, with the reason."""
    name, image = request.param
    if name == "auto":
        return name, image
    probes = request.config.stash[PROBES]
    if name not in probes:
        try:
            probes[name] = isolation.request("probe", engine=name)
        except IsolationError as error:
            if error.kind != "no_engine":
                raise
            pytest.skip(str(error))
    availability = probes[name]["availability"]
    if "unavailable" in availability:
        why = availability["unavailable"]
        pytest.skip(f"engine {name}: {brief(why['reason'])}; {why['hint']}")
    if image and "images" in probes[name]["capabilities"]["lacking"]:
        image = None  # the same test runs where there are no images
    return name, image


def brief(reason):
    """The beginning of a reason, which may list every place where a daemon was looked for."""
    clauses = reason.split("; ")
    return reason if len(clauses) <= 3 else "; ".join([*clauses[:3], "…"])


def create(request, isolation, engine, spec):
    """Creates an environment, or skips the test if the engine lacks what it needs."""
    name, image = engine
    if image:
        spec.setdefault("image", image)
    try:
        opened = isolation.request("create", engine=name, spec=spec)
    except IsolationError as error:
        # An engine that was available and is not any more is a failure.
        if error.kind in ("unsupported", "no_engine"):
            pytest.skip(str(error))
        raise
    environment = Environment(isolation, opened)
    request.node.stash.setdefault(USED, []).append((request.fixturename, environment))
    return environment


def spec_of(request, spec):
    """The specification: what the fixture gives, then what the mark of the test gives."""
    merged = dict(spec)
    for mark in reversed(list(request.node.iter_markers("isolation"))):
        merged.update({k: v for k, v in mark.kwargs.items() if k not in ("engines", "images", "image")})
    return merged


def isolation_environment(scope="function", **spec):
    """A fixture with one environment for each test, class, module, package or session.

    With the scope `session`, all workers of pytest-xdist share it.
    """

    @pytest.fixture(scope=scope)
    def fixture(request, isolation, isolation_engine):
        wanted = spec_of(request, spec)
        if scope == "session":
            wanted.setdefault("lifetime", "shared")
        made = create(request, isolation, isolation_engine, wanted)
        yield made
        made.destroy()

    return fixture


environment = isolation_environment("function")


@pytest.fixture
def service(request, isolation, isolation_engine):
    """Starts services: `service(image="redis", port=6379)` or `service(command="...", port=80)`.

    It returns the environment when the service is ready: when the port accepts connections, or when
    `ready` (a condition of the protocol) is true.
    """
    started = []

    def start(*, image=None, command=None, port=None, ready=None, timeout=60, **spec):
        if image:
            spec["image"] = image
        argv = ["sh", "-c", command] if isinstance(command, str) else command
        spec.setdefault("main", {"command": {"argv": argv}} if argv else "image")
        if port:
            network = spec.get("network", {})
            spec["network"] = {**network, "ports": [*network.get("ports", []), port]}
        condition = ready or ({"port": port} if port else None)
        if condition:
            spec["ready"] = {"wait_for": condition, "timeout": timeout}
        made = create(request, isolation, isolation_engine, spec)
        started.append(made)
        return made

    yield start
    for made in reversed(started):
        made.destroy()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.passed or report.skipped:
        return
    for made in used_by(item):
        directory = item.config.getoption("--isolation-bundles") or os.environ.get("ISOLATE_BUNDLE_DIR")
        directory = directory or item.config.rootpath / ".pytest-isolation"
        try:
            Path(directory).mkdir(parents=True, exist_ok=True)
            written = made.bundle(directory)
            summary = (Path(written) / "README.md").read_text(errors="replace")[:4000]
        except (IsolationError, OSError) as error:
            written, summary = "no bundle", str(error)
        report.sections.append((f"isolation: {made.name} on {made.engine}: {shlex.quote(str(written))}", summary))


def used_by(item):
    """The environments of the fixtures that a test uses, also those of its class, module or session."""
    made = [pair for node in item.listchain() for pair in node.stash.get(USED, [])]
    return [environment for fixture, environment in made if fixture in item.fixturenames]
