# Runs every entry point of this virtual environment, and prints those that do not use it. A module
# that Python reads at its start ends each one before its program begins.
import os
import subprocess
import sys
import tempfile

MARK = "isolate-prefix:"
MODULE = "import os, sys\nos.write(1, ('isolate-prefix:' + sys.prefix + '\\n').encode())\nos._exit(0)\n"
QUESTION = "import sys; print('isolate-prefix:' + sys.prefix)"

directory = os.path.join(sys.prefix, "bin")
broken = []


def is_python(first, second):
    is_both = first == "#!/bin/sh" and second.startswith("'''exec'")
    return (first.startswith("#!") and "python" in first) or is_both


def problem(command, variables):
    try:
        ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    for line in ended.stdout.splitlines():
        if line.startswith(MARK):
            prefix = line[len(MARK) :]
            same = os.path.realpath(prefix) == os.path.realpath(sys.prefix)
            return None if same else "it uses " + prefix
    lines = ended.stderr.strip().splitlines()
    return "its interpreter does not start: " + (lines[-1] if lines else str(ended.returncode))


with tempfile.TemporaryDirectory() as scratch:
    with open(os.path.join(scratch, "sitecustomize.py"), "w") as file:
        file.write(MODULE)
    variables = {
        "PATH": directory + ":/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": scratch,
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": scratch,
    }
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if os.path.islink(path) or not os.path.isfile(path) or not os.access(path, os.X_OK):
            continue
        with open(path, "rb") as file:
            lines = file.read(1024).decode("utf-8", "replace").splitlines() + ["", ""]
        if not is_python(lines[0], lines[1]):
            continue
        command = [path]
        program, dash, options = lines[0][2:].strip().partition(" -")
        if dash:
            # Options such as -I make the interpreter ignore the module.
            command = [program, *("-" + options).split(" "), "-c", QUESTION]
        why = problem(command, variables)
        if why:
            broken.append(f"{name} ({why})")
print(", ".join(broken), file=sys.stderr)
sys.exit(1 if broken else 0)
