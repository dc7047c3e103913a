"""What is wrong with this machine for this course, in human words, and how to mend it.

`look` gathers `Facts` about the machine; every check is a pure function from them to one `Finding`, so that a test
can show it any machine. ``course doctor`` prints the findings, lesson 00 shows them.
"""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from course_utils import __version__, paths

GOOD, NOTE, BLOCKING = "good", "note", "blocking"
SYMBOLS = {GOOD: "✓", NOTE: "!", BLOCKING: "✗"}
PYTHONS = ((3, 11), (3, 14))  # from, below
LABEXTENSIONS = ("anywidget", "@jupyter-widgets/jupyterlab-manager")
GB = 1e9


@dataclass(frozen=True)
class Folder:
    """A folder of the student's: ``path``, ``free`` bytes on its disk, whether it is ``writable``."""

    path: str
    free: int
    writable: bool


@dataclass(frozen=True)
class Facts:
    """What was found on a machine. Sizes are in bytes."""

    version: str
    python: tuple
    system: str
    cores: int
    memory: int
    folders: dict  # "copies", "progress" and "cache" -> Folder
    packages: dict  # requirement that is not met -> version found, or None where it is missing
    extensions: dict  # JupyterLab extension -> whether it was found
    kernel: str  # "" when a kernel started and answered, else what it said
    browser: bool
    gpu: str | None
    managed: bool  # pip refuses to install into this Python
    uv: bool


@dataclass(frozen=True)
class Finding:
    """level : GOOD, NOTE or BLOCKING; says : one sentence; mend : what to do, empty when nothing is."""

    level: str
    says: str
    mend: str = ""


@dataclass(frozen=True)
class Report:
    """All findings about a machine, worst first; shows as a list in a notebook and as text elsewhere."""

    findings: list = field(default_factory=list)

    @property
    def fit(self):
        """True when nothing keeps the course from running here."""
        return all(finding.level != BLOCKING for finding in self.findings)

    @property
    def summary(self):
        if not self.fit:
            return "The course cannot run on this machine yet. What is marked ✗ comes first."
        notes = sum(finding.level == NOTE for finding in self.findings)
        return "This machine is ready for the course." + (
            f" {notes} remark{'s' * (notes > 1)} below." if notes else ""
        )

    def __str__(self):
        lines = [self.summary, ""]
        for finding in self.findings:
            lines.append(f"{SYMBOLS[finding.level]} {finding.says}")
            lines += [f"    → {finding.mend}"] if finding.mend else []
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self):
        items = "".join(
            f"<li>{SYMBOLS[f.level]} {escape(f.says)}"
            + (f"<br>→ {escape(f.mend)}" if f.mend else "")
            + "</li>"
            for f in self.findings
        )
        return f'<p><strong>{escape(self.summary)}</strong></p><ul style="list-style:none">{items}</ul>'


def examine(facts=None):
    """Examine this machine, or the one that ``facts`` describe; returns a `Report`."""
    facts = facts or look()
    findings = [check(facts) for check in CHECKS]
    order = (BLOCKING, NOTE, GOOD)
    return Report(sorted(findings, key=lambda finding: order.index(finding.level)))


# -- the checks: facts -> finding ---------------------------------------------------------------------


def check_python(facts):
    found = ".".join(map(str, facts.python))
    if PYTHONS[0] <= tuple(facts.python[:2]) < PYTHONS[1]:
        return Finding(GOOD, f"Python {found} on {facts.system}, course {facts.version}.")
    return Finding(
        BLOCKING,
        f"This is Python {found}; the course runs on 3.11, 3.12 and 3.13.",
        "`uv run --python 3.12 course lab` fetches a fitting Python and uses it.",
    )


def check_packages(facts):
    if not facts.packages:
        return Finding(GOOD, "Every package that the course needs is installed.")
    missing = ", ".join(f"{need} (found: {has or 'nothing'})" for need, has in facts.packages.items())
    return Finding(
        BLOCKING,
        f"Packages are missing or too old: {missing}.",
        "In the course's folder `uv sync` installs them; in another environment "
        "`python -m pip install --upgrade from-pixels-to-regions` does.",
    )


def check_kernel(facts):
    if not facts.kernel:
        return Finding(GOOD, "A notebook kernel starts and answers.")
    return Finding(
        BLOCKING,
        f"No notebook kernel starts here: {facts.kernel}",
        "`python -m ipykernel install --sys-prefix` registers it again; a firewall that closes the "
        "ports of this very machine (127.0.0.1) has the same effect.",
    )


def check_writable(facts):
    closed = {role: folder.path for role, folder in facts.folders.items() if not folder.writable}
    if not closed:
        return Finding(GOOD, "Your copies, your progress and the compiled code can be written.")
    return Finding(
        BLOCKING if "copies" in closed else NOTE,
        "No writing in " + ", ".join(f"{path} ({role})" for role, path in closed.items()) + ".",
        "Name other folders in the environment variables COURSE_WORK (copies), COURSE_HOME (progress) "
        "and COURSE_CACHE (cache: compiled code, downloads).",
    )


def check_disk(facts):
    fullest = min(facts.folders.values(), key=lambda folder: folder.free)
    says = f"{fullest.free / GB:.1f} GB free where {_from_home(fullest.path)} lies."
    if fullest.free >= 1 * GB:
        return Finding(GOOD, says)
    level = BLOCKING if fullest.free < 0.1 * GB else NOTE
    return Finding(
        level, f"Only {says}", "Free some space: copies and compiled code want 0.1 GB, downloads a few."
    )


def check_memory(facts):
    says = f"{facts.memory / GB:.1f} GB of memory"
    if facts.memory >= 3.5 * GB:
        return Finding(GOOD, f"{says}.")
    if facts.memory >= 1.5 * GB:
        return Finding(
            NOTE,
            f"{says}: enough for one lesson at a time.",
            "Shut a lesson's kernel down before you open the next (Kernel → Shut Down Kernel).",
        )
    return Finding(
        NOTE,
        f"Only {says}: the lessons on pixels run, the ones that train networks will not.",
        "Close other programs, or open the course on Binder or Colab (the links in the README).",
    )


def check_cores(facts):
    if facts.cores >= 2:
        return Finding(GOOD, f"{facts.cores} CPU cores.")
    return Finding(NOTE, "One CPU core: expect twice the seconds that the lessons state.")


def check_widgets(facts):
    missing = [name for name, found in facts.extensions.items() if not found]
    if not missing:
        return Finding(GOOD, "JupyterLab has the extensions that the explorers need.")
    return Finding(
        NOTE,
        f"JupyterLab lacks {', '.join(missing)}: the explorers will show still pictures.",
        "`uv sync --reinstall-package anywidget --reinstall-package jupyterlab-widgets`; in conda, install "
        "anywidget and ipywidgets in the environment that holds jupyterlab.",
    )


def check_browser(facts):
    if facts.browser:
        return Finding(GOOD, "There is a browser to open the lab in.")
    return Finding(
        NOTE,
        "No browser was found here.",
        "`course lab --no-browser` prints an address; open it in any browser on this machine, or through a tunnel.",
    )


def check_installer(facts):
    if facts.uv or not facts.managed:
        return Finding(GOOD, "Packages can be installed" + (" with uv." if facts.uv else " with pip."))
    return Finding(
        NOTE,
        "The Python of this system refuses `pip install` (it is externally managed).",
        "Install uv by itself, `pipx install uv` or the installer on uv's web site, and use `uv run course lab`.",
    )


def check_gpu(facts):
    if facts.gpu:
        return Finding(GOOD, f"Graphics processor: {facts.gpu}. The course does not need it.")
    return Finding(GOOD, "No graphics processor, and none is needed.")


CHECKS = (
    check_python,
    check_packages,
    check_kernel,
    check_writable,
    check_disk,
    check_memory,
    check_cores,
    check_widgets,
    check_browser,
    check_installer,
    check_gpu,
)


# -- looking at the machine ---------------------------------------------------------------------------


def _from_home(path):
    """A path with the home folder written as ``~``: shorter, and a notebook that is shared names no user."""
    home = str(Path.home())
    return "~" + path.removeprefix(home) if path.startswith(home + os.sep) else path


def look():
    """Gather the `Facts` about this machine; starts one kernel, so it takes some two seconds."""
    return Facts(
        version=__version__,
        python=sys.version_info[:3],
        system=f"{platform.system()} {platform.machine()}",
        cores=_cores(),
        memory=memory(),
        folders={
            "copies": _look_at(paths.work()),
            "progress": _look_at(paths.home()),
            "cache": _look_at(paths.cache()),
        },
        packages=_unmet(),
        extensions={name: _has_extension(name) for name in LABEXTENSIONS},
        kernel=_try_kernel(),
        browser=_has_browser(),
        gpu=_gpu(),
        managed=_is_managed(),
        uv=shutil.which("uv") is not None,
    )


def memory(cgroups=Path("/sys/fs/cgroup")):
    """Bytes of memory that processes here may use: the machine's, or less where a container says so."""
    import psutil

    limits = [psutil.virtual_memory().total]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # control groups 2 and 1
        try:
            limits.append(int((cgroups / name).read_text()))
        except (OSError, ValueError):  # not a container, not Linux, or "max"
            continue
    return min(limits)


def _cores():
    """Those this process may use; a container or a batch system may have set some aside."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _look_at(path):
    """A folder of the student's, or what holds for it in the nearest folder above that exists."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    probe = existing / f".course-probe-{os.getpid()}"
    try:  # by trying: permissions, read-only disks and Windows' rules all show
        probe.touch()
        probe.unlink()
        writable = True
    except OSError:
        writable = False
    return Folder(str(path), shutil.disk_usage(existing).free, writable)


def _unmet():
    """Requirements of the course that are not met: {requirement: version found or None}."""
    from packaging.requirements import Requirement

    unmet = {}
    for text in importlib.metadata.requires(paths.APP) or []:
        need = Requirement(text)
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            found = None
        if found is None or not need.specifier.contains(found, prereleases=True):
            unmet[f"{need.name}{need.specifier}"] = found
    return unmet


def _has_extension(name):
    from jupyter_core.paths import jupyter_path

    return any((Path(folder) / name / "package.json").is_file() for folder in jupyter_path("labextensions"))


def _try_kernel():
    """Start a kernel, let it add two numbers; returns "" or what went wrong."""
    try:
        from jupyter_client.manager import run_kernel

        with run_kernel(kernel_name="python3", stderr=subprocess.DEVNULL) as client:
            client.wait_for_ready(timeout=30)
            reply = client.execute_interactive("assert 1 + 1 == 2", timeout=30, output_hook=lambda _: None)
        return "" if reply["content"]["status"] == "ok" else "it does not answer."
    except Exception as error:  # whatever it is, it is the finding
        return f"{type(error).__name__}: {error}"


def _has_browser():
    import webbrowser

    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _gpu():
    """By asking the driver: importing torch for it would take seconds."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple silicon"
    if not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ", ".join(done.stdout.split("\n")).strip(", ") or None if done.returncode == 0 else None


def _is_managed():
    """Debian, Ubuntu and Homebrew mark their Python so; a virtual environment is free of it."""
    in_environment = sys.prefix != sys.base_prefix
    return not in_environment and (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").is_file()
