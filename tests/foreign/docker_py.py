"""What docker-py can do to an engine, with output that is the same each time: docker_py.py NAME IMAGE"""

import io
import sys
import tarfile
import threading

import docker

name, image = sys.argv[1:3]
client = docker.from_env()


def step(text):
    print("==", text, flush=True)


def archive(**files):
    """A tar of these files, the same each time."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(text), 1704164645
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


step("events, open all along")
stream = client.events(decode=True, filters={"label": f"foreign={name}"})
seen = []
follower = threading.Thread(target=lambda: seen.extend(f"{event['Type']} {event['Action']}" for event in stream))
follower.start()

step("version")
version = client.version()
print(version["Os"], version["Arch"])
step("pull")
repository, tag = image.rsplit(":", 1)
print(client.images.pull(repository, tag=tag).attrs["Config"]["Cmd"])
client.images.remove(image)

step("create, start, inspect")
one = client.containers.create(
    "busybox", ["sh", "-c", "echo out; sleep 0.3; echo err >&2; sleep 600"], name=f"{name}_one", labels={"foreign": name}
)
one.start()
one.reload()
print(one.status, [container.name for container in client.containers.list(filters={"name": f"{name}_one"})])
step("exec")
print(one.exec_run("echo plain"))
print(one.exec_run(["sh", "-c", "echo wrong >&2; exit 7"], demux=True))
socket = client.api.exec_start(client.api.exec_create(one.id, "cat", stdin=True)["Id"], socket=True)
socket._sock.sendall(b"to be read\n")
socket._sock.shutdown(1)
print(b"".join(iter(lambda: socket.read(4096) or b"", b"")))
socket.close()
step("stats")
print(one.stats(stream=False)["pids_stats"])
step("logs")
print(one.logs())
step("cp")
print(one.put_archive("/tmp", archive(file="hello\n")))
chunks, stat = one.get_archive("/tmp/file")
with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
    print(stat["name"], stat["size"], tar.extractfile("file").read())
print(sorted(change["Path"] for change in one.diff()))
step("logs, followed")
two = client.containers.run("busybox", ["sh", "-c", "for i in 1 2; do echo line $i; sleep 0.4; done"], detach=True)
print(b"".join(two.logs(stream=True, follow=True)))
print(two.wait()["StatusCode"])
step("attach")
three = client.containers.create("busybox", ["sh", "-c", "sleep 1; echo from within; exit 3"], name=f"{name}_three")
output = three.attach(stream=True)
three.start()
print(b"".join(output), three.wait()["StatusCode"])
five = client.containers.create("busybox", ["cat"], name=f"{name}_five", stdin_open=True)
socket = five.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
five.start()
socket._sock.sendall(b"typed in\n")
socket._sock.shutdown(1)
print(b"".join(iter(lambda: socket.read(4096) or b"", b"")), five.wait()["StatusCode"])
socket.close()
step("run")
print(client.containers.run("busybox", ["sh", "-c", "sleep 1; echo run"], name=f"{name}_four"))
step("build")
dockerfile = "FROM busybox\nCOPY file /file\nRUN cat /file\n"
context = archive(Dockerfile=dockerfile, file="hello\n")
built, lines = client.images.build(
    fileobj=io.BytesIO(context), custom_context=True, tag=f"{name}_image", nocache=True, rm=True
)
print([line["stream"] for line in lines if line.get("stream", "").startswith("Step")])
step("networks and volumes")
network, volume = client.networks.create(f"{name}_net"), client.volumes.create(f"{name}_vol")
print(network.name, volume.name)
network.remove()
volume.remove()
step("a thing that is not there")
try:
    client.containers.get(f"{name}_none")
except docker.errors.NotFound as error:
    print(error.explanation)
step("remove")
client.images.remove(f"{name}_image")
for container in (one, two, three, five):
    container.remove(force=True)
client.api.remove_container(f"{name}_four")

step("events")
deadline = threading.Event()
while not (seen and seen[-1].endswith("destroy")) and not deadline.wait(0.1):
    pass
stream.close()
follower.join()
print(*seen, sep="\n")
