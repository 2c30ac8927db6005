"""Sums and ratios of which a part may be unknown: then they are, too. Pure."""

from collections.abc import Iterable


def total(numbers: Iterable[int | None]) -> int | None:
    """Add up known numbers; None if there are none, or one of them is not known."""
    listed = list(numbers)
    if not listed:
        return None
    known = [number for number in listed if number is not None]
    return sum(known) if len(known) == len(listed) else None


def ratio(part: float | None, whole: float | None, *, of: int, digits: int) -> float | None:
    """Tell how many of ``of`` a part is of a whole; None where the whole is 0, or one unknown."""
    return round(of * part / whole, digits) if part is not None and whole else None


def percent(part: float | None, whole: float | None) -> float | None:
    """Tell a part in percent of a whole, to two decimals; see ``ratio``."""
    return ratio(part, whole, of=100, digits=2)
