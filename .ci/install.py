"""What tox installs with: first the system libraries that pip cannot bring, through apt where it may, then pip.

LIBERO needs an OpenGL library to draw with, and its packages on PyPI include one that is built with CMake.
Usage: python install.py PIP_ARGUMENTS...
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys

PROGRAMS = {"cmake": "cmake", "make": "make", "c++": "g++"}  # program to Debian package
LIBRARIES = {"OSMesa": "libosmesa6", "GL": "libgl1", "EGL": "libegl1"}


def missing() -> list[str]:
    """Debian packages of what is absent on this machine."""
    programs = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    return programs + [package for library, package in LIBRARIES.items() if not ctypes.util.find_library(library)]


def apt(packages: list[str]) -> bool:
    """Installs packages through apt-get as root, or by sudo if it asks for no password; whether that worked."""
    if not shutil.which("apt-get"):
        return False
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and not shutil.which("sudo"):
        return False
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = [*prefix, "apt-get", "-qq", "update"]
    install = [*prefix, "apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages]
    return all(subprocess.run(command, env=env, check=False).returncode == 0 for command in (update, install))


def main() -> int:
    """Installs; the exit code is pip's."""
    if sys.platform == "linux" and (packages := missing()) and not apt(packages):
        sys.stderr.write(f"please install these system packages: apt-get install {' '.join(packages)}\n")
    return subprocess.run([sys.executable, "-m", "pip", "install", *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
