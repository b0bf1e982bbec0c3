"""The tests use the plugin of this directory, whether or not it is installed."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
installed = {one.name for one in importlib.metadata.entry_points(group="pytest11")} if sys.version_info >= (3, 10) else set()
pytest_plugins = ["pytester"] + ([] if "isolation" in installed else ["pytest_isolation"])
