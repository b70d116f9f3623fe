"""Whole numbers as people say them in English, zero to 999 999, both ways."""

from __future__ import annotations

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ONES = tuple(_ONES.split())
TENS = tuple(_TENS.split())

_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_UNITS = {word: number for number, word in enumerate(ONES)} | {
    word: tens * 10 for tens, word in enumerate(TENS, 2)
}

MAX_SPOKEN = 999_999
"""The largest number that in_words has words for."""


def in_words(number: int) -> str:
    """Return ``number`` (0 to MAX_SPOKEN, or negative) in words: 142 is "one hundred and forty two"."""
    if number < 0:
        return f"minus {in_words(-number)}"
    if number > MAX_SPOKEN:
        raise ValueError(f"no words for numbers beyond {MAX_SPOKEN}")
    if number >= 1000:
        return _joined(f"{in_words(number // 1000)} thousand", number % 1000)
    if number >= 100:
        return _joined(f"{ONES[number // 100]} hundred", number % 100)
    if number >= 20:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f" {ONES[ones]}" if ones else "")
    return ONES[number]


def as_ordinal(number: int) -> str:
    """Return ``number`` (1 to 99) as an ordinal: 24 is "twenty fourth"."""
    *front, last = in_words(number).split()
    if last in _ORDINALS:
        ordinal = _ORDINALS[last]
    else:
        ordinal = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join((*front, ordinal))


def from_words(words: str) -> int | None:
    """Return the number that ``words`` say, in words or in digits; None if they don't say exactly one."""
    tokens = words.replace("-", " ").split()
    if len(tokens) == 1 and tokens[0].isdecimal():
        return int(tokens[0]) if len(tokens[0]) <= len(str(MAX_SPOKEN)) else None
    numeral = " ".join("one" if token in ("a", "an") else token for token in tokens if token != "and")
    number = _summed(numeral.split())
    if number is None or _without_and(in_words(number)) != numeral:
        return None  # "seven five" is two numbers, "twenty eleven" is none
    return number


def _summed(tokens: list[str]) -> int | None:
    total = part = 0
    for token in tokens:
        if token in _UNITS:
            part += _UNITS[token]
        elif token == "hundred":
            part *= 100
        elif token == "thousand":
            total, part = total + part * 1000, 0
        else:
            return None
    return total + part if tokens and total + part <= MAX_SPOKEN else None


def _joined(front: str, rest: int) -> str:
    if not rest:
        return front
    return f"{front} and {in_words(rest)}" if rest < 100 else f"{front} {in_words(rest)}"


def _without_and(words: str) -> str:
    return words.replace(" and ", " ")
