# Prints what decides whether the files of a virtual environment run with another interpreter.
import json
import os
import platform
import sys
import sysconfig

base = getattr(sys, "_base_executable", None) or sys.executable
print(
    json.dumps(
        {
            "version": list(sys.version_info[:3]),
            "implementation": platform.python_implementation(),
            "abi": sysconfig.get_config_var("SOABI") or "",
            "libc": list(platform.libc_ver()),
            "base": os.path.realpath(base),
            "virtual": sys.prefix != sys.base_prefix,
            "prefix": sys.prefix,
            "packages": os.path.relpath(sysconfig.get_path("purelib"), sys.prefix),
            "path": os.environ.get("PATH", ""),
        }
    )
)
