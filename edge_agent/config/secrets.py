"""Where keys come from: a systemd credential, a file or the environment, never the configuration file.

The order is that of safety. A credential (``LoadCredential=``) is readable by the service alone; a file may
have been left readable to everybody, which is refused; the environment is inherited by every child.
See https://systemd.io/CREDENTIALS/.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.schema import KeySource
from edge_agent.errors import ConfigError
from edge_agent.session.endpoint import Secret

MAX_SECRET_BYTES = 16_384
"""More than any key or signed token has: HTTP servers commonly refuse headers above 8 KiB."""

CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
"""The environment variable in which systemd names the folder of a service's credentials."""


class SecretNotFound(ConfigError):
    """None of the named places has the secret, or this user may not read it. The message names each."""


class SecretRefused(ConfigError):
    """A place has something that is not safe or not usable. The message says what to do."""


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret, and in words where it was found."""

    secret: Secret
    place: str


def find_secret(purpose: str, source: KeySource, environ: Mapping[str, str] | None = None) -> FoundSecret:
    """Return the secret from the first of credential, file and environment variable that has one.

    ``purpose`` begins the messages (``endpoints[0].key``). A place that has nothing is passed by; one that
    has something unusable is not: better to stop than to use another key than the person thinks.

    Raises SecretNotFound or SecretRefused (both ConfigError). No message holds any part of the secret.
    """
    environ = os.environ if environ is None else environ
    empty_places: list[str] = []
    for look in (_credential, _file, _variable):
        try:
            found = look(source, environ)
        except _Nothing as reason:
            empty_places.append(str(reason))
        except _Unusable as reason:
            raise SecretRefused(f"{purpose}: {reason}") from None
        else:
            if found is not None:
                return found
    raise SecretNotFound(f"{purpose}: expected a key, got none: {'; '.join(empty_places)}")


class _Nothing(Exception):
    """The place is named and has nothing for us."""


class _Unusable(Exception):
    """The place has something that must not be used."""


def _credential(source: KeySource, environ: Mapping[str, str]) -> FoundSecret | None:
    if source.credential is None:
        return None
    place = f"systemd credential {source.credential}"
    folder = environ.get(CREDENTIALS_DIRECTORY)
    if folder is None:
        raise _Nothing(f"{place}: not run by systemd with LoadCredential={source.credential}:/PATH")
    return _checked(place, _read(place, Path(folder, source.credential), is_private=True))


def _file(source: KeySource, _: Mapping[str, str]) -> FoundSecret | None:
    if source.file is None:
        return None
    place = f"file {source.file}"
    return _checked(place, _read(place, Path(source.file), is_private=False))


def _variable(source: KeySource, environ: Mapping[str, str]) -> FoundSecret | None:
    if source.env is None:
        return None
    place = f"environment variable {source.env}"
    text = environ.get(source.env)
    if text is None:
        raise _Nothing(f"{place}: not set")
    return _checked(place, os.fsencode(text))


def _read(place: str, path: Path, *, is_private: bool) -> bytes:
    """Return the file's first bytes. ``is_private``: the folder is already protected, by systemd."""
    try:
        # O_NONBLOCK: a FIFO would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _check_file(place, path, os.fstat(descriptor), is_private=is_private)
            return os.read(descriptor, MAX_SECRET_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise _Nothing(f"{place}: there is no such file") from None
    except OSError as error:
        raise _Nothing(f"{place}: {error.strerror} (user id {os.geteuid()})") from None


def _check_file(place: str, path: Path, status: os.stat_result, *, is_private: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _Unusable(f"{place}: expected a file, got something else")
    if not is_private and status.st_mode & stat.S_IRWXO:
        raise _Unusable(f"{place}: everybody on this machine may read it; do: chmod o= {path}")


def _checked(place: str, content: bytes) -> FoundSecret:
    """Refuse what can't be a key: it goes into an HTTP header, where a line break would begin another."""
    if len(content) > MAX_SECRET_BYTES:
        raise _Unusable(f"{place}: expected a key, got more than {MAX_SECRET_BYTES} bytes")
    text = content.decode("ascii", errors="replace").strip()
    if not text:
        raise _Unusable(f"{place}: expected a key, got nothing (empty)")
    if any(not "!" <= character <= "~" for character in text):
        raise _Unusable(f"{place}: expected a key in one word, got spaces, several lines or other characters")
    return FoundSecret(Secret(text), place)
