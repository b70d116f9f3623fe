"""Half an hour over sessions of ten seconds, by hand: ``python -m tests.system.soak --minutes 30``.

``--server foreign`` talks with speech-to-speech, whose sessions end when we say so. Prints what was found,
and exits with 1 if a turn was lost, doubled, unanswered or forgotten, or if more than a packet of sound was
missing in an answer, by a hand-over or not: the places of the gaps tell which.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from tests.interop.foreign import RENEWED
from tests.system.renewals import EMBEDDED, Findings, converse
from tests.system.standstill import Standstills, standstills

BENCHES = {"embedded": EMBEDDED, "foreign": RENEWED}

LIMIT_S = 3.0
"""So long two sessions may be open beside each other: each costs."""


GAP_LIMIT_S = 0.020
"""One packet may be missing of the sound at a hand-over."""


def main() -> int:
    """Talk, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--server", choices=BENCHES, default="embedded")
    wished = parser.parse_args()
    end = time.monotonic() + 60 * wished.minutes
    shown = 0

    def goes_on(found: Findings) -> bool:
        nonlocal shown
        if len(found.asked) >= shown + 10:
            shown = len(found.asked)
            _say(f"{shown} turns, {len(found.calls)} sessions, unanswered: {found.unanswered}")
        return bool(time.monotonic() < end)

    with standstills() as machine:
        found = converse(goes_on, BENCHES[wished.server])
        _tell(found)
    _tell_standstills(found, machine)
    has_gap = max([found.late_at_end_s, *(gap.longest_s for gap in found.gaps)]) > GAP_LIMIT_S
    return 1 if found.unanswered or found.mistaken or found.forgotten or has_gap else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tell(found: Findings) -> None:
    overlaps_s = found.overlaps_s or [0.0]
    _say(f"turns asked {len(found.asked)}, heard {len(found.heard)}, unanswered {found.unanswered}")
    _say(f"renewals {found.renewals}, sessions {len(found.calls)}, ends not followed in time {found.losses}")
    _say(f"lost, doubled or misheard: {found.mistaken}")
    _say(f"forgotten: {found.forgotten}")
    median_s, worst_s = statistics.median(overlaps_s), max(overlaps_s)
    _say(f"overlap of two sessions: median {median_s:.2f} s, worst {worst_s:.2f} s, of {len(overlaps_s)}")
    late_s = [
        f"{overlap_s:.2f} s after session {n}"
        for n, overlap_s in enumerate(overlaps_s)
        if overlap_s > LIMIT_S
    ]
    _say(f"over {LIMIT_S:g} s: {late_s}")
    _say(f"loudspeaker: {found.loudspeaker_s:.2f} s of sound in {found.elapsed_s:.2f} s")
    _tell_gaps(found)
    for text in found.notices:
        if "conceal" in text or "packets" in text:
            _say(f"  {text}")


def _tell_gaps(found: Findings) -> None:
    _say(
        f"loudspeaker behind its pace: at hand-overs by {1000 * found.late_s:.1f} ms at worst, "
        f"at the end by {1000 * found.late_at_end_s:.1f} ms"
    )
    for name, by_hand_over in (("by a hand-over", True), ("others", False)):
        gaps_s = found.gaps_s(by_hand_over=by_hand_over) or [0.0]
        over = sum(gap_s > GAP_LIMIT_S for gap_s in gaps_s)
        _say(
            f"longest gap in answers {name}: median {1000 * statistics.median(gaps_s):.1f} ms, worst "
            f"{1000 * max(gaps_s):.1f} ms, over {1000 * GAP_LIMIT_S:g} ms {over} of "
            f"{len(found.gaps_s(by_hand_over=by_hand_over))}"
        )
    for gap in found.gaps:
        if gap.longest_s > GAP_LIMIT_S:
            _say(f"  {1000 * gap.longest_s:.1f} ms: {gap}")


def _tell_standstills(found: Findings, machine: Standstills) -> None:
    """Say what the machine did meanwhile: whether a gap is its own is for the reader to judge."""
    by_turn_s = [machine.longest_s(*turn) for turn in found.turns]
    over = [n for n, longest_s in enumerate(by_turn_s) if longest_s > GAP_LIMIT_S]
    _say(
        f"the machine stood still for more than {1000 * GAP_LIMIT_S:g} ms in {len(over)} of {len(by_turn_s)} "
        f"turns, at worst {1000 * max(by_turn_s, default=0.0):.1f} ms"
    )
    told = {gap.turn: "gap" for gap in found.gaps if gap.longest_s > GAP_LIMIT_S}
    for turn, what in sorted({**told, **dict.fromkeys(found.misheard_turns, "misheard")}.items()):
        _say(f"  turn {turn} ({what}): the machine stood still for {1000 * by_turn_s[turn]:.1f} ms at most")


if __name__ == "__main__":
    sys.exit(main())
