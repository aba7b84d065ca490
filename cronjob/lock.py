# ruff: noqa: INP001  a script of its own, in no package
"""Write the requirements of the image: every library, by version and by the hashes of its wheels.

    python cronjob/lock.py UV

``UV`` is the resolver. What it settles on must have wheels for the image's Python on each of its
platforms, and only the hashes of those wheels are written: nothing is ever built from source.
The files hold no address: where packages come from is the business of whoever installs them.
"""

import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parent / "pyproject.toml"

PYTHON = "3.13"
"""The image's, as in its Dockerfile."""

PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
"""In the resolver's words. The image's own C library is newer, not older."""

HEADER = "# Written by `make requirements` from pyproject.toml; {purpose}.\n"


def main(resolver: str) -> None:
    """Lock what the command needs, and what building its wheel needs."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    tables = project["project"]
    command = [*tables["dependencies"], *tables["optional-dependencies"]["postgresql"]]
    build = project["build-system"]["requires"]
    write("requirements.txt", "what the image runs", resolver, command)
    write("requirements-build.txt", "what builds the wheel, in no final stage", resolver, build)


def write(name: str, purpose: str, resolver: str, requirements: Iterable[str]) -> None:
    """Lock these requirements into a file next to this one."""
    versions: dict[str, str] = {}
    hashes: defaultdict[str, set[str]] = defaultdict(set)
    for platform in PLATFORMS:
        for package in resolve(resolver, platform, requirements):
            library = package["name"]
            if versions.setdefault(library, package["version"]) != package["version"]:
                sys.exit(f"{library} has another version on {platform}")
            if "wheels" not in package:
                sys.exit(f"{library} has no wheel for Python {PYTHON} on {platform}")
            hashes[library] |= {wheel["hashes"]["sha256"] for wheel in package["wheels"]}
    lines = [
        " \\\n    ".join(
            [f"{library}=={versions[library]}", *(f"--hash=sha256:{digest}" for digest in digests)]
        )
        for library in sorted(versions)
        if (digests := sorted(hashes[library]))
    ]
    text = HEADER.format(purpose=purpose) + "\n".join(lines) + "\n"
    (FOLDER / name).write_text(text, encoding="utf-8")


def resolve(resolver: str, platform: str, requirements: Iterable[str]) -> list[dict[str, Any]]:
    """Ask for the newest versions that fit together on a platform, as pylock.toml lists them."""
    options = ["--only-binary", ":all:", "--python-version", PYTHON, "--python-platform", platform]
    command = [resolver, "pip", "compile", "--quiet", "--no-config", "--no-sources", *options]
    asked = subprocess.run(  # noqa: S603  the resolver is what the caller names
        [*command, "--format", "pylock.toml", "-"],
        input="\n".join(requirements),
        text=True,
        stdout=subprocess.PIPE,
        check=False,
    )
    if asked.returncode:
        sys.exit(f"requirements cannot be resolved for {platform}")
    packages: list[dict[str, Any]] = tomllib.loads(asked.stdout)["packages"]
    return packages


if __name__ == "__main__":
    main(sys.argv[1])
