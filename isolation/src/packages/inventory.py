# Prints the installed packages as JSON, one line for each. It reads their files only.
import importlib.metadata as metadata, json, os, sys
prefix = os.path.realpath(sys.prefix) + os.sep
seen = set()
for found in metadata.distributions():
    name = found.metadata["Name"]
    if not name or name.lower() in seen:
        continue
    seen.add(name.lower())
    url = json.loads(found.read_text("direct_url.json") or "{}")
    place = os.path.realpath(str(found.locate_file("")))
    print(json.dumps({
        "name": name,
        "version": found.version or "",
        "installer": (found.read_text("INSTALLER") or "").strip() or None,
        "requested": found.read_text("REQUESTED") is not None,
        "editable": bool(url.get("dir_info", {}).get("editable")),
        "source": url.get("url"),
        "inherited": sys.prefix != sys.base_prefix and not (place + os.sep).startswith(prefix),
    }))
