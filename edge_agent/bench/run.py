"""The bench from start to end: rounds, cases, report. Nothing else should run on the machine meanwhile."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.bench.errors import BenchError
from edge_agent.bench.impairments import CASES, DURATION_S, Case, schedule_of
from edge_agent.bench.options import DRIFT_CASES, SESSION_CASES, BenchOptions
from edge_agent.bench.peers import STACKS, Stack
from edge_agent.bench.quiet import Quiet, Reading
from edge_agent.bench.report import Report, Row, as_markdown, row_of
from edge_agent.errors import ExitCode
from edge_agent.interruption import SIGNAL_EXIT_BASE, until_signalled

if TYPE_CHECKING:
    from edge_agent.bench.reception import Reception
    from edge_agent.bench.sessions import Load
    from edge_agent.bench.speech import Speech

NEEDED = ("numpy", "scipy", "matplotlib")
QUALITY = {"pesq": "PESQ", "pystoi": "STOI"}
ADVICE = "run scripts/bench, or: pip install 'edge-agent[bench]'"

SEED = 20_261_125
"""Any number; the same number gives the same losses."""

SESSION_S = 8.0
"""One reading of CPU time, in each round: 24 s together by default."""

_BEGAN_S = time.monotonic()

Measured = dict[tuple[str, str], list[dict[str, float | None]]]


@dataclass(slots=True)
class Findings:
    """What was measured so far: figures of each round by case and stack, and the first round's delays."""

    figures: Measured = field(default_factory=dict)
    tracks: dict[tuple[str, str], tuple[tuple[float, float], ...]] = field(default_factory=dict)
    barge_in_ms: list[float] = field(default_factory=list)
    echo: list[Mapping[str, object]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    quiet: Quiet = field(default_factory=lambda: Quiet(_say))

    def add(self, case: str, stack: str, figures: dict[str, float | None]) -> None:
        """Take the figures of one round."""
        self.figures.setdefault((case, stack), []).append(figures)


def run_bench(options: BenchOptions) -> int:
    """Measure, print and return the exit code. Raises BenchError if it can't be measured here.

    Progress goes to stderr. The result is Markdown on stdout, or with ``options.json`` one JSON object.
    """
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise BenchError(f"the bench needs {' and '.join(absent)}, which is not installed; {ADVICE}")
    from edge_agent.bench.speech import make_speech

    findings, speech = Findings(), make_speech(DURATION_S)
    signal_number = asyncio.run(until_signalled(_measure(options, speech, findings)))
    if signal_number:
        return SIGNAL_EXIT_BASE + signal_number
    if "edge-agent" in options.stacks:
        _simulate(options, speech, findings)
        _cancel_echo(options, findings)
    report = _report(options, findings)
    if options.write_docs is not None:
        from edge_agent.bench.document import write_document

        write_document(options.write_docs, options.command, report, findings.tracks)
    sys.stdout.write(json.dumps(report.as_json()) + "\n" if options.json else as_markdown(report))
    return ExitCode.OK


async def _measure(options: BenchOptions, speech: Speech, findings: Findings) -> None:
    stacks = _installed(options, findings)
    cases = [case for case in CASES if case.name in options.cases]
    with tempfile.TemporaryDirectory(prefix="edge-agent-bench-") as scratch, _pool() as pool:
        folder = Path(scratch)
        await findings.quiet.read_all(
            _sound_reading(case, stacks, speech, number, folder, findings, pool)
            for number in range(options.rounds)
            for case in cases
        )
        await _hold_sessions(options, [stack.name for stack in stacks], folder, findings)


def _installed(options: BenchOptions, findings: Findings) -> list[Stack]:
    """Return the chosen stacks that can run here; note the others, and what measures quality."""
    chosen = [stack for stack in STACKS if stack.name in options.stacks]
    for stack in chosen:
        if not stack.is_installed():
            findings.missing[stack.name] = stack.advice
            _say(f"{stack.name} is not installed and not measured: {stack.advice}")
    for module, name in QUALITY.items():
        if importlib.util.find_spec(module) is None:
            findings.missing[name] = f"pip install {module}"
            _say(f"{name} is not measured: pip install {module}")
    return [stack for stack in chosen if stack.name not in findings.missing]


def _sound_reading(
    case: Case,
    stacks: Sequence[Stack],
    speech: Speech,
    number: int,
    folder: Path,
    findings: Findings,
    pool: ProcessPoolExecutor,
) -> Reading[list[Reception]]:
    """Return what runs one round of one case and adds its figures."""
    from edge_agent.bench.figures import figures_of
    from edge_agent.bench.reception import receive

    schedule = schedule_of(case, speech.is_speech, SEED + number)

    async def add(receptions: list[Reception]) -> None:
        jobs = [pool.submit(figures_of, case, speech, schedule, reception) for reception in receptions]
        for reception, job in zip(receptions, jobs, strict=True):
            figures = await asyncio.wrap_future(job)
            findings.add(case.name, reception.stack, figures.as_dict())
            findings.tracks.setdefault((case.name, reception.stack), figures.track)

    measure = partial(receive, stacks, speech, schedule, folder)
    return Reading(f"round {number + 1}: {case.name}", measure, add)


async def _hold_sessions(options: BenchOptions, stacks: list[str], folder: Path, findings: Findings) -> None:
    """Measure whole sessions and barge-in, all against one server."""
    cases = [case for case in SESSION_CASES if case in options.cases]
    interrupts = "barge-in" in options.cases and "edge-agent" in stacks
    if not cases and not interrupts:
        return
    from edge_agent.bench.barge_in import measure_barge_in
    from edge_agent.bench.sessions import serving

    async with serving(folder) as url:
        await findings.quiet.read_all(
            _session_reading(stack, case, url, number, folder, findings)
            for number in range(options.rounds)
            for case in cases
            for stack in stacks
        )
        if interrupts:
            _say(f"barge-in: {options.barge_ins} answers are interrupted")
            findings.barge_in_ms += await measure_barge_in(url, folder, options.barge_ins)


def _session_reading(
    stack: str, case: str, url: str, number: int, folder: Path, findings: Findings
) -> Reading[Load | None]:
    """Return what holds one session and adds its figures, if the stack has such a case."""
    from edge_agent.bench.sessions import measure_session

    async def add(load: Load | None) -> None:
        if load is not None:
            findings.add(case, stack, load.as_dict())

    measure = partial(measure_session, stack, case, url, folder, SESSION_S)
    return Reading(f"round {number + 1}: {case}, {stack}", measure, add)


def _simulate(options: BenchOptions, speech: Speech, findings: Findings) -> None:
    from edge_agent.bench.drift import measure_drift

    for case, ppm in DRIFT_CASES.items():
        if case in options.cases:
            _say(f"{case}: ten simulated minutes")
            findings.add(case, "edge-agent", measure_drift(speech, ppm))


def _cancel_echo(options: BenchOptions, findings: Findings) -> None:
    """Add the echo table, if its extra is installed."""
    if "echo" not in options.cases:
        return
    if importlib.util.find_spec("pywebrtc_audio") is None:
        findings.missing["echo"] = "pip install 'edge-agent[aec]'"
        _say("echo is not measured: pip install 'edge-agent[aec]'")
        return
    from edge_agent.bench import echo_table, speexdsp

    if not speexdsp.is_installed():
        findings.missing["libspeexdsp"] = speexdsp.ADVICE
        _say(f"libspeexdsp is not installed and not measured: {speexdsp.ADVICE}")
    _say("echo: a simulated room")
    findings.echo += echo_table.rows()


def _report(options: BenchOptions, findings: Findings) -> Report:
    """Put everything together; rows that could not be measured are there, and empty."""
    from edge_agent.bench.barge_in import percentiles
    from edge_agent.bench.machine import describe

    table = [case for case in options.cases if case not in ("barge-in", "echo")]
    rows = [
        row_of(case, stack, findings.figures[case, stack])
        if (case, stack) in findings.figures
        else Row(case, stack, 0)
        for case in table
        for stack in options.stacks
    ]
    return Report(
        describe(),
        rows,
        percentiles(findings.barge_in_ms),
        findings.echo,
        findings.missing,
        findings.quiet.as_dict(),
    )


def _pool() -> ProcessPoolExecutor:
    """Return processes that compare sound; fresh ones, as a fork would inherit the loop's sockets."""
    return ProcessPoolExecutor(os.cpu_count() or 1, mp_context=multiprocessing.get_context("spawn"))


def _say(text: str) -> None:
    sys.stderr.write(f"[{time.monotonic() - _BEGAN_S:4.0f} s] {text}\n")
    sys.stderr.flush()
