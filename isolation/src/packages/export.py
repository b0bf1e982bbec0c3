# Prints the installed packages as a lock file: FORMAT DIRECTORY, where FORMAT is `pylock` or
# `requirements`, and DIRECTORY has their archives. Exit code 78 for an invalid input.
import hashlib
import os
import re
import sys
from importlib import metadata

form, place = sys.argv[1:]
# What an installer brings along is not a part of what was installed.
SEEDS = ("pip", "setuptools", "wheel", "distribute", "uv")


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(78)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def inside(found):
    prefix = os.path.realpath(sys.prefix) + os.sep
    return (os.path.realpath(str(found.locate_file(""))) + os.sep).startswith(prefix)


# The name and the version in the name of an archive.
def parts(file):
    if file.endswith(".whl"):
        name, version = file[:-4].split("-")[:2]
        return normal(name), version
    for end in (".tar.gz", ".zip"):
        if file.endswith(end) and "-" in file:
            name, version = file[: -len(end)].rsplit("-", 1)
            return normal(name), version
    return None


def text(value):
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else "\\u%04x" % ord(c) for c in escaped) + '"'


try:
    files = sorted(os.listdir(place))
except OSError as error:
    fail(f"the directory {place} of archives cannot be read: {error}")
archives = {}
for file in files:
    key = parts(file)
    if key:
        with open(os.path.join(place, file), "rb") as opened:
            digest = hashlib.sha256(opened.read()).hexdigest()
        archives.setdefault(key, []).append((file, digest))

packages = {}
for found in metadata.distributions():
    name, version = found.metadata["Name"], found.version
    if name and normal(name) not in SEEDS and (sys.prefix == sys.base_prefix or inside(found)):
        packages.setdefault(normal(name), version)
missing = [f"{name} {version}" for name, version in sorted(packages.items()) if (name, version) not in archives]
if missing:
    fail(f"{place} has no archive of {', '.join(missing)}; `pip download` or `pip wheel` writes them")

lines = []
if form == "pylock":
    lines += ['lock-version = "1.0"', 'created-by = "isolate"']
    lines.append('requires-python = ">=%d.%d"' % sys.version_info[:2])
for name, version in sorted(packages.items()):
    own = archives[(name, version)]
    if form == "requirements":
        hashes = " \\\n    ".join(f"--hash=sha256:{digest}" for _, digest in own)
        lines.append(f"{name}=={version} \\\n    {hashes}")
        continue
    lines += ["", "[[packages]]", f"name = {text(name)}", f"version = {text(version)}"]
    entry = "{{ name = {0}, path = {1}, hashes = {{ sha256 = {2} }} }}".format
    show = [entry(text(file), text(os.path.join(place, file)), text(digest)) for file, digest in own]
    wheels = [one for one, (file, _) in zip(show, own) if file.endswith(".whl")]
    sources = [one for one, (file, _) in zip(show, own) if not file.endswith(".whl")]
    if sources:
        lines.append(f"sdist = {sources[0]}")
    if wheels:
        lines.append("wheels = [" + ", ".join(wheels) + "]")
sys.stdout.write("\n".join(lines) + "\n")
