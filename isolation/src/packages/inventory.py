# Prints the installed packages: fields that end with \x1f, packages that end with \x1e. It reads
# their files only. It follows contents.py.
hashes = sys.argv[1:] == ["hashes"]
prefix = os.path.realpath(sys.prefix) + os.sep
virtual = sys.prefix != sys.base_prefix
library = os.path.realpath(os.path.dirname(os.__file__))


# Whether the interpreter, or the distribution, has brought what is in a directory. PyPy has packages
# in its standard library.
def is_of_base(place):
    return place == library or os.path.basename(place) in ("site-packages", "dist-packages")


seen = set()
for place in sys.path:
    try:
        entries = sorted(os.listdir(place or "."))
    except OSError:
        continue
    notes = noted(place) if hashes else {}
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
        key = normal(name.decode("utf-8", "replace"))
        if not key or key in seen:
            continue
        seen.add(key)
        real = os.path.realpath(place)
        inside = (real + os.sep).startswith(prefix)
        editable = entry.endswith(".egg-info") and not inside and not is_of_base(real)
        inherited = virtual and not inside and not editable
        content = digest(info) if hashes else ""
        note = notes.get(key, {})
        # Another program may have installed it again, from another archive.
        archives = note["archives"] if content and note.get("content") == content else []
        fields = [
            name,
            header(text, b"version:"),
            (read(info, "INSTALLER") or b"").strip(),
            b"1" if os.path.exists(os.path.join(info, "REQUESTED")) else b"",
            (read(info, "direct_url.json") or b"").strip(),
            b"1" if inherited else b"",
            content.encode(),
            " ".join(archives).encode("utf-8", "replace"),
        ]
        sys.stdout.buffer.write(b"\x1f".join(fields) + b"\x1e")
