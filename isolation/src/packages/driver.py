# Runs pip, or uv, for this interpreter: TOOL ACTION OPTIONS -- NAMES. No variable of the
# environment changes what is installed, where, or from which index. It follows contents.py.
#
# The option --locked reads requirements with digests from the standard input: these packages are
# installed, and no others.
#
# Exit codes of its own: 127 without a tool, 78 for an invalid input, 75 if the command is to be run
# again, because this Python belongs to the distribution and has a virtual environment now.
import csv

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


# The tool would use a directory of somebody else, and a failure would remove it.
def check_venv():
    if not os.path.lexists(VENV):
        return
    if os.path.isdir(VENV) and (not os.listdir(VENV) or os.path.exists(os.path.join(VENV, "pyvenv.cfg"))):
        return
    fail(78, f"{VENV}, which this Python of a distribution needs, is no virtual environment; remove or rename it")


def make_venv():
    import shutil
    import subprocess

    check_venv()
    made = subprocess.run([sys.executable, "-I", "-m", "venv", "--clear", VENV], capture_output=True, text=True)
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


# The requirements of the standard input as a file.
def locked_input(directory):
    if "--locked" in options:
        options.remove("--locked")
        path = os.path.join(directory, "locked.txt")
        with open(path, "wb") as file:
            file.write(sys.stdin.buffer.read())
        options.extend(["--requirement", path, "--require-hashes", "--no-deps"])
        return True
    return False


# The requirements of a file, and the options in it. Other files include those in `above`.
def lines_of(path, seen, above=()):
    if "://" in path:
        return
    place = os.path.realpath(path)
    if place in above:
        fail(78, f"the requirement file {path} includes itself; remove one of the lines with -r")
    if place in seen:
        return
    seen.add(place)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except FileNotFoundError:
        fail(78, f"the requirement file {path} does not exist in the environment; copy it in")
    except (OSError, UnicodeDecodeError) as error:
        fail(78, f"the requirement file {path} cannot be read: {error}")
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        line = (" " + line).split(" #")[0].split("\t#")[0].strip()
        if not line:
            continue
        word, _, rest = line.replace("=", " ", 1).partition(" ")
        if word in ("-r", "--requirement") or (line.startswith("-r") and not line.startswith("--")):
            nested = rest.strip() if word in ("-r", "--requirement") else line[2:].strip()
            yield from lines_of(os.path.join(os.path.dirname(path), nested), seen, (*above, place))
        else:
            yield path, word, line


def check_files():
    files = [value for option, value in zip(options, options[1:]) if option == "--requirement"]
    lines = [found for file in files for found in lines_of(file, set())]
    words = {word for _, word, _ in lines}
    # A digest of one requirement makes the tools ask for one of each. A file of constraints may have it.
    constrained = "--constraint" in options or any(word.startswith(("-c", "--constraint")) for word in words)
    some = "--require-hashes" in words or any("--hash" in line for _, _, line in lines)
    hashed = "--require-hashes" in options or (some and not constrained)
    if hashed and names:
        fail(78, f"{names[0]} has no digest; write it into a requirement file: NAME==VERSION --hash=sha256:...")
    for path, word, line in lines:
        is_editable = word in ("-e", "--editable")
        is_option = word.startswith("-") and not is_editable
        if "--no-index" in options and any(
            word == one or (len(one) == 2 and word.startswith(one) and not word.startswith("--"))
            for one in INDEX_OPTIONS
        ):
            fail(78, f"{path} has the option {word}, but no index is to be used")
        pinned = "==" in line or " @ " in line
        if hashed and not is_option and ("--hash" not in line or not pinned):
            name = line.split(" ")[-1 if is_editable else 0]
            why = "and a digest of one package needs those of all"
            why = "" if "--require-hashes" in options else f", {why}"
            fail(78, f"{name} in {path} has no version with == and a digest with --hash{why}")


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


# Whether pip reports what it installs, with the digests of the archives.
def can_report():
    from importlib import metadata

    version = metadata.version("pip").split(".")
    return [int(part) for part in version[:2] if part.isdigit()] >= [23, 0]


def reported(path):
    import json

    found = {}
    text = read(path)
    for one in json.loads(text)["install"] if text else []:
        archive = one["download_info"].get("archive_info", {})
        hashes = dict(archive.get("hashes") or {})
        if not hashes and "=" in archive.get("hash", ""):
            kind, value = archive["hash"].split("=", 1)
            hashes = {kind: value}
        if "sha256" in hashes:
            found[normal(one["metadata"]["name"])] = ["sha256:" + hashes["sha256"]]
    return found


# The packages beside which a note is, or could be.
def installed():
    for place in dict.fromkeys(path for path in sys.path if os.path.isdir(path)):
        infos = [os.path.join(place, entry) for entry in os.listdir(place) if entry.endswith(".dist-info")]
        yield place, {normal(name_of(info)): info for info in infos}


def file_digest(path):
    import hashlib

    content = read(path)
    return None if content is None else "sha256:" + hashlib.sha256(content).hexdigest()


# The digests of the archives in directories, by name and version.
def archives_beside(places):
    found = {}
    for place in places:
        for file in sorted(os.listdir(place)) if os.path.isdir(place) else []:
            wheel, source = file.endswith(".whl"), file.endswith((".tar.gz", ".zip"))
            stem = file[:-4] if file.endswith((".whl", ".zip")) else file[:-7]
            parts = stem.split("-")[:2] if wheel else stem.rsplit("-", 1)
            if (wheel or source) and len(parts) == 2:
                key = normal(parts[0]), parts[1]
                found.setdefault(key, []).append(file_digest(os.path.join(place, file)))
    return {key: [one for one in digests if one] for key, digests in found.items()}


# uv reports no archives, but finds their digests in an index: all of those that it would take.
def found_by_uv(uv, directory):
    import json
    import subprocess
    import urllib.parse
    import urllib.request

    found, lines = {}, []
    links = [place for option, place in zip(options, options[1:]) if option == "--find-links"]
    beside = archives_beside(place for place in links if "://" not in place)
    for place, infos in installed():
        notes = noted(place)
        for name, info in infos.items():
            by_uv = (read(info, "INSTALLER") or b"").strip() == b"uv"
            if not by_uv or notes.get(name, {}).get("content") == digest(info):
                continue
            try:
                url = json.loads(read(info, "direct_url.json") or b"{}").get("url", "")
            except ValueError:
                continue
            parts = urllib.parse.urlsplit(url)
            if not url:
                version = header(read(info, "METADATA") or b"", b"version:").decode()
                found[name] = list(beside.get((name, version), []))
                lines.append(f"{name}=={version}")
            elif parts.scheme == "file":
                path = urllib.request.url2pathname(parts.path)
                found[name] = [file_digest(path)] if os.path.isfile(path) else []
            elif parts.scheme in ("http", "https"):
                lines.append(f"{name} @ {url}")
    path = os.path.join(directory, "installed.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    no_index = "--no-index" in options
    if no_index and not any("://" in place for place in links):
        lines = []
    links = [word for place in links for word in ("--find-links", place)] + ["--no-index"] * no_index
    command = [uv, "pip", "compile", "--generate-hashes", "--no-deps", "--no-header", "--no-annotate"]
    command += ["--no-config", "--no-python-downloads", "--python", sys.executable, *links, "--", path]
    compiled = subprocess.run(command, capture_output=True, text=True) if lines else None
    # Without digests, a lock says that the package has none.
    name = None
    for line in compiled.stdout.splitlines() if compiled and compiled.returncode == 0 else []:
        if not line.startswith(" "):
            name = normal(line.split("==")[0].split(" @ ")[0].strip())
        elif "--hash=sha256:" in line:
            found.setdefault(name, []).append(line.split("--hash=")[1].split()[0])
    return {name: digests for name, digests in found.items() if digests}


# Notes the archives of packages beside them, and forgets those of packages that are gone.
def note_archives(found):
    import json

    for place, infos in installed():
        before = noted(place)
        after = {name: note for name, note in before.items() if name in infos}
        for name in found.keys() & infos.keys():
            after[name] = {"content": digest(infos[name]), "archives": found[name]}
        path = os.path.join(place, ARCHIVES)
        if after == before:
            continue
        try:
            if not after:
                os.unlink(path)
                continue
            new = f"{path}.{os.getpid()}"
            with open(new, "w", encoding="utf-8") as file:
                json.dump(after, file)
            os.replace(new, path)
        except OSError as error:
            fail(1, f"the packages are installed, but the list of their archives cannot be written: {error}")


# The commands of pip or uv: the second one, for packages that the first one would keep.
def commands(uv, exact):
    no_index = ["--no-index"] if "--no-index" in options else []
    if tool == "pip" and uv is None:
        first = [sys.executable, "-I", "-m", "pip", action, "--quiet"]
        confirm = ["--yes"] if action == "uninstall" else []
        again, force = (changed_wheels() if action == "install" else []), "--force-reinstall"
        reports = [["--report", report] for report in REPORTS] if action == "install" and can_report() else [[], []]
    else:
        first = [uv, "pip", action, "--python", sys.executable, "--no-config", "--no-python-downloads", "--quiet"]
        confirm = ["--link-mode", "copy"] if action == "install" else []
        # uv looks at few files of a directory to see whether it has changed.
        local = [name for name in names if os.path.isdir(name)]
        again, force = (changed_wheels() + local if action == "install" else []), "--reinstall"
        reports = [[], []]
    forced = [force] if exact else []
    yield [*first, *confirm, *reports[0], *forced, *options, "--", *names]
    if again:
        yield [*first, *confirm, *reports[1], force, "--no-deps", *no_index, "--", *again]


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
    exact = False
    if action == "install":
        exact = locked_input(directory)
        unlock_files(directory)
        check_files()
    uv = shutil.which("uv")
    has_pip = importlib.util.find_spec("pip") is not None
    if (tool == "uv" or not has_pip) and not uv:
        missing = "no uv" if tool == "uv" else "its Python has no pip"
        fail(
            127,
            f"{missing}: create the environment with pip, use an image that has it, or put uv on the PATH of the "
            "environment, which is not yours (with the option host_path of the engine virtualenv it has yours)",
        )
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
    REPORTS.extend(os.path.join(directory, f"report-{at}.json") for at in range(2))
    uv = None if tool == "pip" and has_pip else uv
    for command in commands(uv, exact):
        code = subprocess.run(command).returncode
        if code:
            if action == "install":
                remove_rest(before)
            sys.exit(code if code > 0 else 128 - code)
    if action == "install" and uv:
        note_archives(found_by_uv(uv, directory))
    else:
        note_archives({name: found for report in REPORTS for name, found in reported(report).items()})
    missing = [name for name in damaged if not is_installed(name)]
    if missing:
        fail(1, f"an interrupted installation has damaged {', '.join(missing)}; install them again")


index = os.environ.pop("ISOLATION_PACKAGE_INDEX", None)
REPORTS = []
if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        main(directory)
