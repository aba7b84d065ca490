"""What manifests are refused for, asked of the real API server."""

import pytest

from tests.apiserver.control_plane import ControlPlane, KubectlError
from tests.sources.manifest_text import policy
from tests.sources.policy_cases import ACCEPTED, REFUSED

pytestmark = pytest.mark.apiserver

_ARGUMENTS = ("apply", "--dry-run=server", "--output=name", "--filename=-")


def test_the_server_refuses_what_the_manifests_are_refused_for(control_plane: ControlPlane) -> None:
    """Every refused case is an error there, too."""
    accepted = []
    for name, (spec, _) in REFUSED.items():
        try:
            control_plane.kubectl(*_ARGUMENTS, stdin=policy(spec))
        except KubectlError:
            continue
        accepted.append(name)
    assert [] == accepted


def test_the_server_accepts_what_is_kept_of_manifests(control_plane: ControlPlane) -> None:
    """Every accepted case is stored there, too."""
    refused = {}
    for name, spec in ACCEPTED.items():
        try:
            control_plane.kubectl(*_ARGUMENTS, stdin=policy(spec))
        except KubectlError as error:
            refused[name] = str(error)
    assert {} == refused
