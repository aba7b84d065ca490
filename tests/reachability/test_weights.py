"""Sums over bitmaps are the sums of the weights of their bits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import FrozenBitMap

from auditor.reachability.weights import Weights


@given(data=st.data(), weights=st.lists(st.integers(min_value=0, max_value=1000), max_size=40))
def test_a_sum_over_bits_is_the_sum_of_their_weights(
    data: st.DataObject, weights: list[int]
) -> None:
    """Bits beyond the last weight weigh nothing."""
    bits = data.draw(st.sets(st.integers(min_value=0, max_value=50)))
    wanted = sum(weight for bit, weight in enumerate(weights) if bit in bits)
    assert wanted == Weights(weights).sum(FrozenBitMap(bits))
