"""What is loaded late is not there before, and does its work when it is wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def said(code: str, folder: Path) -> str:
    """Return what a fresh interpreter prints in ``folder``; modules are imported once in a process."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def test_a_late_module_is_loaded_by_its_first_use(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text("print('loaded')\nvalue = 5\n", encoding="utf-8")
    code = """
from edge_agent.late_modules import loaded_late
with loaded_late({"late"}):
    import late
print("imported", flush=True)
print(late.value)
"""
    assert said(code, tmp_path) == "imported\nloaded\n5"


def test_other_modules_and_later_imports_are_as_ever(tmp_path: Path) -> None:
    for name in ("other", "later"):
        (tmp_path / f"{name}.py").write_text(f"print('{name}')\n", encoding="utf-8")
    code = """
from edge_agent.late_modules import loaded_late
with loaded_late({"later", "missing"}):
    import other
    try:
        import missing
    except ModuleNotFoundError as error:
        print(error)
import later
print("end")
"""
    assert said(code, tmp_path) == "other\nNo module named 'missing'\nlater\nend"


DAEMON = """
import asyncio, sys
from edge_agent.late_modules import DNSPYTHON, loaded_late
with loaded_late():
    import edge_agent.daemon
"""


def test_the_daemon_begins_without_what_looks_up_names_of_candidates(tmp_path: Path) -> None:
    code = f"{DAEMON}\nprint(*(type(sys.modules[name]).__name__ for name in sorted(DNSPYTHON)))"
    assert said(code, tmp_path).split() == ["_LazyModule"] * 5


def test_candidates_with_a_name_are_looked_up_with_it_all_the_same(tmp_path: Path) -> None:
    code = f"""{DAEMON}
import dns, aioice.mdns as mdns

class Wire(asyncio.DatagramTransport):
    def sendto(self, data, addr=None):
        asker.datagram_received(data, addr)

async def look_up():
    global asker
    asker, owner = mdns.MDnsProtocol(), mdns.MDnsProtocol()
    owner.connection_made(Wire())
    name, address = dns.name.from_text("it.local"), bytes((192, 0, 2, 7))
    record = dns.rdata.GenericRdata(mdns.MDNS_RDCLASS, dns.rdatatype.A, address)
    owner.zone.replace_rdataset(name, dns.rdataset.from_rdata(120, record))
    found = asyncio.get_running_loop().create_future()
    asker.queries[name] = {{found}}
    owner.datagram_received(dns.message.make_query(name, dns.rdatatype.A).to_wire(), None)
    return found.result()

print(asyncio.run(look_up()))
"""
    assert said(code, tmp_path) == "192.0.2.7"
