#!/usr/bin/env python3
"""Records which files the docker command sends of a build context, for many ignore files.

    tests/foreign/dockerignore.py > tests/src/dockerignore.json

DOCKER is a docker command that has the classic builder (default: docker), BUILDX the program of its plugin buildx
(default: the one of Debian's docker-buildx), DOCKER_HOST an engine with BuildKit. The classic builder sends to a
server of this script. The files that buildx sends are those that `COPY . /` finds.
"""
import http.server
import io
import json
import os
import socketserver
import subprocess
import sys
import tarfile
import tempfile
import threading

DOCKER = os.environ.get("DOCKER", "docker")
BUILDX = os.environ.get("BUILDX", "/usr/libexec/docker/cli-plugins/docker-buildx")
DOCKERFILE = b"FROM scratch\nCOPY . /\n"

FILES = r"""
Dockerfile
.dockerignore
.env
.git/config
.git/objects/ab/cdef
a.md
README.md
README-secret.md
b.txt
c.TXT
main.go
main_test.go
foo/top
foo/bar/quux/t
foo/bar/other
foo/baz/quux/u
foo/baz/deep/quux/v
docker/Dockerfile
docker/web/Dockerfile
docker/web/run.sh
docker/db/Dockerfile
docker/db/data/dump.sql
src/main.c
src/main.h
src/lib/util.c
src/lib/util.o
src/lib/deep/er/x.txt
target/debug/app
target/keep/y
target/keep/z/w
docs/a.md
docs/sub/b.md
docs/sub/c.txt
node_modules/p/index.js
node_modules/p/node_modules/q/index.js
x[1]/f
-/dash
we ird/na me.txt
#hash
!bang
q?mark
star*name
back\slash
café/e
[ab]
a
ab
abc/d
Z.log
logs/1.log
logs/kept.log
empty/
"""

IGNORE_FILES = [
    "",
    # Exceptions, with and without wildcards, in excluded directories.
    "*\n!foo/*/quux\n",
    "*\n!docker/*/Dockerfile\n",
    "*\n!**/*.txt\n",
    "*\n!foo/bar\n",
    "*\n!src/lib/util.c\n",
    "**\n!src\n",
    "*\n!src/**\n!target/keep/*\n",
    "*\n!src/**/*\n",
    "*.md\n!README*.md\nREADME-secret.md\n",
    "**/*.md\n!docs/sub\n",
    "target\n!target/keep\n",
    "foo/*\n!foo/bar\n",
    "foo/**\n!foo/bar/quux\n",
    "foo/**\n!foo/**/quux\n",
    "logs/*\n!logs/kept.log\n",
    "*/*\n!src/lib\n",
    "**/*\n!src/**/*.txt\n",
    "**/*.[ch]\n!src/lib/*.c\n",
    "src/lib\n!src/lib/deep/er/x.txt\n",
    "src\n!src/*\n",
    "src\n!src/**\n",
    "src\n!src/l?b\n",
    "src\n!**/deep\n",
    ".*\n!.env\n",
    "!src\nsrc\n",
    "! src \n*\n! src/main.c\n",
    "*\n!a\n!abc/d\n",
    "*\n/!src\n",
    "*\n!!bang\n!empty\n",
    # The Dockerfile and the ignore file themselves.
    "*\n",
    "Dockerfile\n.dockerignore\n",
    "*\n!*\nDockerfile\n",
    "**/Dockerfile\n",
    "*\n!Dockerfile\n!.dockerignore\n!src\n",
    # Slashes, dots, absolute paths.
    "target/\n!target/keep/\n",
    "/target\n/docs/\n!/docs/a.md\n",
    "./foo/../src/lib//\n",
    "/\n",
    ".\n",
    "..\n",
    "../x\n!../src\n",
    # `**`
    "**/node_modules\n",
    "**/node_modules/\n!node_modules/p/node_modules/q\n",
    "node_modules/**\n",
    "foo/**/quux\n",
    "*/*/*\n",
    "**/b*\n",
    "a**\n",
    "**b\n",
    "docker/**/D*\n",
    # Comments, line ends, a byte order mark, spaces.
    "\ufeff# comment\r\nfoo\r\n\r\n  docs  \r\n #hash\r\n",
    "#hash\n\\#hash\n",
    "\u00a0src\u2003\n\tdocs\x0b\n",
    "we ird\n",
    "src",
    # Escapes, classes, and characters that are special elsewhere.
    "\\!bang\n",
    "q\\?mark\nstar\\*name\n",
    "q?mark\nstar*\n",
    "[ab]\n",
    "\\[ab]\n",
    "a[^b]*\n",
    "x\\[1\\]\n",
    "x[1]\n",
    "[a-c]*\n!ab\n",
    "back\\\\slash\n",
    "café\n",
    "caf?\n",
    "-\n",
    "{a,ab}\n(a)\na+\na|b\n",
    # Invalid ones.
    "!\n",
    "!/\n",
    "[\n",
    "a\\\n",
    "[b-a]\n",
    "[]a]\n",
    "[^]\n",
]


class Engine(http.server.BaseHTTPRequestHandler):
    """As much of an engine as the classic builder needs; keeps the context."""

    protocol_version = "HTTP/1.1"
    context = None

    def handle_any(self):
        body = b"".join(self.chunks())
        if "/build" in self.path:
            Engine.context = body
        reply = b"OK" if "_ping" in self.path else b"{}\n"
        self.send_response(200)
        for name, value in [("Api-Version", "1.47"), ("Ostype", "linux"), ("Content-Length", str(len(reply)))]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply)

    def chunks(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    do_GET = do_HEAD = do_POST = handle_any

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self):
        return super().get_request()[0], ("docker", 0)


def names(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name.rstrip("/") for member in tar} - {"", "."}


def classic(directory, socket):
    Engine.context = None
    settings = {**os.environ, "DOCKER_BUILDKIT": "0", "DOCKER_HOST": f"unix://{socket}"}
    settings.pop("DOCKER_CONTEXT", None)
    subprocess.run([DOCKER, "build", "."], cwd=directory, env=settings, capture_output=True)
    return Engine.context and names(Engine.context)


def buildx(directory):
    command = [BUILDX, "build", "--builder", "default", "--no-cache", "--output", "type=tar,dest=-", "."]
    run = subprocess.run(command, cwd=directory, capture_output=True)
    return names(run.stdout) if run.returncode == 0 else None


def main():
    paths = [path for path in FILES.split("\n") if path]
    with tempfile.TemporaryDirectory() as temporary:
        directory, socket = f"{temporary}/context", f"{temporary}/docker.sock"
        for path in paths:
            os.makedirs(os.path.dirname(f"{directory}/{path}"), exist_ok=True)
            if not path.endswith("/"):
                with open(f"{directory}/{path}", "wb") as file:
                    file.write(DOCKERFILE if path == "Dockerfile" else b"x")
        threading.Thread(target=Server(socket, Engine).serve_forever, daemon=True).start()
        parents = {"/".join(path.split("/")[:n]) + "/" for path in paths for n in range(1, path.count("/") + 1)}
        paths = sorted(parents | set(paths))
        print('{\n"paths": ' + json.dumps(paths, ensure_ascii=False) + ',\n"cases": [')
        for text in IGNORE_FILES:
            with open(f"{directory}/.dockerignore", "w", newline="") as file:
                file.write(text)
            case = {"ignore": text}
            for builder, sent in [("classic", classic(directory, socket)), ("buildx", buildx(directory))]:
                marks = sent and "".join("+" if path.rstrip("/") in sent else "-" for path in paths)
                # Nothing at all is sent as an empty set.
                case[builder] = "-" * len(paths) if sent == set() else marks
            last = text == IGNORE_FILES[-1]
            print(json.dumps(case, ensure_ascii=False) + ("" if last else ","))
            sys.stdout.flush()
        print("]\n}")


main()
