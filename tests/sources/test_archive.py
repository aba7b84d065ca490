"""A saved snapshot comes back exactly, or not at all."""

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import ArchiveError
from auditor.model.objects import (
    Agent,
    AgentContainer,
    Container,
    ContainerPort,
    EgressRule,
    IngressRule,
    IPBlock,
    ManagedField,
    Metadata,
    Namespace,
    NetworkPolicy,
    Node,
    NodeAddress,
    NodeMetadata,
    NodeStatus,
    Owner,
    OwnerReference,
    Peer,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
    Service,
    ServicePort,
    ServiceSpec,
)
from auditor.model.selectors import LabelSelector, Requirement
from auditor.model.snapshot import (
    Blind,
    ClusterIdentity,
    ConfigMapEvidence,
    Gap,
    GapSource,
    Snapshot,
    UnevaluatedPolicy,
)
from auditor.sources.archive import SCHEMA, is_archive, pack, unpack

LABELS = {"app": "db", "kubernetes.io/metadata.name": "shop", "name": "größe\u2028"}
OWNER = OwnerReference(kind="ReplicaSet", name="db-1", controller=True)
WHOLE = Snapshot(
    origin="cluster",
    taken_at="2026-01-02T03:04:05Z",
    cluster=ClusterIdentity(name="prod", uid="u-1", version="v1.36.3"),
    namespaces=(
        Namespace(metadata=Metadata(name="shop", labels=LABELS)),
        Namespace(metadata=Metadata(name="used"), declared=False),
    ),
    pods=(
        Pod(
            metadata=Metadata(
                name="db-1-x", namespace="shop", labels=LABELS, owner_references=(OWNER,)
            ),
            spec=PodSpec(
                node_name="node-1",
                host_network=True,
                containers=(
                    Container(
                        name="db",
                        image="postgres:17",
                        ports=(ContainerPort(container_port=5432, name="sql"),),
                    ),
                ),
                init_containers=(Container(name="proxy", restart_policy="Always"),),
            ),
            status=PodStatus(
                phase="Running", pod_ip="10.0.0.1", pod_ips=(PodIP(ip="10.0.0.1"), PodIP(ip="::1"))
            ),
        ),
    ),
    services=(
        Service(
            metadata=Metadata(name="db", namespace="shop"),
            spec=ServiceSpec(
                type="NodePort",
                selector={"app": "db"},
                ports=(
                    ServicePort(port=1, target_port="sql"),
                    ServicePort(port=2, target_port=5432, node_port=30001),
                ),
                external_ips=("192.0.2.1",),
                external_traffic_policy="Local",
                cluster_ip="10.96.0.7",
                cluster_ips=("10.96.0.7", "fd00:96::7"),
            ),
        ),
    ),
    nodes=(
        Node(
            metadata=NodeMetadata(name="node-1", annotations={"k3s.io/node-args": "[]"}),
            status=NodeStatus(addresses=(NodeAddress(type="InternalIP", address="192.0.2.1"),)),
        ),
    ),
    policies=(
        NetworkPolicy(
            metadata=PolicyMetadata(
                name="p", namespace="shop", managed_fields=(ManagedField(manager="argocd"),)
            ),
            spec=PolicySpec(
                pod_selector=LabelSelector(
                    match_expressions=(Requirement(key="a", operator="NotIn", values=("b", "c")),)
                ),
                policy_types=("Ingress", "Egress"),
                ingress=(IngressRule(), IngressRule(peers=(Peer(pod_selector=LabelSelector()),))),
                egress=(
                    EgressRule(
                        peers=(
                            Peer(ip_block=IPBlock(cidr="10.0.0.0/8", excepts=("10.1.0.0/16",))),
                        ),
                        ports=(PolicyPort(port="sql"), PolicyPort(port=80, end_port=90)),
                    ),
                ),
            ),
        ),
    ),
    owners=(Owner(kind="ReplicaSet", metadata=Metadata(name="db-1", namespace="shop")),),
    agents=(
        Agent(
            metadata=Metadata(name="kube-router", namespace="kube-system"),
            containers=(AgentContainer(name="r", image="i", args=("--run-firewall=true",)),),
            desired=3,
            ready=0,
        ),
    ),
    config_maps=(
        ConfigMapEvidence(namespace="kube-system", name="cilium-config", values={"a": "b"}),
    ),
    unevaluated_policies=(UnevaluatedPolicy(kind="X.example.org", namespace="", name="x"),),
    gaps=(
        Gap(
            kind="Pod",
            namespace="shop",
            name=None,
            reason="forbidden",
            effect="not known",
            source=GapSource(file="a.yaml", field="spec"),
            blind=Blind.PODS,
        ),
    ),
    documents_ignored=2,
)
EMPTY = Snapshot(origin="manifests", taken_at="2026-01-02T03:04:05Z")
PACKED = pack(WHOLE)

texts = st.text(max_size=20)
labels = st.dictionaries(texts, texts, max_size=4)
metadata = st.builds(Metadata, name=texts, namespace=texts, labels=labels)
snapshots = st.builds(
    Snapshot,
    origin=st.sampled_from(["cluster", "manifests"]),
    taken_at=texts,
    namespaces=st.lists(st.builds(Namespace, metadata=metadata), max_size=3).map(tuple),
    pods=st.lists(st.builds(Pod, metadata=metadata), max_size=5).map(tuple),
    gaps=st.lists(
        st.builds(
            Gap,
            kind=st.none() | texts,
            namespace=st.none() | texts,
            name=st.none() | texts,
            reason=texts,
            effect=texts,
            blind=st.none() | st.sampled_from(Blind),
        ),
        max_size=3,
    ).map(tuple),
)


def seal(body: bytes, schema: str = SCHEMA) -> bytes:
    """An archive whose header speaks the truth about any body."""
    digest = hashlib.sha256(body).hexdigest()
    return f"{schema} sha256={digest} length={len(body)}\n".encode() + body


def deflate(plain: bytes) -> bytes:
    """Compress as the archive does."""
    compressor = zlib.compressobj(9, wbits=31)
    return compressor.compress(plain) + compressor.flush()


@pytest.mark.parametrize("snapshot", [WHOLE, EMPTY], ids=["whole", "empty"])
def test_a_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    """Every field survives the file."""
    assert snapshot == unpack(pack(snapshot), name="s")


@given(snapshots)
def test_any_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    """So does whatever text an attacker puts into names and labels."""
    assert snapshot == unpack(pack(snapshot), name="s")


def test_equal_snapshots_make_equal_files() -> None:
    """Neither the time of writing nor the order of labels shows in the bytes."""
    shuffled = Namespace(
        metadata=Metadata(name="shop", labels=dict(reversed(tuple(LABELS.items()))))
    )
    ordered = Namespace(metadata=Metadata(name="shop", labels=LABELS))
    one, other = (
        Snapshot(origin="cluster", taken_at="t", namespaces=(each,)) for each in (shuffled, ordered)
    )
    assert pack(one) == pack(other)


def test_the_first_line_says_what_the_file_is() -> None:
    """A person who opens the file sees schema, digest and length in plain text."""
    line, _, body = PACKED.partition(b"\n")
    expected = f"{SCHEMA} sha256={hashlib.sha256(body).hexdigest()} length={len(body)}"
    assert expected == line.decode()


def test_archives_are_told_from_manifests_by_their_beginning() -> None:
    """A snapshot of any version is an archive; YAML, JSON and other compressed files are not."""
    assert is_archive(PACKED[:64])
    assert is_archive(b"netpol-auditor/snapshot/v2 zstd")
    others = (b"", b"apiVersion: v1\n", b'{"kind": "List"}', b"\x1f\x8b\x08", b"netpol-auditor")
    assert [False] * len(others) == [is_archive(each) for each in others]


@given(st.integers(0, len(PACKED) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_never_read(position: int, bit: int) -> None:
    """Wherever the file is damaged, it is refused in one line."""
    damaged = bytearray(PACKED)
    damaged[position] ^= 1 << bit
    with pytest.raises(ArchiveError) as caught:
        unpack(bytes(damaged), name="s")
    assert "\n" not in caught.value.message
    assert caught.value.hint


@given(st.integers(0, len(PACKED) - 1))
def test_a_file_cut_off_is_never_read(length: int) -> None:
    """A copy that ended early is refused, wherever it ended."""
    with pytest.raises(ArchiveError):
        unpack(PACKED[:length], name="s")


@given(st.binary(min_size=1, max_size=30))
def test_foreign_bytes_at_the_end_are_never_read(junk: bytes) -> None:
    """What follows the snapshot is named."""
    with pytest.raises(ArchiveError, match="followed by foreign bytes"):
        unpack(PACKED + junk, name="s")


@given(st.binary(max_size=200))
def test_any_other_file_is_refused(data: bytes) -> None:
    """Arbitrary bytes, and arbitrary bytes behind an honest header, are refused."""
    for each in (data, seal(data), seal(deflate(data))):
        with pytest.raises(ArchiveError):
            unpack(each, name="s")


@pytest.mark.parametrize("line", [f"{SCHEMA[:-1]}2 sha256=x", f"{SCHEMA[:-1]}12"])
def test_a_newer_version_is_called_newer(line: str) -> None:
    """Whatever a newer header holds, the hint is to update."""
    with pytest.raises(ArchiveError, match=r"version 1?2") as caught:
        unpack(line.encode() + b"\n\x00", name="s")
    assert caught.value.hint == "update netpol-auditor"


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is decompressed than the largest snapshot needs."""
    monkeypatch.setattr("auditor.sources.archive._LARGEST_SNAPSHOT", 1000)
    with pytest.raises(ArchiveError, match=r"larger than 1,000 bytes"):
        unpack(seal(deflate(b" " * 1_000_000)), name="s")


def test_a_stream_within_the_body_must_end_with_it() -> None:
    """A header that vouches for more or less than one stream does not help."""
    stream = deflate(b'{"origin":"cluster","takenAt":"t"}')
    for body in (stream + b"x", stream[:-1]):
        with pytest.raises(ArchiveError, match="damaged: its end"):
            unpack(seal(body), name="s")


def test_deep_nesting_is_refused() -> None:
    """A body nested 100,000 deep, where a snapshot has an unknown field, is an error."""
    nested = b'{"origin":"cluster","takenAt":"t","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ArchiveError, match="does not hold a snapshot"):
        unpack(seal(deflate(nested)), name="s")
