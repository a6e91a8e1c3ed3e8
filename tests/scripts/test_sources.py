# SPDX-License-Identifier: Apache-2.0
"""The scripts themselves, under the tool that judges them."""
import subprocess

from stack import REPOSITORY


def shell_scripts():
    files = [*(REPOSITORY / "scripts").iterdir(), *(REPOSITORY / "deploy").rglob("*"), REPOSITORY / ".ci" / "run"]
    return [file for file in files if file.is_file() and file.read_bytes().startswith(b"#!/bin/bash")]


def test_shell_scripts_are_clean():
    result = subprocess.run(["shellcheck", *shell_scripts()], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
