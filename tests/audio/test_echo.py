from __future__ import annotations

import subprocess
import sys

import pytest

from edge_agent.audio import echo as echo_module
from edge_agent.audio.aec3 import Aec3
from edge_agent.audio.echo import Cancellation, EchoSettings, is_cancelled, open_canceller
from edge_agent.errors import ConfigError


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the extra."""
    monkeypatch.setattr(echo_module, "PACKAGES", ("pywebrtc_audio_that_is_not_there", "numpy"))


@pytest.mark.parametrize("cancellation", [Cancellation.AUTO, Cancellation.SOFTWARE])
def test_software_cancels_where_it_is_installed(cancellation: Cancellation) -> None:
    settings = EchoSettings(cancellation)
    assert is_cancelled(settings)
    assert isinstance(open_canceller(settings), Aec3)


@pytest.mark.usefixtures("bare_machine")
def test_nothing_cancels_where_it_is_not() -> None:
    settings = EchoSettings(Cancellation.AUTO)
    assert not is_cancelled(settings)
    assert open_canceller(settings) is None


@pytest.mark.usefixtures("bare_machine")
def test_who_demands_what_is_not_installed_is_told_how_to_get_it() -> None:
    with pytest.raises(ConfigError, match=r"sound\.echo\.cancellation.*pip install 'edge-agent\[aec\]'"):
        is_cancelled(EchoSettings(Cancellation.SOFTWARE))


@pytest.mark.parametrize(
    ("cancellation", "works"), [(Cancellation.HARDWARE, True), (Cancellation.OFF, False)]
)
def test_sound_is_left_alone_where_somebody_else_or_nobody_cancels(
    cancellation: Cancellation, works: bool
) -> None:
    settings = EchoSettings(cancellation)
    assert is_cancelled(settings) is works
    assert open_canceller(settings) is None


def test_a_daemon_that_does_not_cancel_does_not_load_what_it_takes() -> None:
    script = (
        "import sys; from edge_agent import appliance, parts; from edge_agent.audio.echo import *;"
        "is_installed(); open_canceller(EchoSettings(Cancellation.OFF));"
        "print([name for name in PACKAGES if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
