"""Addresses as integers."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.addresses import AddressRange, parse_address, parse_cidr, subtract


@given(st.ip_addresses())
def test_an_address_is_the_integer_that_the_standard_library_makes_of_it(address: object) -> None:
    """Every address of both families is parsed as by `ipaddress`."""
    expected = ip_address(str(address))
    parsed = parse_address(str(address))
    assert (expected.version, int(expected), int(expected)) == parsed


@pytest.mark.parametrize("text", ["", "1.2.3", "01.2.3.4", "1.2.3.256", "1.2.3.4/8", "¹.2.3.4"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """A text that is no address raises ValueError, however near it is to one."""
    with pytest.raises(ValueError, match="address"):
        parse_address(text)


def test_holes_are_cut_out_of_a_range() -> None:
    """What is left of a range without its holes is sorted and disjoint."""
    holes = (parse_cidr("10.0.1.0/24"), parse_cidr("10.0.0.0/32"), parse_cidr("11.0.0.0/8"))
    assert (
        AddressRange(4, 0x0A000001, 0x0A0000FF),
        AddressRange(4, 0x0A000200, 0x0AFFFFFF),
    ) == subtract(parse_cidr("10.0.0.0/8"), holes)
