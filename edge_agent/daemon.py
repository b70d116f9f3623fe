"""`edge-agent run`: the life of the process. Signals, reload, exit code; what runs is the appliance."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_agent import __version__, host, journal, state
from edge_agent.appliance import Appliance
from edge_agent.config.loader import load_config
from edge_agent.config.schema import Config
from edge_agent.core.notices import Notice
from edge_agent.errors import ConfigError, ControlError, ControlTaken, EdgeAgentError, ExitCode
from edge_agent.journal import LogFormat, configure_logging
from edge_agent.parts import Parts, parts_of
from edge_agent.supervision import Supervisor

logger = logging.getLogger(__name__)


def run_daemon(config_path: Path, log_level: str | None, log_format: LogFormat) -> int:
    """Run until SIGTERM or SIGINT and return the exit code. SIGHUP reloads the configuration.

    Raises ConfigError for a configuration that can't be used at the start; a bad one at a reload is told and
    the old one stays. Raises StateTaken if another process uses the same state folder. ``log_level``
    overrides the configuration's.
    """
    config = load_config(config_path)
    parts = parts_of(config)
    host.prepare()
    with state.held(state.state_folder(os.environ)) as folder, asyncio.Runner() as runner:
        return runner.run(_Process(config_path, log_level, log_format, folder).run(config, parts))


class _Process:
    """Appliances one after the other: a reload that is accepted ends one and begins the next."""

    def __init__(
        self, config_path: Path, log_level: str | None, log_format: LogFormat, state_folder: Path | None
    ) -> None:
        self._config_path = config_path
        self._state_folder = state_folder
        self._log_level = log_level
        self._log_format = log_format
        self._supervisor = Supervisor()
        self._stop_appliance = asyncio.Event()
        self._next: tuple[Config, Parts] | None = None
        self._proven: Config | None = None
        """The configuration that came to life last, to go back to."""
        self._is_stopping = False

    async def run(self, config: Config, parts: Parts) -> ExitCode:
        self._configure_logging(config, parts)
        loop = asyncio.get_running_loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: self._stop,
            signal.SIGINT: self._stop,
            signal.SIGHUP: self._reload,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        journal.tell(Notice.STARTED, f"edge-agent {__version__} started with {self._config_path}")
        try:
            return await self._run_appliances(config, parts)
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)  # it is ending; one more must not break that off

    async def _run_appliances(self, config: Config, parts: Parts) -> ExitCode:
        self._next = (config, parts)
        is_muted = False
        volume_percent: int | None = None
        while self._next is not None:
            before, (config, parts) = config, self._next
            if config.sound.volume_percent != before.sound.volume_percent:
                volume_percent = None
            self._next = None
            self._stop_appliance.clear()
            self._configure_logging(config, parts)
            appliance = Appliance(
                parts,
                self._supervisor,
                starts_muted=is_muted,
                volume_percent=volume_percent,
                state_folder=self._state_folder,
            )
            try:
                await appliance.run(self._stop_appliance, partial(self._is_ready, config))
            except EdgeAgentError as error:
                if self._proven is None or self._is_stopping:
                    logger.error("%s", error)
                    return _exit_code_of(error)
                self._go_back(self._proven, error)
            else:
                # A reload must not open a microphone that a person has closed, nor be louder than wanted.
                is_muted, volume_percent = appliance.is_muted, appliance.volume_percent
        journal.tell(Notice.STOPPED, "edge-agent stopped")
        return ExitCode.OK

    def _go_back(self, proven: Config, error: EdgeAgentError) -> None:
        """Take the configuration from before the reload again; once, should it no longer work either."""
        text = f"reload refused, the old configuration is used again:\n{error}"
        journal.tell(Notice.RELOAD_REFUSED, text)
        self._proven = None
        self._next = (proven, parts_of(proven))

    def _is_ready(self, config: Config) -> None:
        """The loops run; nobody can have said anything yet."""
        self._proven = config
        host.settle()
        self._supervisor.ready("started")

    def _configure_logging(self, config: Config, parts: Parts) -> None:
        configure_logging(self._log_level or config.logging.level, self._log_format, parts.secrets)

    def _stop(self) -> None:
        if self._is_stopping:
            return
        self._is_stopping = True
        self._next = None
        self._supervisor.stopping("stopping")
        self._stop_appliance.set()

    def _reload(self) -> None:
        if self._is_stopping:
            return
        self._supervisor.reloading()
        try:
            config = load_config(self._config_path)
            self._next = (config, parts_of(config))
        except ConfigError as error:
            journal.tell(Notice.RELOAD_REFUSED, f"reload refused, the old configuration stays:\n{error}")
            self._supervisor.ready()
            return
        journal.tell(Notice.RELOADED, f"reloading {self._config_path}")
        self._stop_appliance.set()


def _exit_code_of(error: EdgeAgentError) -> ExitCode:
    match error:
        case ControlTaken():
            return ExitCode.BUSY
        case ControlError():  # its path is part of the configuration
            return ExitCode.CONFIG
        case _:
            return ExitCode.FAILED
