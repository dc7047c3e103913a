"""How JupyterLab opens the course: offline, with nothing to click away, and idle kernels shut down.

The same settings serve ``course lab`` (as flags) and Binder (as a configuration file that ``postBuild``
writes), so both behave alike.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

from course_utils import paths

# A kernel that nobody uses keeps its memory: 2 GB hold two lessons, so there the wait is short.
IDLE_MINUTES = {"small": 20, "large": 120}
SMALL_MEMORY_GB = 4


def settings(idle_minutes):
    """JupyterLab's configuration for the course, as {class: {trait: value}}."""
    return {
        "MappingKernelManager": {
            "cull_idle_timeout": idle_minutes * 60,
            "cull_interval": 60,
            "cull_connected": True,  # an open tab keeps its kernel connected, and is what gets forgotten
        },
        "LabApp": {
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",  # the other one asks the package index for its list
        },
    }


def start(folder, first, port, browser, idle_minutes, arguments=()):
    """Become JupyterLab in ``folder``; returns when it is shut down.

    first : notebook to open, or None to open what was open last time
    arguments : further ones for JupyterLab; they win over ours
    """
    own = paths.home() / "lab"  # its settings and its open tabs, apart from the student's other Jupyter work
    os.environ.setdefault("JUPYTERLAB_SETTINGS_DIR", str(own / "settings"))
    os.environ.setdefault("JUPYTERLAB_WORKSPACES_DIR", str(own / "workspaces"))
    from jupyterlab.labapp import LabApp

    config = settings(idle_minutes)
    config["ServerApp"] = {"root_dir": str(folder), "port": port, "open_browser": browser}
    if first:
        config["LabApp"]["default_url"] = f"/lab/tree/{quote(Path(first).name)}"
    flags = [
        f"--{group}.{trait}={value}" for group, traits in config.items() for trait, value in traits.items()
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container; elsewhere nobody would
        flags.append("--allow-root")
    LabApp.launch_instance(argv=[*flags, *arguments])


def write_config(folder):
    """Write the settings for a small machine into a Jupyter configuration folder; returns the file."""
    path = Path(folder) / "jupyter_server_config.d" / "from-pixels-to-regions.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings(IDLE_MINUTES["small"]), indent=2) + "\n", encoding="utf-8")
    return path


def idle_minutes(memory_gb):
    """How long a kernel may idle on a machine with that much memory."""
    return IDLE_MINUTES["small" if memory_gb < SMALL_MEMORY_GB else "large"]


if __name__ == "__main__":  # Binder's postBuild: the environment's own configuration folder
    print(write_config(os.path.join(sys.prefix, "etc", "jupyter")))
