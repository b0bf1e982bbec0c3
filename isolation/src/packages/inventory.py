# Prints the installed packages: fields that end with \x1f, packages that end with \x1e. It reads
# their files only, and imports little: the start of Python takes most of the time.
import os
import sys

hashes = sys.argv[1:] == ["hashes"]
prefix = os.path.realpath(sys.prefix) + os.sep
virtual = sys.prefix != sys.base_prefix


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


# The same for equal content: without what differs with the place and the tool of an installation.
def digest(info):
    import hashlib

    record = read(info, "RECORD")
    if record is None:
        return b""
    name = os.path.basename(info).encode()
    own = [name + b"/" + end for end in (b"INSTALLER", b"REQUESTED", b"RECORD", b"direct_url.json")]
    own.append(name + b"/uv_")
    kept = [
        line
        for line in record.replace(b"\r", b"").splitlines()
        if not line.startswith((b"../", b"/", b'"../', *own)) and b"__pycache__/" not in line
    ]
    return b"sha256:" + hashlib.sha256(b"\n".join(sorted(kept))).hexdigest().encode()


seen = set()
for place in sys.path:
    try:
        entries = sorted(os.listdir(place or "."))
    except OSError:
        continue
    for entry in entries:
        info = os.path.join(place, entry)
        if entry.startswith("~"):
            continue  # pip has moved it aside
        if entry.endswith(".dist-info"):
            text = read(info, "METADATA")
        elif entry.endswith(".egg-info"):
            text = read(info, "PKG-INFO") or read(info)
        else:
            continue
        if text is None:
            continue
        text = text.replace(b"\r\n", b"\n")
        name = header(text, b"name:")
        key = name.lower().replace(b"_", b"-").replace(b".", b"-")
        key = b"-".join(filter(None, key.split(b"-")))
        if not key or key in seen:
            continue
        seen.add(key)
        inside = (os.path.realpath(place) + os.sep).startswith(prefix)
        editable = entry.endswith(".egg-info") and not inside
        inherited = virtual and not inside and not editable
        fields = [
            name,
            header(text, b"version:"),
            (read(info, "INSTALLER") or b"").strip(),
            b"1" if os.path.exists(os.path.join(info, "REQUESTED")) else b"",
            (read(info, "direct_url.json") or b"").strip(),
            b"1" if inherited else b"",
            digest(info) if hashes else b"",
        ]
        sys.stdout.buffer.write(b"\x1f".join(fields) + b"\x1e")
