"""The base of every value type."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """An immutable value with the API's own field names on the wire.

    ``gc=False``: values hold no cycles, and a snapshot holds hundreds of thousands of them.
    """
