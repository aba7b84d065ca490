"""Sums over bitmaps: what a set of bits stands for, without a look at each bit."""

from __future__ import annotations

from collections.abc import Iterable

from pyroaring import FrozenBitMap


class Weights:
    """The weight of each bit, in binary: for each digit, the bits whose weight has it.

    A sum then takes as many intersections as the largest weight has digits.
    """

    def __init__(self, weights: Iterable[int]) -> None:
        digits: list[list[int]] = []
        for bit, weight in enumerate(weights):
            while weight >> len(digits):
                digits.append([])
            for digit, bits in enumerate(digits):
                if weight >> digit & 1:
                    bits.append(bit)
        self._digits = tuple(map(FrozenBitMap, digits))

    def sum(self, bits: FrozenBitMap) -> int:
        """The weight of all the bits together."""
        return sum(
            bits.intersection_cardinality(one) << digit for digit, one in enumerate(self._digits)
        )
