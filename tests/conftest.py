"""What all tests share: folders of their own, the real packs, a real browser, a running lab.

``COURSE_REQUIRE`` names what must be there (``browser``, ``real-data``, with commas between): a test that
needs it then fails where it would otherwise skip, so that a machine that should have it cannot pass by accident.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

CHROMIUM_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # the tests run as root in containers
]

# The same examples on every machine and in every run; a busy machine is no failure.
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")

# Set before any test module is imported: nothing that the tests do may reach the student's own folders.
_OWN = tempfile.TemporaryDirectory(prefix="course-tests-", ignore_cleanup_errors=True)
for _variable in ("HOME", "WORK"):
    os.environ[f"COURSE_{_variable}"] = str(Path(_OWN.name) / _variable.lower())


def need(name, available, why):
    """Skip the running test when ``name`` is not available, or fail it where COURSE_REQUIRE asks for it."""
    if available:
        return
    if name in os.environ.get("COURSE_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required here: {why}")
    pytest.skip(why)


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    """Fresh COURSE_HOME, COURSE_CACHE and COURSE_WORK for one test; returns their parent folder."""
    for variable in ("HOME", "CACHE", "WORK"):
        monkeypatch.setenv(f"COURSE_{variable}", str(tmp_path / variable.lower()))
    return tmp_path


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real image packs (nuclei, pets, camvid, bsds_photos), which the course does not ship."""
    folder = os.environ.get("COURSE_REAL_DATA")
    need("real-data", folder and Path(folder).is_dir(), "COURSE_REAL_DATA names no folder of real images")
    return Path(folder)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium (playwright's Browser), one for all tests."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    executable = next(filter(None, found), None)
    need("browser", executable, "no Chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def start_lab(tmp_path_factory):
    """start_lab(*flags): a context manager that runs ``course lab`` as a student starts it, in folders of its own.

    It gives (address, token included; path of the log).
    """

    @contextmanager
    def start(*flags):
        folder = tmp_path_factory.mktemp("lab")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        own = {f"COURSE_{name}": str(folder / name.lower()) for name in ("HOME", "WORK")}
        own |= {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
        command = [
            sys.executable,
            "-m",
            "course_utils.cli",
            "lab",
            "--no-browser",
            "--port",
            str(port),
            *flags,
        ]
        log = folder / "lab.log"
        with log.open("w") as out:
            environment = os.environ | own | {"PYTHONUNBUFFERED": "1"}
            server = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield _address(server, log), log
        finally:
            server.terminate()
            server.wait(30)

    return start


@pytest.fixture(scope="session")
def lab(start_lab):
    """The address of a running ``course lab``, token included."""
    with start_lab() as (address, _):
        yield address


def _address(server, log, seconds=90):
    """The address that the lab prints once it listens."""
    for _ in range(seconds * 4):
        found = re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/lab\S*token=\w+", log.read_text())
        if found:
            return found.group()
        if server.poll() is not None:
            break
        time.sleep(0.25)
    pytest.fail(f"course lab did not start:\n{log.read_text()}")
