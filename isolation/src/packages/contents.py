# What the scripts of this directory share. It imports little: the start of Python takes most of the
# time of a list.
import os
import sys

# The file beside packages that has the digests of their archives.
ARCHIVES = "isolation-archives.json"


def read(*parts):
    try:
        with open(os.path.join(*parts), "rb") as file:
            return file.read()
    except OSError:
        return None


def header(text, name):
    for line in text.split(b"\n\n", 1)[0].splitlines():
        if line[: len(name)].lower() == name:
            return line[len(name) :].strip()
    return b""


def normal(name):
    key = name.lower().replace("_", "-").replace(".", "-")
    return "-".join(filter(None, key.split("-")))


# The same for equal content: without what differs with the place and the tool of an installation.
def digest(info):
    import hashlib

    record = read(info, "RECORD")
    if record is None:
        return ""
    name = os.path.basename(info).encode()
    own = [name + b"/" + end for end in (b"INSTALLER", b"REQUESTED", b"RECORD", b"direct_url.json")]
    own.append(name + b"/uv_")
    kept = [
        line
        for line in record.replace(b"\r", b"").splitlines()
        if not line.startswith((b"../", b"/", b'"../', *own)) and b"__pycache__/" not in line
    ]
    return "sha256:" + hashlib.sha256(b"\n".join(sorted(kept))).hexdigest()


# What is noted of the packages of a directory. Another program may have damaged it.
def noted(place):
    text = read(place, ARCHIVES)
    if text is None:
        return {}
    import json

    try:
        notes = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(notes, dict):
        return {}
    good = {}
    for name, note in notes.items():
        archives = note.get("archives") if isinstance(note, dict) else None
        if isinstance(archives, list) and all(isinstance(one, str) for one in archives):
            good[name] = {"content": note.get("content"), "archives": archives}
    return good


