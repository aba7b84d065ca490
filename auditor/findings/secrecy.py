"""Texts without what they say of other namespaces.

It works on the words of texts, not on fields that somebody listed: a rule that is written later
cannot tell by a new piece of evidence what this hides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

import msgspec

from auditor.findings.name_positions import names_in_manifest, replace_names
from auditor.findings.vocabulary import (
    KNOWN_ADDRESSES,
    Words,
    WordsByNamespace,
    parse_address,
    product_words,
    split,
)
from auditor.model.drift import FindingDrift
from auditor.model.ports import PortRange

ANOTHER = "another namespace"
"""In the place of a name of another namespace, or of something in it."""

OTHERS = "other namespaces"

WITHHELD = "(not shown)"
"""In the place of any other word of theirs: a label, an image, an address."""

OUTSIDE = "external addresses"
"""In the place of a range of addresses that others' policies cut."""

_V4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_V6 = r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})"
_ADDRESS = rf"(?:{_V6}|{_V4})"
_PART = r"[\w.-]+"
_PIECE = re.compile(
    rf"(?<![\w.:-])(?P<first>{_ADDRESS})-(?P<last>{_ADDRESS})(?![\w:])"
    rf"|(?<![\w.:-])(?P<address>{_ADDRESS})(?P<after>(?:/\d+)?)(?![\w:])"
    rf"|(?P<path>{_PART}(?:/{_PART})*)(?P<variant>\[[^\]]*\])?"
)
_EDGE = re.compile(r"^([.\-_]*)(.*?)([.\-_]*)$", re.DOTALL)
_BREAK = re.compile(r"[._-]+")
_SEGMENTS = 24
"""Segments of a word up to which its parts are looked at: a longer one is told by nobody."""

_REPEATED = re.compile(rf"{ANOTHER}(?:(?:,| and|;|, and) {ANOTHER})+")
_NOUN = re.compile(rf"\b(?i:namespaces?|workloads?|pods?) (?={ANOTHER}|{OTHERS})")

_VERBATIM = frozenset(
    {
        "controls",
        "created",
        "expires",
        "first_seen",
        "id",
        "last_seen",
        "rule",
        "schema",
    }
)
"""Fields that hold the product's own ids, or times."""

_Record = TypeVar("_Record")


class Secrecy:
    """What may be said to whoever owns some of the namespaces, and what may not."""

    def __init__(
        self,
        own: frozenset[str],
        words: Iterable[WordsByNamespace],
        *,
        spoken: Iterable[str] = (),
        names_others: bool = False,
    ) -> None:
        """``words`` are those of all namespaces; ``spoken`` are texts that may be said anyway.

        ``names_others``: texts are left as they are.
        """
        self.own = own
        self.is_narrow = not names_others
        mine, theirs = Words(), Words()
        self._others: set[str] = set()
        for each in words:
            for namespace, found in each.items():
                (mine if namespace in own else theirs).update(found)
                if namespace and namespace not in own:
                    self._others.add(namespace)
        self._said = mine.names | mine.others | product_words()
        self._said.update(word for text in spoken for word in split(text))
        self._names = theirs.names - self._said
        self._words = (theirs.others | theirs.names) - self._said
        self._addresses = theirs.addresses - mine.addresses - KNOWN_ADDRESSES
        self._bounds = frozenset(_bounds(mine))
        dashed = (_BREAK.sub("-", one) for one in self._names)
        own_names = {_BREAK.sub("-", one) for one in mine.names}
        places = (_BREAK.sub("-", one.casefold()) for one in self._others)
        self._long_places = frozenset(one for one in places if "-" in one) - own_names
        parts = frozenset(dashed) - {_BREAK.sub("-", one) for one in self._said}
        self._all_parts = parts | self._long_places
        self._own_parts = frozenset(own_names)
        self._judged: dict[str, str | None] = {}

    def hides(self, namespace: str | None) -> bool:
        """Whether nothing of a namespace may be told."""
        return namespace is not None and namespace not in self.own

    @property
    def others(self) -> frozenset[str]:
        """The namespaces of which nothing may be told, even their names; of all told, none."""
        return frozenset(self._others) if self.is_narrow else frozenset()

    def tells(self, manifest: str) -> bool:
        """Whether a manifest says anything of others: it selects namespaces by name."""
        return manifest != self.hide(manifest) or bool(
            names_in_manifest(manifest, self.others) & self.others
        )

    def hide(self, text: str) -> str:
        """Return the text without the names and words of others."""
        if not self.is_narrow:
            return text
        hidden = _PIECE.sub(self._piece, replace_names(text, self._others, ANOTHER))
        if hidden == text:
            return text
        return _REPEATED.sub(OTHERS, _NOUN.sub("", _REPEATED.sub(OTHERS, hidden)))

    def hide_end(self, end: str) -> str:
        """Return an end of a connection, spelled as text: an object key, or addresses."""
        namespace, _, rest = end.partition("/")
        if self.is_narrow and "/" in rest and namespace not in self.own:
            return ANOTHER
        return self.hide(end)

    def hide_value(self, value: object) -> Any:
        """Return a plain value (of JSON) likewise. In lists, what is hidden is counted."""
        match value:
            case str() if not isinstance(value, Enum):
                return self.hide(value)
            case Mapping():
                return self._mapping(value)
            case list() | tuple():
                return self._sequence(value)
            case set() | frozenset():
                return self._sequence(sorted(value, key=str))
            case msgspec.Struct():
                return self.hide_record(value)
            case _:
                return value

    def hide_record(self, record: _Record) -> _Record:
        """Return a record with every text in it hidden, but ids and times."""
        hidden: object
        match record:
            case PortRange() | Enum():
                hidden = record
            case FindingDrift():
                details = {key: self.hide_record(one) for key, one in record.details.items()}
                hidden = msgspec.structs.replace(record, details=details)
            case msgspec.Struct():
                hidden = msgspec.structs.replace(
                    record,
                    **{
                        name: self._named(name, getattr(record, name), self.hide_record)
                        for name in record.__struct_fields__
                        if name not in _VERBATIM
                    },
                )
            case str():
                hidden = self.hide(record)
            case tuple():
                hidden = tuple(self.hide_record(one) for one in record)
            case list():
                hidden = [self.hide_record(one) for one in record]
            case Mapping():
                hidden = {self.hide_record(key): self.hide_record(v) for key, v in record.items()}
            case _:
                hidden = record
        return hidden  # type: ignore[return-value]  # each case returns what it was given

    def _sequence(self, values: Iterable[object]) -> list[Any]:
        shown: list[Any] = []
        named = withheld = 0
        for one in values:
            hidden = self._item(one)
            if hidden == ANOTHER and one != ANOTHER:
                named += 1
            elif hidden == WITHHELD and one != WITHHELD:
                withheld += 1
            elif hidden == one or hidden not in shown:
                shown.append(hidden)
        if named:
            shown.append(ANOTHER if named == 1 else f"{named} in {OTHERS}")
        if withheld:
            shown.append(WITHHELD if withheld == 1 else f"{withheld} {WITHHELD}")
        return shown

    def _item(self, value: object) -> Any:
        """A member of a list, or a key: one that is the name of a namespace is nothing else."""
        if self.is_narrow and isinstance(value, str) and value in self._others:
            return ANOTHER
        return self.hide_value(value)

    def _named(self, key: object, value: object, hide: Callable[[Any], Any]) -> Any:
        """What stands under a key: under `namespace` it is a name, whatever else it may mean."""
        return self._item(value) if key == "namespace" and isinstance(value, str) else hide(value)

    def _mapping(self, values: Mapping[Any, object]) -> dict[Any, Any]:
        shown: dict[Any, Any] = {}
        for key, value in values.items():
            hidden = self._item(key)
            inner = self._named(key, value, self.hide_value)
            if hidden not in shown:
                shown[hidden] = inner
            elif isinstance(inner, int) and isinstance(shown[hidden], int):
                shown[hidden] += inner
            else:
                shown[hidden] = WITHHELD
        return shown

    def _piece(self, match: re.Match[str]) -> str:
        whole = match.group()
        if match["first"] is not None:
            ends = [_number(match[one]) for one in ("first", "last")]
            if None in ends:
                return self._path(whole)
            return whole if self._bounds.issuperset(ends) else OUTSIDE
        if match["address"] is not None:
            address = parse_address(match["address"])
            if address is None:
                return self._path(whole)
            return WITHHELD if address in self._addresses else whole
        path: str = match["path"]
        head, slash, rest = path.partition("/")
        place = _edges(rest)[1] if head.casefold() == "namespace" else _edges(head)[1]
        if slash and place in self._others:
            return ANOTHER + _edges(path)[2]
        return self._path(path) + self.hide(match["variant"] or "")

    def _path(self, path: str) -> str:
        return "/".join(":".join(map(self._word, one.split(":"))) for one in path.split("/"))

    def _word(self, word: str) -> str:
        before, bare, after = _edges(word)
        folded = bare.casefold()
        if folded not in self._judged:
            self._judged[folded] = self._judge(folded)
        instead = self._judged[folded]
        return word if instead is None else f"{before}{instead}{after}"

    def _judge(self, word: str) -> str | None:
        """What stands in the place of a word; None where it may be said."""
        if word in self._said:
            return None
        if word in self._names:
            return ANOTHER
        if word in self._words:
            return WITHHELD
        segments = [one for one in _BREAK.split(word) if one]
        if len(segments) > _SEGMENTS:
            return WITHHELD
        return ANOTHER if self._names_others(segments) else None

    def _names_others(self, segments: list[str]) -> bool:
        """Whether a word is made with the name of something of others, and not with one's own.

        `web-egress-inside` is made of one's own `web`, though others have a `web-egress`. A word of
        segments that may each be said may still name a namespace: `shop-prod.web`.
        """
        parts = self._long_places if self._said.issuperset(segments) else self._all_parts
        count = len(segments)
        runs = [
            (start, end, "-".join(segments[start:end]))
            for start in range(count)
            for end in range(start + 1, count + 1)
        ]
        own = [(start, end) for start, end, run in runs if run in self._own_parts]
        return any(
            run in parts and not any(a <= start and end <= b for a, b in own)
            for start, end, run in runs
        )


def _edges(word: str) -> tuple[str, str, str]:
    match = _EDGE.match(word)
    return ("", word, "") if match is None else (match[1], match[2], match[3])


def _number(text: str) -> tuple[int, int] | None:
    """An address as version and number."""
    try:
        return _pair(ip_address(text))
    except ValueError:
        return None


def _pair(address: IPv4Address | IPv6Address) -> tuple[int, int]:
    return address.version, int(address)


def _bounds(words: Words) -> Iterable[tuple[int, int]]:
    """Where a range of addresses may end without telling what others' policies say.

    That is at the ends of all addresses, and at those of the blocks of one's own policies.
    """
    for version, bits in ((4, 32), (6, 128)):
        yield from ((version, 0), (version, 2**bits - 1))
    for block in words.blocks:
        for cidr in (block.cidr, *block.excepts):
            try:
                network = ip_network(cidr, strict=False)
            except ValueError:
                continue
            version, first = _pair(network[0])
            last = first + network.num_addresses - 1
            yield from ((version, one) for one in (first - 1, first, last, last + 1))
