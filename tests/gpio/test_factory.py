from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from gpiozero.pins.mock import MockPWMPin

from edge_agent.gpio.factory import FactoryKind, open_factory, pin_faults


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """A /dev that shows one GPIO chip."""
    (tmp_path / "gpiochip0").touch()
    return tmp_path


def test_mock_pins_can_be_dimmed() -> None:
    factory, reason = open_factory(FactoryKind.MOCK)
    assert factory is not None
    assert reason == ""
    assert isinstance(factory.pin("GPIO17"), MockPWMPin)


def test_two_mock_factories_do_not_share_pins() -> None:
    first, _ = open_factory(FactoryKind.MOCK)
    second, _ = open_factory(FactoryKind.MOCK)
    assert first is not None
    assert second is not None
    assert first.pin("GPIO17") is not second.pin("GPIO17")


def test_none_is_a_wish_not_a_fault() -> None:
    assert open_factory(FactoryKind.NONE) == (None, "gpio.factory is none")


@pytest.mark.parametrize("kind", [FactoryKind.AUTO, FactoryKind.LGPIO])
def test_a_machine_without_gpio_chip_has_a_reason(kind: FactoryKind, tmp_path: Path) -> None:
    factory, reason = open_factory(kind, dev=tmp_path)
    assert factory is None
    assert "no GPIO chip" in reason
    assert str(tmp_path) in reason


def test_a_missing_library_has_the_next_step(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    factory, reason = open_factory(FactoryKind.AUTO, dev)
    assert factory is None
    assert "apt install python3-lgpio" in reason


def test_a_working_directory_that_lgpio_cannot_write_to_is_named(
    dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lgpio opens a named pipe in its working directory while it is imported."""
    (tmp_path / "lgpio.py").write_text("open('/nonexistent/.lgd-nfy-3', 'rb')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lgpio", raising=False)
    factory, reason = open_factory(FactoryKind.LGPIO, dev)
    assert factory is None
    assert "LG_WD" in reason
    assert "/nonexistent/.lgd-nfy-3" in reason


def test_a_chip_that_refuses_has_a_reason(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for gpiozero's driver of lgpio, which needs a Raspberry Pi."""
    monkeypatch.setitem(sys.modules, "lgpio", refusing_lgpio())
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", refusing_driver())
    factory, reason = open_factory(FactoryKind.LGPIO, dev)
    assert factory is None
    assert "can not open gpiochip" in reason
    assert "group gpio" in reason


def test_faults_of_lgpio_count_as_pin_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    lgpio = refusing_lgpio()
    monkeypatch.setitem(sys.modules, "lgpio", lgpio)
    assert lgpio.error in pin_faults()
    monkeypatch.delitem(sys.modules, "lgpio")
    assert lgpio.error not in pin_faults()


def refusing_lgpio() -> ModuleType:
    """Return a module with the exception that lgpio raises, which has no parent but Exception."""
    module = ModuleType("lgpio")
    module.error = type("error", (Exception,), {})  # type: ignore[attr-defined]  # a module made by hand
    return module


def refusing_driver() -> ModuleType:
    def open_chip() -> None:
        raise sys.modules["lgpio"].error("'can not open gpiochip'")

    module = ModuleType("gpiozero.pins.lgpio")
    module.LGPIOFactory = open_chip  # type: ignore[attr-defined]  # a module made by hand
    return module
