"""Where keys are looked for, what is refused, and that no key shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.config.schema import KeySource
from edge_agent.config.secrets import MAX_SECRET_BYTES, SecretNotFound, SecretRefused, find_secret
from edge_agent.errors import ConfigError

KEY = "sk-canary-0123456789abcdef"


def key_file(path: Path, content: str | bytes = KEY + "\n", mode: int = 0o600) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def test_a_credential_comes_before_a_file_and_a_file_before_the_environment(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key_file(credentials / "api-key", "from-credential", 0o400)
    file = key_file(tmp_path / "key", "from-file")
    source = KeySource(credential="api-key", file=str(file), env="KEY")
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "KEY": "from-environment"}

    found = find_secret("key", source, environ)
    assert (found.secret(), found.place) == ("from-credential", "systemd credential api-key")
    (credentials / "api-key").unlink()
    found = find_secret("key", source, environ)
    assert (found.secret(), found.place) == ("from-file", f"file {file}")
    file.unlink()
    found = find_secret("key", source, environ)
    assert (found.secret(), found.place) == ("from-environment", "environment variable KEY")


def test_nothing_anywhere_names_every_place(tmp_path: Path) -> None:
    source = KeySource(credential="api-key", file=str(tmp_path / "none"), env="KEY")
    with pytest.raises(SecretNotFound) as caught:
        find_secret("endpoints[0].key", source, {})
    assert str(caught.value) == (
        "endpoints[0].key: expected a key, got none: "
        "systemd credential api-key: not run by systemd with LoadCredential=api-key:/PATH; "
        f"file {tmp_path / 'none'}: there is no such file; environment variable KEY: not set"
    )


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o777])
def test_a_file_that_everybody_may_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = key_file(tmp_path / "key", mode=mode)
    with pytest.raises(SecretRefused, match=f"everybody on this machine may read it; do: chmod o= {file}"):
        find_secret("key", KeySource(file=str(file), env="KEY"), {"KEY": "other"})


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
def test_a_file_for_its_owner_and_group_is_taken(tmp_path: Path, mode: int) -> None:
    assert find_secret("key", KeySource(file=str(key_file(tmp_path / "key", mode=mode))), {}).secret() == KEY


def test_the_file_behind_a_link_counts(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file(tmp_path / "key", mode=0o644))
    with pytest.raises(SecretRefused, match="chmod"):
        find_secret("key", KeySource(file=str(link)), {})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "got nothing (empty)"),
        (" \n", "got nothing (empty)"),
        (f"{KEY}\r\nX-Evil: 1\n", "got spaces, several lines or other characters"),
        ("two words", "got spaces, several lines or other characters"),
        ("schlüssel", "got spaces, several lines or other characters"),
        (b"\x00\xff", "got spaces, several lines or other characters"),
        ("a" * (MAX_SECRET_BYTES + 1), f"got more than {MAX_SECRET_BYTES} bytes"),
    ],
)
def test_what_can_be_no_key_is_refused_and_not_repeated(
    tmp_path: Path, content: str | bytes, told: str
) -> None:
    file = key_file(tmp_path / "key", content)
    with pytest.raises(SecretRefused) as caught:
        find_secret("endpoint", KeySource(file=str(file)), {})
    assert str(caught.value).startswith(f"endpoint: file {file}: expected a key")
    assert str(caught.value).endswith(told)
    assert KEY not in str(caught.value)
    assert isinstance(caught.value, ConfigError)


def test_an_empty_variable_is_refused() -> None:
    with pytest.raises(SecretRefused, match="environment variable KEY: expected a key, got nothing"):
        find_secret("key", KeySource(env="KEY"), {"KEY": ""})


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(SecretRefused, match="expected a file, got something else"):
        find_secret("key", KeySource(file=str(tmp_path)), {})


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretRefused, match="expected a file, got something else"):
        find_secret("key", KeySource(file=str(tmp_path / "pipe")), {})


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_AGENT_TEST_KEY", KEY)
    assert find_secret("key", KeySource(env="EDGE_AGENT_TEST_KEY")).secret() == KEY


def test_a_found_secret_does_not_show_itself() -> None:
    found = find_secret("key", KeySource(env="KEY"), {"KEY": KEY})
    assert KEY not in f"{found} {found!r} {found.secret} {found.secret!r} {found.secret:>10} {[found.secret]}"
