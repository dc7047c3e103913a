"""The lab's settings; what they do in a running lab is tested with the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.publish import lab


@pytest.fixture
def launched(own_folders, monkeypatch):
    """start(…) without JupyterLab: returns the flags that it would have had."""
    flags = []
    monkeypatch.setattr("jupyterlab.labapp.LabApp.launch_instance", lambda argv: flags.extend(argv))
    for name in ("JUPYTER_CONFIG_PATH", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    return flags


def test_the_lab_starts_where_and_as_it_is_told(launched, own_folders):
    lab.start(own_folders / "work", own_folders / "work" / "00 a.ipynb", 9000, False, 20, ["--ip=0.0.0.0"])
    assert {f"--ServerApp.root_dir={own_folders / 'work'}", "--ServerApp.port=9000"} <= set(launched)
    assert {"--ServerApp.open_browser=False", "--LabApp.default_url=/lab/tree/00%20a.ipynb"} <= set(launched)
    assert launched[-1] == "--ip=0.0.0.0"
    server = json.loads((own_folders / "home/lab/config/jupyter_server_config.json").read_text())
    assert server["MappingKernelManager"]["cull_idle_timeout"] == 20 * 60
    for name in ("JUPYTER_CONFIG_PATH", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        assert Path(os.environ[name]).is_relative_to(own_folders / "home")


def test_the_student_s_own_jupyter_settings_are_kept(launched, own_folders, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/theirs")
    lab.start(own_folders, None, 9000, True, 20)
    assert os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep)[1:] == ["/theirs"]
    assert not any("default_url" in flag for flag in launched)


def test_a_home_that_cannot_be_written_is_no_obstacle(launched, own_folders):
    (own_folders / "home").write_text("a file is in the way")
    lab.start(own_folders, None, 9000, False, 20)
    assert (Path(os.environ["JUPYTER_CONFIG_PATH"]) / "jupyter_server_config.json").is_file()


@pytest.mark.parametrize(("memory_gb", "size"), [(2, "small"), (3.9, "small"), (4, "large"), (64, "large")])
def test_little_memory_means_little_patience(memory_gb, size):
    assert lab.idle_minutes(memory_gb) == lab.IDLE_MINUTES[size]


def test_binder_gets_the_settings_of_a_small_machine(tmp_path):
    as_main = "runpy.run_module('course_utils.publish.lab', run_name='__main__')"
    subprocess.run(
        [sys.executable, "-c", f"import sys, runpy; sys.prefix = {str(tmp_path)!r}; {as_main}"], check=True
    )
    server = json.loads((tmp_path / "etc/jupyter/jupyter_server_config.json").read_text())
    assert server["MappingKernelManager"]["cull_idle_timeout"] == lab.IDLE_MINUTES["small"] * 60
    page = json.loads((tmp_path / "etc/jupyter/labconfig/page_config.json").read_text())
    assert page["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"] is True
