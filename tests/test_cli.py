"""The command line: what each command prints and returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent import __version__, cli
from edge_agent.cli.arguments import DEFAULT_CONFIG
from edge_agent.cli.serve import DEFAULT_SERVER_PORT
from edge_agent.config.loader import parse_config
from edge_agent.config.schema import DEFAULT_ENDPOINT, Config
from edge_agent.core.ways import TransportKind
from edge_agent.demo.options import DemoOptions
from edge_agent.errors import AudioDeviceError, ExitCode
from edge_agent.journal import LogFormat
from edge_agent.protocol.dialect import Dialect
from edge_agent.server import ServerSettings
from tests.config.bad_configs import BAD

SHIPPED = Path(__file__).parents[1] / "config" / "edge-agent.yaml"
COMMANDS = [
    ["run"],
    ["serve"],
    ["demo"],
    ["config"],
    ["config", "check"],
    ["config", "show"],
    ["config", "schema"],
    ["devices"],
    ["stats"],
]
PROCESS_LIMIT_S = 60.0
"""A process that takes so long hangs; on a busy machine starting one can take seconds."""

WITH_KEY = "endpoints: [{name: a, profile: custom, url: 'https://a.example', key: {%s}}]"


def run_process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the real program and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", *arguments],
        capture_output=True,
        text=True,
        timeout=PROCESS_LIMIT_S,
        env={**os.environ, **variables},
        check=False,
    )


def written(folder: Path, text: str) -> str:
    path = folder / "f.yaml"
    path.write_text(text)
    return str(path)


# -- the real process ------------------------------------------------------------------------------


def test_the_program_tells_its_version() -> None:
    done = run_process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, f"edge-agent {__version__}\n", "")


def test_the_installed_command_is_the_same_program() -> None:
    command = Path(sys.executable).parent / "edge-agent"
    done = subprocess.run(
        [command, "--version"], capture_output=True, text=True, timeout=PROCESS_LIMIT_S, check=True
    )
    assert done.stdout == f"edge-agent {__version__}\n"


def test_check_accepts_the_shipped_configuration() -> None:
    done = run_process("config", "check", str(SHIPPED))
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, f"{SHIPPED}: valid\n", "")


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["run", "--config"]])
def test_a_bad_configuration_ends_every_command_with_78(tmp_path: Path, command: list[str]) -> None:
    path = written(tmp_path, "mode: buton\nsound: {duplex: Half}\n")
    done = run_process(*command, path)
    assert done.returncode == ExitCode.CONFIG
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"{path}:1:7: mode: expected always-on, button or wake-word, "
        'got the text "buton"; did you mean button?',
        f'{path}:2:17: sound.duplex: expected auto, full or half, got the text "Half"; did you mean half?',
    ]


def test_a_missing_configuration_ends_run_with_78(tmp_path: Path) -> None:
    done = run_process("run", "--config", str(tmp_path / "none.yaml"))
    assert done.returncode == ExitCode.CONFIG
    assert done.stderr.startswith(f"{tmp_path / 'none.yaml'}: (file): expected a readable file, got ")


def test_a_missing_key_ends_run_with_78_and_names_the_places(tmp_path: Path) -> None:
    done = run_process(
        "run", "--config", written(tmp_path, WITH_KEY % "credential: api-key, env: EDGE_AGENT_NO_KEY")
    )
    assert done.returncode == ExitCode.CONFIG
    assert "systemd credential api-key: not run by systemd with LoadCredential=api-key:/PATH" in done.stderr
    assert "environment variable EDGE_AGENT_NO_KEY: not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_arguments_end_with_2_and_the_usage() -> None:
    done = run_process("run", "--no-such-option")
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("usage: edge-agent")


def test_a_reader_who_leaves_early_is_no_crash(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "edge_agent", "config", "schema"],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PROCESS_LIMIT_S,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, "")


def test_commands_that_only_look_load_no_heavy_library() -> None:
    heavy = ["aiortc", "aiohttp", "gpiozero", "rich", "cryptography", "pocketsphinx", "asyncio"]
    program = (
        "import sys; from edge_agent.cli import main; "
        f"code = main(['config', 'check', {str(SHIPPED)!r}]); "
        f"sys.exit(code or ', '.join(sorted(set({heavy!r}) & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PROCESS_LIMIT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_daemon_needs_nothing_of_the_extras() -> None:
    extras = ["aiohttp", "multidict", "numpy", "pocketsphinx", "pywebrtc_audio", "rich", "webrtcvad", "yarl"]
    program = f"import sys; sys.modules.update(dict.fromkeys({extras!r})); import edge_agent.daemon"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PROCESS_LIMIT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_and_version_load_nothing_but_the_command_line() -> None:
    program = (
        "import sys; from edge_agent.cli import build_parser; build_parser().format_help(); "
        "sys.exit(', '.join(sorted({'yaml', 'msgspec', 'asyncio', 'alsaaudio'} & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PROCESS_LIMIT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# -- in this process -------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD.keys())
def test_check_tells_every_class_of_mistake_and_returns_78(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f").write_text(text)
    assert cli.main(["config", "check", "f"]) == ExitCode.CONFIG
    assert capsys.readouterr() == ("", f"{told}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples_and_exit_codes(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == ExitCode.OK
    text = capsys.readouterr().out
    assert f"edge-agent {' '.join(command)}" in text
    assert "exit codes:\n" in text
    assert "  78  " in text
    assert "examples:\n" in text or "yaml-language-server" in text


def test_the_help_of_all_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    for command in ("run", "serve", "demo", "bench", "config", "devices"):
        assert f"\n    {command} " in text
    for code in ExitCode:
        assert f"\n  {code.value} " in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["config"],
        ["bogus"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "-1"],
        ["serve", "--dialect", "alpha"],
        ["demo", "--turns", "0"],
        ["demo", "--turn", "1"],
        ["run", "--log-level", "loud"],
        ["run", "extra"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_refused_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("usage: edge-agent")


def test_the_file_can_be_named_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "check", str(SHIPPED)]) == ExitCode.OK
    assert cli.main(["config", "check", "--config", str(SHIPPED)]) == ExitCode.OK
    assert capsys.readouterr().out == f"{SHIPPED}: valid\n" * 2


def test_check_tells_where_a_key_is_found_but_not_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGE_AGENT_TEST_KEY", "sk-canary-0123456789")
    path = written(tmp_path, WITH_KEY % "env: EDGE_AGENT_TEST_KEY")
    assert cli.main(["config", "check", path]) == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "endpoints[0].key: found, environment variable EDGE_AGENT_TEST_KEY",
        f"{path}: valid",
    ]
    assert "canary" not in printed.out + printed.err


def test_check_notes_a_key_that_this_user_does_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = written(tmp_path, WITH_KEY % "credential: api-key")
    assert cli.main(["config", "check", path]) == ExitCode.OK
    assert capsys.readouterr().out.startswith(
        "note: endpoints[0].key: expected a key, got none: systemd credential"
    )


def test_check_refuses_a_key_that_everybody_may_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key"
    key.write_text("sk-canary-0123456789")
    key.chmod(0o644)
    path = written(tmp_path, WITH_KEY % f"file: {key}")
    assert cli.main(["config", "check", path]) == ExitCode.CONFIG
    told = (
        f"{path}: endpoints[0].key: file {key}: everybody on this machine may read it; do: chmod o= {key}\n"
    )
    assert capsys.readouterr() == ("", told)


def test_show_prints_what_is_in_effect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "session: {speed: 1.5}")
    assert cli.main(["config", "show", path]) == ExitCode.OK
    shown = parse_config(capsys.readouterr().out, "shown")
    assert shown == parse_config("session: {speed: 1.5}", "f")
    assert cli.main(["config", "show", "--json", path]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["session"]["speed"] == 1.5


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "schema"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["title"] == "edge-agent.yaml"


def test_devices_prints_text_or_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices"]) == ExitCode.OK
    assert "Sound (names for sound.input and sound.output):" in capsys.readouterr().out
    assert cli.main(["devices", "--json"]) == ExitCode.OK
    assert set(json.loads(capsys.readouterr().out)) == {"sound", "gpio", "machine", "opus"}


@pytest.mark.parametrize(
    ("control", "told"),
    [
        ("{}", "f.yaml: control.socket: expected the path of a socket, got null"),
        ("{socket: /nowhere/socket}", "no agent answers at /nowhere/socket"),
    ],
)
def test_statistics_of_an_agent_that_can_not_be_asked_end_with_1(
    control: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, f"control: {control}")
    assert cli.main(["stats", "--config", path]) == ExitCode.FAILED
    assert told in capsys.readouterr().err


def test_the_default_server_is_where_the_default_configuration_looks() -> None:
    served = cli.build_parser().parse_args(["serve"])
    assert DEFAULT_ENDPOINT.url == f"http://{served.host}:{served.port}"
    assert Config().endpoints == (DEFAULT_ENDPOINT,)


def test_a_failure_of_ours_is_told_in_one_line_and_returns_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise AudioDeviceError("microphone: none")

    monkeypatch.setattr("edge_agent.devices.list_devices", fail)
    assert cli.main(["devices"]) == ExitCode.FAILED
    assert capsys.readouterr().err == "edge-agent: microphone: none\n"


def test_ctrl_c_is_told_by_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge_agent.devices.list_devices", interrupted)
    assert cli.main(["devices"]) == cli.INTERRUPTED
    monkeypatch.setattr("edge_agent.cli.build_parser", interrupted)
    assert cli.main(["devices"]) == cli.INTERRUPTED, "so early that no command is known yet"


def test_demo_hands_its_arguments_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[DemoOptions] = []

    def demonstrate(options: DemoOptions) -> int:
        asked.append(options)
        return 7

    monkeypatch.setattr("edge_agent.demo.run.run_demo", demonstrate)
    assert cli.main(["demo"]) == 7
    arguments = ["--input", "null", "--output", "file:/a.wav", "--json", "--dialect", "beta", "--turns", "2"]
    arguments += ["--keep", str(tmp_path), "--transport", "websocket"]
    cli.main(["demo", *arguments])
    wished = DemoOptions("null", "file:/a.wav", json=True, dialect=Dialect.BETA, turns=2, keep=tmp_path)
    assert asked == [DemoOptions(), replace(wished, transport=TransportKind.WEBSOCKET)]


def test_serve_hands_its_arguments_over(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ServerSettings] = []

    def serve(settings: ServerSettings) -> int:
        asked.append(settings)
        return ExitCode.OK

    monkeypatch.setattr("edge_agent.server.run_server", serve)
    monkeypatch.setenv("EDGE_AGENT_TEST_KEY", "sk-canary-0123456789")
    assert cli.main(["serve"]) == ExitCode.OK
    arguments = ["--host", "::1", "--port", "0", "--dialect", "beta", "--scenario", "/a.yaml"]
    cli.main(["serve", *arguments, "--key-env", "EDGE_AGENT_TEST_KEY", "--max-session-s", "10"])
    assert asked == [
        ServerSettings(port=DEFAULT_SERVER_PORT),
        ServerSettings("::1", 0, Dialect.BETA, Path("/a.yaml"), "sk-canary-0123456789", 10.0),
    ]


def test_serve_with_a_key_that_is_not_there_returns_78(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--key-env", "EDGE_AGENT_NO_KEY"]) == ExitCode.CONFIG
    told = "--key-env: expected a key, got none: environment variable EDGE_AGENT_NO_KEY: not set\n"
    assert capsys.readouterr().err == told


def test_run_hands_its_arguments_over(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, str | None, LogFormat]] = []

    def run(path: Path, level: str | None, log_format: LogFormat) -> int:
        asked.append((path, level, log_format))
        return ExitCode.BUSY

    monkeypatch.setattr("edge_agent.daemon.run_daemon", run)
    assert cli.main(["run"]) == ExitCode.BUSY
    cli.main(["run", "--config", "/a.yaml", "--log-level", "debug", "--log-format", "journal"])
    assert asked == [
        (DEFAULT_CONFIG, None, LogFormat.AUTO),
        (Path("/a.yaml"), "debug", LogFormat.JOURNAL),
    ]
