# SPDX-License-Identifier: Apache-2.0
"""The scripts and units themselves, under the tools that judge them."""
import shutil
import subprocess

import pytest
from stack import REPOSITORY

UNIT = REPOSITORY / "deploy" / "systemd" / "escarcelle@.service"


def shell_scripts():
    files = [*(REPOSITORY / "scripts").iterdir(), REPOSITORY / ".ci" / "run"]
    return [file for file in files if file.is_file() and file.read_bytes().startswith(b"#!/bin/bash")]


def test_shell_scripts_are_clean():
    result = subprocess.run(["shellcheck", *shell_scripts()], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_unit_verifies():
    result = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_unit_is_hardened():
    subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT], capture_output=True,
                   check=True)
