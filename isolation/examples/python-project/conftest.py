import sys
from pathlib import Path

# A project of its own installs the package pytest-isolation instead.
sys.path.insert(0, str(Path(__file__).parent.parent / "pytest"))
pytest_plugins = ["pytest_isolation"]
collect_ignore = ["test_figures.py"]
