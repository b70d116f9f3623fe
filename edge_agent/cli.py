"""The command line. It parses arguments and hands over; what a command needs is imported when it runs.

Every command's function takes the parsed arguments and returns an exit code of :class:`errors.ExitCode`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent import __version__
from edge_agent.errors import ConfigError, ControlError, EdgeAgentError, ExitCode, StateTaken

if TYPE_CHECKING:
    from edge_agent.config.schema import Config

DEFAULT_CONFIG = Path("/etc/edge-agent/edge-agent.yaml")
"""Where an installation keeps its configuration."""

DEFAULT_SERVER_PORT = 8765
"""Where ``serve`` listens, and where the configuration as shipped looks for a server."""

INTERRUPTED = 130
"""What shells report for a command that Ctrl-C ended: 128 and the number of SIGINT."""

DESCRIPTION = "Turns a Raspberry Pi into a voice agent: one lasting WebRTC session with a Realtime server."

EXIT_CODES = """\
exit codes:
  0   done
  1   failed; the message on stderr says why
  2   wrong arguments
  75  another agent runs: it holds the control socket that the configuration names, or the state folder
  78  the configuration, or a key that it names, can't be used: no restart helps
  130 ended by Ctrl-C
"""

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises SystemExit for ``--help`` and wrong arguments only."""
    parsed = build_parser().parse_args(arguments)
    command: Command = parsed.command
    try:
        exit_code = command(parsed)
        sys.stdout.flush()  # here, so that a reader who has gone is noticed here
        return int(exit_code)
    except ConfigError as error:
        _complain(str(error))
        return ExitCode.CONFIG
    except EdgeAgentError as error:
        _complain(f"edge-agent: {error}")
        return ExitCode.BUSY if isinstance(error, StateTaken) else ExitCode.FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read stdout (head, less) has gone: at exit, Python must not try to tell it the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description=DESCRIPTION,
        epilog=f"Each command has its own help, with examples: edge-agent run --help\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_command in (
        _add_run,
        _add_serve,
        _add_demo,
        _add_bench,
        _add_config,
        _add_devices,
        _add_endpoints,
        _add_stats,
        _add_budget,
    ):
        add_command(commands)
    return parser


# -- the commands' arguments -----------------------------------------------------------------------


def _take_config(parser: argparse.ArgumentParser, which: str) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"{which} (default: %(default)s)",
    )


def _add_run(commands: Any) -> None:
    parser = _new_parser(commands, "run", _run, "Run the voice agent until SIGTERM or Ctrl-C.", RUN_EPILOG)
    _take_config(parser, "the configuration")
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="least severity that is logged (default: logging.level of the configuration)",
    )
    parser.add_argument(
        "--log-format",
        choices=("auto", "journal", "terminal"),
        default="auto",
        help="entries with fields for journald, or lines for people; auto: journal under systemd "
        "(default: %(default)s)",
    )


RUN_EPILOG = """\
SIGHUP reads the configuration again; if it has mistakes, they are told and the old one stays.

examples:
  edge-agent run
  edge-agent run --config config/edge-agent.yaml --log-level debug
"""


def _add_serve(commands: Any) -> None:
    summary = "Run the embedded local Realtime server: no account, no network."
    parser = _new_parser(commands, "serve", _serve, summary, SERVE_EPILOG)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_SERVER_PORT,
        help="TCP port to listen on, 0 for any free one (default: %(default)s)",
    )
    _add_dialect(parser)
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", help="misbehave as this file says, for tests of clients"
    )
    parser.add_argument(
        "--key-env",
        metavar="NAME",
        help="environment variable with the key that callers must send (default: everybody is welcome)",
    )
    parser.add_argument(
        "--max-session-s",
        type=_lifetime_s,
        default=3600.0,
        metavar="SECONDS",
        help="age at which a session expires (default: 3600)",
    )


SERVE_EPILOG = """\
The first line on stdout is "listening on http://HOST:PORT", as soon as it does.

examples:
  edge-agent serve
  edge-agent serve --port 0 --dialect beta
"""


def _add_demo(commands: Any) -> None:
    summary = "Hold a conversation with the embedded server, without account and network."
    parser = _new_parser(commands, "demo", _demo, summary, DEMO_EPILOG)
    parser.add_argument(
        "--input", metavar="PCM", help="microphone (default: a sound card, else spoken questions)"
    )
    parser.add_argument(
        "--output", metavar="PCM", help="loudspeaker (default: a sound card, else a recording)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the result as a JSON object on the last line"
    )
    _add_dialect(parser)
    parser.add_argument(
        "--transport",
        choices=("webrtc", "websocket"),
        default="webrtc",
        help="what carries the session (default: %(default)s)",
    )
    parser.add_argument("--turns", type=_turns, metavar="N", help="how many questions (default: 4)")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep configuration, logs and the recording in this folder"
    )


DEMO_EPILOG = """\
It starts the server and the agent as two processes, watches them hold a conversation and stops both.
PCM is an ALSA name (default, plughw:CARD=Device), file:PATH.wav or null. It exits with 0 only if every
question was answered with sound.

examples:
  edge-agent demo
  edge-agent demo --input file:question.wav --output file:answer.wav
  edge-agent demo --json --dialect beta --turns 3
"""


def _add_bench(commands: Any) -> None:
    summary = "Measure the sound path beside stock aiortc, libwebrtc and GStreamer's webrtcbin."
    parser = _new_parser(commands, "bench", _bench, summary, BENCH_EPILOG)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="a few cases, once: about a minute")
    parser.add_argument(
        "--rounds", type=_rounds, metavar="N", help="rounds of every case (default: 3; --quick: 1)"
    )
    parser.add_argument("--cases", metavar="NAME,…", help="only these cases (default: all)")
    parser.add_argument("--stacks", metavar="NAME,…", help="only these stacks (default: all)")
    parser.add_argument(
        "--write-docs",
        type=Path,
        nargs="?",
        const=Path("docs"),
        metavar="DIR",
        help="write performance.md and its plots into this folder (without DIR: docs)",
    )


BENCH_EPILOG = """\
Everything happens on this machine, in some twelve minutes; let nothing else run on it meanwhile. A stack that
is not installed is named on stderr, with the way to install it, and its figures are missing.

examples:
  edge-agent bench
  edge-agent bench --quick --json
  edge-agent bench --cases none,loss-5,stall-300 --stacks edge-agent,libwebrtc
"""


def _add_config(commands: Any) -> None:
    summary = "Check, show or describe the configuration."
    parser = _new_parser(commands, "config", None, summary, CONFIG_EPILOG)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    summary = "Tell every mistake of a configuration, each with its line."
    check = _new_parser(actions, "check", _config_check, summary, CHECK_EPILOG)
    summary = "Print a configuration with every default filled in. Keys are never shown."
    show = _new_parser(actions, "show", _config_show, summary, SHOW_EPILOG)
    for action in (check, show):
        action.add_argument("file", type=Path, nargs="?", metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
        action.add_argument("--config", type=Path, metavar="FILE", help="the same as FILE")
    show.add_argument("--json", action="store_true", help="print JSON instead of YAML")

    summary = "Print the JSON schema of the configuration, for editors."
    _new_parser(actions, "schema", _config_schema, summary, SCHEMA_EPILOG)


CONFIG_EPILOG = """\
examples:
  edge-agent config check
  edge-agent config show my.yaml
  edge-agent config schema > edge-agent.schema.json
"""

CHECK_EPILOG = """\
Mistakes go to stderr as FILE:LINE:COLUMN: KEY: expected …, got …. Keys are looked for as this user and in
this environment; the service may find others.

examples:
  edge-agent config check
  edge-agent config check config/edge-agent.yaml
"""

SHOW_EPILOG = """\
examples:
  edge-agent config show
  edge-agent config show --json my.yaml
"""

SCHEMA_EPILOG = """\
Editors with the YAML language server take it from a first line such as
  # yaml-language-server: $schema=./edge-agent.schema.json
"""


def _add_devices(commands: Any) -> None:
    summary = "List sound cards, by names that last, and GPIO chips."
    parser = _new_parser(commands, "devices", _devices, summary, DEVICES_EPILOG)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


DEVICES_EPILOG = """\
The names of sound devices go into sound.input and sound.output of the configuration.

examples:
  edge-agent devices
  edge-agent devices --json
"""


def _add_endpoints(commands: Any) -> None:
    summary = "Show the servers in their order: how each was last, and what it can do."
    parser = _new_parser(commands, "endpoints", _endpoints, summary, ENDPOINTS_EPILOG)
    _take_config(parser, "the configuration that names them")
    parser.add_argument("--probe", action="store_true", help="open a short session with each of them first")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


ENDPOINTS_EPILOG = """\
The agent learns what a server can do from every session, and keeps it in its state folder; run this as the
same user. A probe sends no sound and asks for no answer, but a session may cost money.

  playback  whether the server says when its sound plays (output_audio_buffer.*)
  clear     whether it clears and commits its input buffer; push-to-talk only opens the microphone otherwise

examples:
  edge-agent endpoints
  edge-agent endpoints --probe --config my.yaml
"""


def _add_stats(commands: Any) -> None:
    summary = "Show how the running agent's sound is: delay, losses, processor time."
    parser = _new_parser(commands, "stats", _stats, summary, STATS_EPILOG)
    _take_config(parser, "the configuration that the agent runs with")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


STATS_EPILOG = """\
It asks at the control socket that the configuration names (control.socket). Names and units are those of
W3C webrtc-stats; everything is counted from the beginning of the session.

examples:
  edge-agent stats
  edge-agent stats --json --config my.yaml
"""


def _add_budget(commands: Any) -> None:
    summary = "Show what was used and spent in this hour, this day and this month."
    parser = _new_parser(commands, "budget", _budget, summary, BUDGET_EPILOG)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the configuration that the agent runs with, for its limits "
        f"(default: {DEFAULT_CONFIG}, if it is there)",
    )
    parser.add_argument(
        "--file", type=Path, metavar="LEDGER", help="the ledger (default: the service's, else this user's)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


BUDGET_EPILOG = """\
It reads the file in which the agent keeps its books (ledger.json in its state folder), whether the agent runs
or not. Without prices in the configuration money is not counted.

examples:
  edge-agent budget
  edge-agent budget --json --config my.yaml
"""


def _new_parser(
    commands: Any, name: str, command: Command | None, summary: str, epilog: str
) -> argparse.ArgumentParser:
    """Add a command; ``commands`` is what add_subparsers returns, a type that argparse does not name."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary[0].lower() + summary[1:].rstrip("."),
        description=summary,
        epilog=f"{epilog}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if command is not None:
        parser.set_defaults(command=command)
    return parser


def _add_dialect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dialect",
        choices=("ga", "beta"),
        default="ga",
        help="generation of the server's event names (default: %(default)s)",
    )


def _port(text: str) -> int:
    return _whole_number(text, 0, 65_535)


def _lifetime_s(text: str) -> float:
    return float(_whole_number(text, 1, 86_400))


def _turns(text: str) -> int:
    return _whole_number(text, 1, 1000)


def _rounds(text: str) -> int:
    return _whole_number(text, 1, 100)


def _whole_number(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text!r}")
    return int(text)


# -- the commands ----------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    from edge_agent.daemon import run_daemon
    from edge_agent.journal import LogFormat

    return run_daemon(arguments.config, arguments.log_level, LogFormat(arguments.log_format))


def _serve(arguments: argparse.Namespace) -> int:
    from edge_agent.protocol.dialect import Dialect
    from edge_agent.server import ServerSettings, run_server

    return run_server(
        ServerSettings(
            host=arguments.host,
            port=arguments.port,
            dialect=Dialect(arguments.dialect),
            scenario=arguments.scenario,
            key=_key_of(arguments.key_env),
            max_session_s=arguments.max_session_s,
        )
    )


def _key_of(variable: str | None) -> str | None:
    if variable is None:
        return None
    from edge_agent.config.schema import KeySource
    from edge_agent.config.secrets import find_secret

    return find_secret("--key-env", KeySource(env=variable)).secret()


def _demo(arguments: argparse.Namespace) -> int:
    from edge_agent.core.ways import TransportKind
    from edge_agent.demo.options import DEFAULT_TURNS, DemoOptions
    from edge_agent.demo.run import run_demo
    from edge_agent.protocol.dialect import Dialect

    return run_demo(
        DemoOptions(
            input=arguments.input,
            output=arguments.output,
            json=arguments.json,
            dialect=Dialect(arguments.dialect),
            transport=TransportKind(arguments.transport),
            turns=DEFAULT_TURNS if arguments.turns is None else arguments.turns,
            keep=arguments.keep,
        )
    )


def _bench(arguments: argparse.Namespace) -> int:
    from edge_agent.bench.options import options_of
    from edge_agent.bench.run import run_bench

    return run_bench(
        options_of(
            json=arguments.json,
            quick=arguments.quick,
            rounds=arguments.rounds,
            cases=arguments.cases,
            stacks=arguments.stacks,
            write_docs=arguments.write_docs,
        )
    )


def _config_check(arguments: argparse.Namespace) -> int:
    path, config = _loaded(arguments)
    refusals = _check_keys(config)
    for refusal in refusals:
        _complain(f"{path}: {refusal}")
    if refusals:
        return ExitCode.CONFIG
    _say(f"{path}: valid")
    return ExitCode.OK


def _config_show(arguments: argparse.Namespace) -> int:
    from edge_agent.config.export import as_json, as_yaml

    _, config = _loaded(arguments)
    sys.stdout.write(as_json(config) if arguments.json else as_yaml(config))
    return ExitCode.OK


def _config_schema(_: argparse.Namespace) -> int:
    from edge_agent.config.export import json_schema

    sys.stdout.write(json_schema())
    return ExitCode.OK


def _devices(arguments: argparse.Namespace) -> int:
    from edge_agent.devices import as_text, list_devices

    devices = list_devices()
    sys.stdout.write(json.dumps(devices.as_json()) + "\n" if arguments.json else as_text(devices))
    return ExitCode.OK


def _endpoints(arguments: argparse.Namespace) -> int:
    from edge_agent.config.loader import load_config
    from edge_agent.probe import as_text, known_endpoints

    rows = known_endpoints(load_config(arguments.config), probe=arguments.probe)
    told = {"endpoints": [row.as_json() for row in rows]}
    sys.stdout.write(json.dumps(told) + "\n" if arguments.json else as_text(rows))
    return ExitCode.OK


def _stats(arguments: argparse.Namespace) -> int:
    import asyncio

    from edge_agent.config.loader import load_config
    from edge_agent.control import ask_for_statistics
    from edge_agent.core.statistics import as_text

    path = load_config(arguments.config).control.socket
    if path is None:
        raise ControlError(f"{arguments.config}: control.socket: expected the path of a socket, got null")
    told = asyncio.run(ask_for_statistics(Path(path)))
    sys.stdout.write(json.dumps(told) + "\n" if arguments.json else as_text(told))
    return ExitCode.OK


def _budget(arguments: argparse.Namespace) -> int:
    from edge_agent.budget_report import BudgetReport, find_ledger
    from edge_agent.config.loader import load_config
    from edge_agent.config.schema import Config
    from edge_agent.config.spending import limits_of

    config = Config()
    if arguments.config is not None or DEFAULT_CONFIG.exists():
        config = load_config(arguments.config or DEFAULT_CONFIG)
    report = BudgetReport.read(arguments.file or find_ledger(os.environ), limits_of(config.budget))
    sys.stdout.write(json.dumps(report.as_json()) + "\n" if arguments.json else report.as_text())
    return ExitCode.OK


def _loaded(arguments: argparse.Namespace) -> tuple[Path, Config]:
    """Load the configuration that FILE or ``--config`` names."""
    from edge_agent.config.loader import load_config

    path: Path = arguments.file or arguments.config or DEFAULT_CONFIG
    return path, load_config(path)


def _check_keys(config: Config) -> list[str]:
    """Say where each endpoint's key is found; return what is wrong with those that can't be used."""
    from edge_agent.config.secrets import SecretNotFound, SecretRefused, find_secret

    refusals: list[str] = []
    for index, endpoint in enumerate(config.endpoints):
        if endpoint.key is None:
            continue
        try:
            found = find_secret(f"endpoints[{index}].key", endpoint.key)
        except SecretNotFound as error:
            _say(f"note: {error}")
        except SecretRefused as error:
            refusals.append(str(error))
        else:
            _say(f"endpoints[{index}].key: found, {found.place}")
    return refusals


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
