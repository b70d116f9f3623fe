"""docs/performance.md and its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_agent.bench.impairments import CASES, LEAD_IN_S
from edge_agent.bench.options import STACKS
from edge_agent.bench.quiet import STOLEN_SHARE
from edge_agent.bench.report import Report, Row, as_markdown

COLOURS = {"edge-agent": "#0b6e4f", "aiortc": "#d1495b", "libwebrtc": "#edae49", "webrtcbin": "#66a1b3"}
FOLDER = "performance"
TRACKED = ("single-loss", "stall-300", "jitter-100")
"""Cases whose delay over time says more than its median."""

METHOD = """\
# Performance

What comes out of edge-agent's receive path, beside stock aiortc, libwebrtc (npm's `@roamhq/wrtc`) and
GStreamer's `webrtcbin` with its default latency. Made by

```
{command}
```

## Method

One sender holds a peer connection to each stack and sends all of them the same Opus packets (spoken
sentences, mono, 20 ms, no in-band FEC); where the sender hands datagrams to ICE, the same packets
are lost and late for all. The stacks run together and get each packet one after the other, an equal
part of 20 ms apart, so that none of them waits for a processor that another one's packet keeps busy.
Losses, jitter and stalls begin within speech, where chance will have it, in each round elsewhere.
Every stack is a process of its own that notes each block of sound with the moment at which it would
begin to play. Windows of that sound are found in the clean sound by cross-correlation; the *delay*
is the moment of playing less the moment of sending, for the first sample of a packet. Everything
else that a sound card adds comes on top, and is the same for all. *After* is the median of the last
third, *hole* the longest silence where there should be speech, *back after* the time from the end of
the disturbance until the delay is within 10 ms of what it was, *tail* the delay of the last words
before the sender pauses. *Concealed* comes from the stack's own statistics (W3C `concealedSamples` /
`totalSamplesReceived`), PESQ is wideband (ITU-T P.862.2) against the undisturbed decoded sound, STOI
that of Taal 2011. The sound ends in half a second of silence: what plays later than at first is
compared to its last word. The two drift cases are ten simulated minutes of our own path. *session*
is a whole daemon with a full-duplex session against the embedded server, beside applications that do
the same job; CPU is the share of one core. A reading during which the host of a virtual machine
takes away more than {stolen} of its time is made again, after all others and twice at most. A row is
the median of {rounds} rounds; "-" was not measured.

"""


def write_document(
    folder: Path,
    command: str,
    report: Report,
    tracks: Mapping[tuple[str, str], Sequence[tuple[float, float]]],
) -> None:
    """Write performance.md and its plots into ``folder``."""
    plots = folder / FOLDER
    plots.mkdir(parents=True, exist_ok=True)
    shown = []
    for name, title in (("delay", "Delay by impairment"), ("pesq", "Speech quality by impairment")):
        _plot_bars(plots / f"{name}.svg", name, report.rows)
        shown.append((name, title))
    for case in TRACKED:
        of_case = {stack: track for (name, stack), track in tracks.items() if name == case and track}
        if of_case:
            _plot_track(plots / f"{case}.svg", of_case)
            shown.append((case, f"Delay over time: {case}"))
    rounds = max((row.rounds for row in report.rows), default=0)
    pictures = "\n".join(f"![{title}]({FOLDER}/{name}.svg)\n" for name, title in shown)
    text = METHOD.format(command=command, rounds=rounds, stolen=f"{100 * STOLEN_SHARE:.1f} %")
    text += f"## Result\n\n{as_markdown(report)}\n{pictures}\n## Machine\n\n{_machine(report.machine)}"
    (folder / "performance.md").write_text(text, encoding="utf-8")


def _machine(machine: Mapping[str, object]) -> str:
    versions = machine["versions"]
    assert isinstance(versions, Mapping)
    facts = [f"- {name.replace('_', ' ')}: {value}" for name, value in machine.items() if name != "versions"]
    return "\n".join([*facts, *(f"- {name} {value}" for name, value in versions.items() if value)]) + "\n"


def _plot_bars(path: Path, name: str, rows: Sequence[Row]) -> None:
    """Draw one group of bars for each case, with the spread of the rounds."""
    cases = [case.name for case in CASES if any(row.case == case.name for row in rows)]
    stacks = [stack for stack in STACKS if any(row.stack == stack and row.rounds for row in rows)]
    axes = _axes()
    width = 0.8 / max(1, len(stacks))
    for index, stack in enumerate(stacks):
        of_stack = {row.case: row for row in rows if row.stack == stack}
        for place, case in enumerate(cases):
            row = of_stack[case]
            value = row.delay_ms["median"] if name == "delay" else row.pesq
            if value is None:
                continue
            low, high = row.spread.get("delay_median_ms" if name == "delay" else "pesq", (value, value))
            axes.bar(
                place + index * width,
                value,
                width,
                color=COLOURS[stack],
                label=stack if place == 0 else None,
                yerr=[[max(0.0, value - low)], [max(0.0, high - value)]],
            )
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(cases))], cases, rotation=30)
    axes.set_ylabel("delay, ms (median)" if name == "delay" else "PESQ, wideband")
    _save(axes, path)


def _plot_track(path: Path, tracks: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    axes = _axes()
    for stack in STACKS:
        if stack in tracks:
            axes.plot(
                [at_s - LEAD_IN_S for at_s, _ in tracks[stack]],
                [delay_ms for _, delay_ms in tracks[stack]],
                ".-",
                color=COLOURS[stack],
                label=stack,
            )
    axes.set_xlabel("s")
    axes.set_ylabel("delay, ms")
    axes.set_ylim(bottom=0)
    _save(axes, path)


def _axes() -> Any:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    _, axes = pyplot.subplots(figsize=(10, 4))
    return axes


def _save(axes: Any, path: Path) -> None:
    from matplotlib import pyplot

    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close()
