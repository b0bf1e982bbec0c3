"""Puts the code of pip into one file: a copy of the environment is then a copy of some thirty files,
and not of a thousand. Arguments: the directory of packages.

The compiled code in it is valid for this interpreter without a look at its source. Another
interpreter uses the source. The metadata stays in files, and names what is there now, so that pip
can be replaced and removed.
"""
import csv
import importlib.util
import io
import marshal
import os
import shutil
import sys
import zipfile

packages = sys.argv[1]
PACKED, PATH = "pip.zip", "pip.pth"


def compiled(source, name):
    """The file of compiled code that is never compared with its source."""
    code = compile(source, name, "exec", dont_inherit=True)
    flags = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)


def add(archive, name, content):
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


infos = [name for name in os.listdir(packages) if name.startswith("pip-") and name.endswith(".dist-info")]
if len(infos) != 1 or not os.path.isdir(os.path.join(packages, "pip")):
    sys.exit(0)
record = os.path.join(packages, infos[0], "RECORD")
with open(record, newline="", encoding="utf-8") as file:
    rows = list(csv.reader(file))

with zipfile.ZipFile(os.path.join(packages, PACKED), "w") as archive:
    for directory, directories, files in os.walk(os.path.join(packages, "pip")):
        directories[:] = sorted(name for name in directories if name != "__pycache__")
        for file in sorted(files):
            path = os.path.join(directory, file)
            name = os.path.relpath(path, packages)
            with open(path, "rb") as opened:
                content = opened.read()
            add(archive, name, content)
            if name.endswith(".py"):
                try:
                    add(archive, name + "c", compiled(content, name))
                except (SyntaxError, ValueError):
                    # A file for another version of Python.
                    pass
with open(os.path.join(packages, PATH), "w") as file:
    file.write(PACKED + "\n")
shutil.rmtree(os.path.join(packages, "pip"))

rows = [one for one in rows if one and not one[0].startswith("pip/")]
# Without digests: the same compiled code may be written in several ways.
rows[0:0] = [[PACKED, "", ""], [PATH, "", ""]]
text = io.StringIO()
csv.writer(text, lineterminator="\n").writerows(rows)
with open(record, "w", newline="", encoding="utf-8") as file:
    file.write(text.getvalue())
