# Runs pip, or uv, for this interpreter: TOOL ACTION OPTIONS -- NAMES. No variable of the
# environment changes what is installed, where, or from which index.
#
# Exit codes of its own: 127 without a tool, 78 for an invalid input, 75 if the command is to be run
# again, because this Python belongs to the distribution and has a virtual environment now.
import csv
import os
import sys

VENV = "/opt/isolation/venv"
# How pip and uv reach an index, not which one.
KEPT = (
    "PIP_CERT PIP_CLIENT_CERT PIP_PROXY PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES PIP_CACHE_DIR "
    "UV_CACHE_DIR UV_HTTP_TIMEOUT UV_NATIVE_TLS UV_SYSTEM_CERTS"
).split()
INDEX_OPTIONS = "-i --index-url --extra-index-url -f --find-links --trusted-host".split()

tool, action, *arguments = sys.argv[1:]
split = arguments.index("--")
options, names = arguments[:split], arguments[split + 1 :]


def fail(code, text):
    print(text, file=sys.stderr)
    sys.exit(code)


def is_managed():
    import sysconfig

    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(marker)


def make_venv():
    import shutil
    import subprocess

    made = subprocess.run([sys.executable, "-I", "-m", "venv", VENV], capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        lines = (made.stdout + made.stderr).strip().splitlines()
        fail(1, f"cannot create {VENV}, which this Python of a distribution needs: {' '.join(lines[-4:])}")
    sys.exit(75)


def load_toml(path):
    try:
        import tomllib
    except ImportError:
        try:
            from pip._vendor import tomli as tomllib
        except ImportError:
            fail(78, f"{path} needs Python 3.11, or pip in the environment")
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        fail(78, f"the lock file {path} cannot be read: {error}")


# The requirements of a lock file pylock.toml with their digests, and the directories of its archives.
def locked(path):
    lock = load_toml(path)
    if str(lock.get("lock-version", "")).split(".")[0] != "1":
        fail(78, f"{path} has the version {lock.get('lock-version')}, not 1.0")
    lines, places = [], set()
    for one in lock.get("packages", []):
        name, version = one.get("name"), one.get("version")
        archives = one.get("wheels", []) + ([one["sdist"]] if "sdist" in one else [])
        known = ("sha256", "sha384", "sha512")
        hashes = [(kind, value) for archive in archives for kind, value in archive.get("hashes", {}).items()]
        hashes = [f"--hash={kind}:{value}" for kind, value in hashes if kind in known]
        if not (name and version and hashes):
            fail(78, f"{name} in {path} has no version with archives and digests")
        for archive in archives:
            if "path" in archive:
                file = os.path.join(os.path.dirname(path), archive["path"])
                places.add(os.path.dirname(os.path.abspath(file)))
        marker = f" ; {one['marker']}" if "marker" in one else ""
        line = f"{name}=={version}{marker} {' '.join(hashes)}"
        if "\n" in line or line.lstrip().startswith("-"):
            fail(78, f"{path} is not a lock file: it has the package {name!r}")
        lines.append(line)
    return lines, sorted(places)


def is_lock(path):
    name = os.path.basename(path)
    return name == "pylock.toml" or (name.startswith("pylock.") and name.endswith(".toml"))


# pip and uv read lock files since recent versions only, so they get requirement files.
def unlock_files(directory):
    for at, option in enumerate(options[:-1]):
        if option == "--requirement" and is_lock(options[at + 1]):
            lines, places = locked(options[at + 1])
            options[at + 1] = os.path.join(directory, f"locked-{at}.txt")
            with open(options[at + 1], "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            for place in places:
                options.extend(["--find-links", place])


# The requirements of a file, and the options in it.
def lines_of(path, seen):
    if "://" in path or path in seen:
        return
    seen.add(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        fail(78, f"the requirement file {path} cannot be read: {error}")
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        line = (" " + line).split(" #")[0].split("\t#")[0].strip()
        if not line:
            continue
        word, _, rest = line.replace("=", " ", 1).partition(" ")
        if word in ("-r", "--requirement") or (line.startswith("-r") and not line.startswith("--")):
            nested = rest.strip() if word in ("-r", "--requirement") else line[2:].strip()
            yield from lines_of(os.path.join(os.path.dirname(path), nested), seen)
        else:
            yield path, word, line


def check_files():
    files = [value for option, value in zip(options, options[1:]) if option == "--requirement"]
    hashed = "--require-hashes" in options
    if hashed and names:
        fail(78, f"{names[0]} has no digest; write it into a requirement file: NAME==VERSION --hash=sha256:...")
    for file in files:
        for path, word, line in lines_of(file, set()):
            is_option = word.startswith("-") and word not in ("-e", "--editable")
            if "--no-index" in options and any(
                word == one or (len(one) == 2 and word.startswith(one) and not word.startswith("--"))
                for one in INDEX_OPTIONS
            ):
                fail(78, f"{path} has the option {word}, but no index is to be used")
            if hashed and not is_option and ("--hash" not in line or "==" not in line):
                name = line.split(" ")[0]
                fail(78, f"{name} in {path} has no version with == and a digest with --hash")


# Local wheels whose content differs from what is installed with the same version: pip skips them.
def changed_wheels():
    import hashlib
    import json
    from importlib import metadata

    changed = []
    for name in names:
        if not name.endswith(".whl") or "://" in name or not os.path.isfile(name):
            continue
        try:
            found = metadata.distribution(os.path.basename(name).split("-")[0])
            archive = json.loads(found.read_text("direct_url.json") or "{}").get("archive_info", {})
        except metadata.PackageNotFoundError:
            continue
        with open(name, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        if archive.get("hash", "") != "sha256=" + digest:
            changed.append(name)
    return changed


def entries():
    import sysconfig

    place = sysconfig.get_path("purelib")
    # A distribution may create it with the first package.
    return place, set(os.listdir(place)) if os.path.isdir(place) else set()


# pip leaves the files of a wheel that it refuses half-way: those that no package lists.
def remove_rest(before):
    import shutil

    place, after = entries()
    new = after - before
    claimed = set()
    for name in new:
        info = os.path.join(place, name)
        # RECORD comes with the wheel, INSTALLER is written last.
        record = os.path.join(info, "RECORD")
        if os.path.exists(os.path.join(info, "INSTALLER")) and os.path.exists(record):
            with open(record, encoding="utf-8") as file:
                claimed.update(line.split("/")[0].split(",")[0] for line in file)
    for name in new - claimed - {"__pycache__"}:
        path = os.path.join(place, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


# Whether an installation of a wheel was interrupted. pip moves the files of a package aside before it
# removes or replaces them: only then is a missing file a damage, because a user may remove files, too.
def is_damaged(info, moved_aside):
    names = set(os.listdir(info))
    if not {"METADATA", "RECORD"} <= names or ("WHEEL" in names and "INSTALLER" not in names):
        return True
    if not moved_aside:
        return False
    with open(os.path.join(info, "RECORD"), encoding="utf-8", newline="") as file:
        paths = [row[0] for row in csv.reader(file) if row]
    place = os.path.dirname(info)
    return any(not path.endswith(".pyc") and not os.path.lexists(os.path.join(place, path)) for path in paths)


def name_of(info):
    try:
        with open(os.path.join(info, "METADATA"), encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.lower().startswith("name:"):
                    return line[5:].strip()
    except OSError:
        pass
    return os.path.basename(info).split("-")[0].lstrip("~")


def is_installed(name):
    from importlib import metadata

    try:
        return bool(metadata.distribution(name).version)
    except metadata.PackageNotFoundError:
        return False


# Without its metadata, a damaged package counts as missing, and all its files are written again. For a
# removal, the metadata is needed.
def clean_up():
    import shutil

    place, found = entries()
    moved_aside = sorted(name for name in found if name.startswith("~"))
    names = []
    for name in sorted(found):
        info = os.path.join(place, name)
        if not name.endswith(".dist-info") or not os.path.isdir(info):
            continue
        if name in moved_aside or is_damaged(info, moved_aside):
            names.append(name_of(info))
            kept = action != "install" and os.path.exists(os.path.join(info, "RECORD"))
            if not kept and name not in moved_aside:
                shutil.rmtree(info, ignore_errors=True)
    for name in moved_aside:
        path = os.path.join(place, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    return sorted(set(names)) if action == "install" else []


# The commands of pip or uv: the second one, for packages that the first one would keep.
def commands(uv):
    no_index = ["--no-index"] if "--no-index" in options else []
    if tool == "pip" and uv is None:
        first = [sys.executable, "-I", "-m", "pip", action, "--quiet"]
        confirm = ["--yes"] if action == "uninstall" else []
        again, force = (changed_wheels() if action == "install" else []), "--force-reinstall"
    else:
        first = [uv, "pip", action, "--python", sys.executable, "--no-config", "--no-python-downloads", "--quiet"]
        confirm = ["--link-mode", "copy"] if action == "install" else []
        # uv looks at few files of a directory to see whether it has changed.
        local = [name for name in names if os.path.isdir(name)]
        again, force = (changed_wheels() + local if action == "install" else []), "--reinstall"
    yield [*first, *confirm, *options, "--", *names]
    if again:
        yield [*first, *confirm, force, "--no-deps", *no_index, "--", *again]


def main(directory):
    import importlib.util
    import shutil
    import subprocess

    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) and name not in KEPT:
            del os.environ[name]
    if is_managed():
        make_venv()
    if sys.prefix == VENV:
        print("virtual environment", VENV, flush=True)
    if action == "install":
        unlock_files(directory)
        check_files()
    uv = shutil.which("uv")
    has_pip = importlib.util.find_spec("pip") is not None
    if (tool == "uv" or not has_pip) and not uv:
        missing = "no uv" if tool == "uv" else "its Python has no pip"
        fail(127, f"{missing}: create the environment with pip, use an image that has it, or put uv on the PATH")
    os.environ.update(
        PIP_CONFIG_FILE=os.devnull,
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        PIP_ROOT_USER_ACTION="ignore",
    )
    if index:
        os.environ.update(PIP_INDEX_URL=index, UV_DEFAULT_INDEX=index)
    damaged = clean_up()
    before = entries()[1]
    for command in commands(None if tool == "pip" and has_pip else uv):
        code = subprocess.run(command).returncode
        if code:
            if action == "install":
                remove_rest(before)
            sys.exit(code if code > 0 else 128 - code)
    missing = [name for name in damaged if not is_installed(name)]
    if missing:
        fail(1, f"an interrupted installation has damaged {', '.join(missing)}; install them again")


index = os.environ.pop("ISOLATION_PACKAGE_INDEX", None)
if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        main(directory)
