"""Debian root folders for tests that need a whole system: built by mmdebstrap, kept under ``.cache/roots``.

A root reaches the package registries the way its host does: it gets the host's name servers, certificate
authorities, pip settings and apt's network settings. That is the harness's matter; nothing that a user runs
knows. Needs root, and Debian's ``mmdebstrap``.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("EDGE_AGENT_CACHE", REPOSITORY / ".cache"))

SUITES = ("bookworm", "trixie")
"""Debian 12 and 13: the two systems that edge-agent supports."""

ENDS_WITH_US = ("setpriv", "--pdeathsig=KILL")
"""In front of ``unshare --kill-child``: even if this process is killed, nothing that it started lives on."""

MINIMAL = ("ca-certificates", "git")
"""What a person has who can clone the repository, on top of Debian's smallest variant."""

BOARD = (*MINIMAL, "alsa-utils", "dbus", "libasound2-plugins", "pulseaudio", "systemd", "systemd-sysv")
"""What a board brings before edge-agent comes: the service manager, and sound cards made of software."""

BUILD_LIMIT_S = 900.0
"""A build takes 25 to 95 s on an idle 2-core machine."""

_REGISTRY_VARIABLES = re.compile(
    r"(https?_proxy|no_proxy|all_proxy|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO"
    r"|PIP_CERT|PIP_INDEX_URL|PIP_EXTRA_INDEX_URL|PIP_DEFAULT_TIMEOUT|PIP_PROXY|PIP_TRUSTED_HOST)",
    re.IGNORECASE,
)
_ACQUIRE_SETTINGS = re.compile(r'Acquire::(\S*Proxy|Check-\S+|\S+::(CaInfo|Verify-\S+)) "[^"]')


def registry_environment() -> dict[str, str]:
    """The host's environment variables that lead package clients to their registries."""
    return {name: value for name, value in os.environ.items() if _REGISTRY_VARIABLES.fullmatch(name)}


def built_root(suite: str, packages: Sequence[str]) -> Path:
    """Return a root folder of ``suite`` with ``packages`` on top of minbase; build it unless it is cached.

    Nobody may write to it: it is the lower layer of many. Raises CalledProcessError if the build fails.
    """
    how = inspect.getsource(_build) + inspect.getsource(_copy_host_settings)
    recipe = [suite, *sorted(packages), *_apt_options(), _certificates(), how]
    name = f"{suite}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]}"
    folder = CACHE / "roots" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.parent / f"{name}.lock"):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            remove_tree(unfinished)
            _build(suite, packages, unfinished)
            _copy_host_settings(unfinished)
            unfinished.rename(folder)
    return folder


def remove_tree(folder: Path) -> None:
    """Remove a folder, if it is there. RuntimeError if anything is mounted below: that is not ours."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [point for point in mounted if Path(point).is_relative_to(folder.resolve())]
    if below:
        raise RuntimeError(
            f"not removed, because something is mounted there (umount it first): {', '.join(below)}"
        )
    if folder.exists():
        shutil.rmtree(folder)


def _build(suite: str, packages: Sequence[str], folder: Path) -> None:
    host_authorities = "/usr/local/share/ca-certificates"
    copy_authorities = f'mkdir -p "$1{host_authorities}" && cp -r {host_authorities}/. "$1{host_authorities}"'
    # In namespaces of its own: mmdebstrap mounts the host's /dev/shm and more into the root, and a build that
    # is interrupted must leave neither mounts nor processes behind.
    command = [
        *(*ENDS_WITH_US, "unshare", "--mount", "--propagation=private", "--pid", "--mount-proc"),
        *("--fork", "--kill-child"),
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}"),
        *(f"--aptopt={option}" for option in _apt_options()),
        *([f"--setup-hook={copy_authorities}"] if Path(host_authorities).is_dir() else []),
        *(suite, str(folder)),
    ]
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        ended = subprocess.run(command, stdout=output, stderr=output, timeout=BUILD_LIMIT_S, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"mmdebstrap failed for {suite}; its last words:\n{log.read_text()[-3000:]}")


def _apt_options() -> list[str]:
    """The host's own settings for how apt fetches, as far as they are not apt's defaults."""
    dump = subprocess.run(
        ["apt-config", "dump"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    return [line.rstrip(";") for line in dump.splitlines() if _ACQUIRE_SETTINGS.match(line)]


def _certificates() -> str:
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    return hashlib.sha256(bundle.read_bytes()).hexdigest() if bundle.exists() else ""


def _copy_host_settings(root: Path) -> None:
    for name in ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt"):
        if (Path("/") / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).unlink(missing_ok=True)
            shutil.copyfile(Path("/") / name, root / name)


def copy_repository(target: Path) -> None:
    """Put the working tree into ``target`` as a clone would hold it: all files but the ignored ones."""
    listing = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    for name in filter(None, listing.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file: two runs at once build a root once."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
