"""Databases that people declare, and evidence that contradicts itself."""

from collections.abc import Mapping

import pytest

from auditor.detection.declared import DATABASE_LABEL
from auditor.detection.recognize import recognize, retention
from auditor.model.objects import Container, Pod, Reference
from auditor.model.recognition import Database
from auditor.settings import DataFile, DetectionSettings
from tests.detection.objects import make_agent, make_pod, make_snapshot

STORE = Reference("shop", "StatefulSet", "store")
NO_SETTINGS = DetectionSettings()
POSTGRES = Container(name="db", image="postgres:16")
MYSQL = Container(name="db", image="mysql:8")
APP = Container(name="app", image="acme/app:1")
OPERATED = {"postgres-operator.crunchydata.com/data": "postgres"}


def found(pod: Pod, settings: DetectionSettings = NO_SETTINGS) -> Database | None:
    """What the pod's workload is recognised as."""
    return next(iter(recognize(make_snapshot(pods=[pod]), settings).databases.values()), None)


def declare(**workloads: str) -> DetectionSettings:
    """Settings that declare one workload: `engine=key`."""
    return DetectionSettings(workloads={key: engine for engine, key in workloads.items()})


@pytest.mark.parametrize(
    ("value", "engine", "ports"),
    [
        ("PostgreSQL", "PostgreSQL", (5432, 6432)),
        ("postgresql", "PostgreSQL", (5432, 6432)),
        ("sql-server", "SQL Server", (1433,)),
        ("SQL_Server", "SQL Server", (1433,)),
        ("ledger", "ledger", ()),
        ("", "database", ()),
    ],
)
def test_label_declares_a_database(value: str, engine: str, ports: tuple[int, ...]) -> None:
    """A known engine, however spelled, brings its ports; another is taken as it is given."""
    expected = Database(engine=engine, ports=ports, evidence=(f"label {DATABASE_LABEL}={value}",))
    assert expected == found(make_pod(APP, labels={DATABASE_LABEL: value}))


@pytest.mark.parametrize(("container", "engine"), [(POSTGRES, "PostgreSQL"), (APP, None)])
def test_label_hides_no_database(container: Container, engine: str | None) -> None:
    """`none` has no effect: whoever may label a pod must not hide it."""
    one = found(make_pod(container, labels={DATABASE_LABEL: "none"}))
    assert engine == (one.engine if one else None)


@pytest.mark.parametrize("key", ["shop/StatefulSet/store", "shop/*/sto*", "*/*/*"])
def test_settings_declare_a_workload(key: str) -> None:
    """The engine is the settings' to say, whatever label and image say."""
    pod = make_pod(MYSQL, labels={DATABASE_LABEL: "redis"})
    expected = Database(
        engine="PostgreSQL", ports=(5432, 6432), evidence=(f"settings: workloads {key}",)
    )
    assert expected == found(pod, declare(postgresql=key))


def test_settings_may_declare_an_engine_of_their_own() -> None:
    """An engine that the data does not know has no usual ports."""
    one = found(make_pod(APP), declare(Ledger="shop/StatefulSet/store"))
    assert one is not None
    assert ("Ledger", ()) == (one.engine, one.ports)


@pytest.mark.parametrize("key", ["shop/StatefulSet/st", "shop/Deployment/store", "shop2/*/*"])
def test_settings_for_another_workload_say_nothing(key: str) -> None:
    """A key matches the whole of namespace, kind and name."""
    assert found(make_pod(APP), declare(ledger=key)) is None


@pytest.mark.parametrize("labels", [{}, {DATABASE_LABEL: "postgresql"}, OPERATED])
def test_settings_may_say_that_a_workload_is_no_database(labels: Mapping[str, str]) -> None:
    """`none` goes before image and labels, of our own too."""
    pod = make_pod(POSTGRES, labels=labels)
    assert found(pod) is not None
    assert found(pod, declare(none="shop/*/store")) is None


def test_a_workloads_own_key_goes_before_a_glob() -> None:
    """All of a namespace can be left out but for one."""
    settings = DetectionSettings(
        workloads={"shop/*/*": "none", "shop/StatefulSet/store": "Redis", "*/*/store": "MySQL"}
    )
    one = found(make_pod(POSTGRES), settings)
    assert one is not None
    assert "Redis" == one.engine


def test_settings_may_declare_a_job() -> None:
    """What runs to its end is no database, unless the settings say so of it by name."""
    pod = make_pod(POSTGRES, owner=("Job", "dump"))
    assert found(pod) is None
    assert found(pod, declare(postgresql="shop/Job/dump")) is not None


@pytest.mark.parametrize(
    ("labels", "containers", "engine"),
    [
        (OPERATED, (MYSQL,), "PostgreSQL or MySQL"),
        ({DATABASE_LABEL: "redis"}, (MYSQL,), "Redis or MySQL"),
        ({DATABASE_LABEL: "redis"}, (MYSQL, APP), "Redis or MySQL"),
        ({DATABASE_LABEL: "redis", **OPERATED}, (APP,), "Redis or PostgreSQL"),
        (
            {DATABASE_LABEL: "redis", **OPERATED},
            (POSTGRES,),
            "Redis or PostgreSQL",
        ),
    ],
)
def test_label_that_no_image_bears_out_is_ambiguous(
    labels: Mapping[str, str], containers: tuple[Container, ...], engine: str
) -> None:
    """Where label and image, or two labels, name different engines, all are named."""
    one = found(make_pod(*containers, labels=labels))
    assert one is not None
    assert (engine, True) == (one.engine, one.ambiguous)
    assert len(one.evidence) == len(labels) + sum(c is not APP for c in containers)


def test_ambiguous_database_has_the_ports_of_all() -> None:
    """Whichever it is, its usual ports are among them."""
    one = found(make_pod(MYSQL, labels=OPERATED))
    assert one is not None
    assert {5432, 3306} <= set(one.ports)


@pytest.mark.parametrize(
    ("labels", "containers"),
    [
        ({}, (POSTGRES, Container(name="cache", image="redis:7"))),
        (OPERATED, (POSTGRES, Container(name="cache", image="redis:7"))),
        (OPERATED, (POSTGRES,)),
        (OPERATED, (APP,)),
        ({DATABASE_LABEL: "postgresql", **OPERATED}, (APP,)),
    ],
)
def test_evidence_that_agrees_is_not_ambiguous(
    labels: Mapping[str, str], containers: tuple[Container, ...]
) -> None:
    """Containers may each run their own engine; a label is borne out by any image."""
    one = found(make_pod(*containers, labels=labels))
    assert one is not None
    assert not one.ambiguous


def test_pods_of_one_workload_may_differ() -> None:
    """A rollout from one engine to another contradicts nothing: both run."""
    pods = [make_pod(POSTGRES, name="store-0"), make_pod(MYSQL, name="store-1")]
    one = recognize(make_snapshot(pods=pods)).databases[STORE]
    assert ("PostgreSQL and MySQL", False) == (one.engine, one.ambiguous)


DATA = """
engines:
  - name: Ledger
    images: [ledger-.*]
    ports: [7000]
    labels: [{match: {app: ledger}, marks: data}]
dns: [{app: my-dns}]
system_namespaces: [net]
config_maps: [{namespace: net, name: acme-config, keys: [enforce]}]
policy_kinds: [{group: acme.example, kind: Wall, plural: walls, namespaced: true}]
cnis:
  - name: AcmeNet
    daemon_sets: [acme]
    enforces: true
    flag: {name: --policies, default: "on", on: ["on"], off: ["off"], remedy: turn it on}
    config_map:
      name: acme-config
      keys: [{key: enforce, default: "yes", on: ["yes"], off: ["no"], remedy: set it}]
"""
WITH_DATA = DetectionSettings(data=(DataFile("mine.yaml", DATA),))


def test_data_of_the_settings_recognises_an_engine() -> None:
    """By its image and by its label, with its ports."""
    by_image = found(make_pod(Container(name="a", image="acme/ledger-db:1")), WITH_DATA)
    by_label = found(make_pod(APP, labels={"app": "ledger"}), WITH_DATA)
    assert by_image is not None
    assert by_label is not None
    assert ("Ledger", (7000,)) == (by_image.engine, by_image.ports)
    assert ("label app=ledger",) == by_label.evidence


def test_data_of_the_settings_recognises_dns_and_the_cni() -> None:
    """DNS and agents in a namespace that the data calls a system namespace."""
    dns = make_pod(APP, namespace="net", labels={"app": "my-dns"}, owner=("Deployment", "dns"))
    snapshot = make_snapshot(pods=[dns], agents=[make_agent("acme", namespace="net")])
    recognition = recognize(snapshot, WITH_DATA)
    assert (Reference("net", "Deployment", "dns"),) == recognition.dns
    assert ({"app": "my-dns"},) == recognition.dns_pod_labels
    assert ("AcmeNet", True) == (recognition.cni.name, recognition.cni.enforces)
    assert recognize(snapshot).cni.name is None


def test_data_of_the_settings_says_what_to_keep() -> None:
    """The sources are asked for the flags, keys and kinds that the user's data names."""
    kept = retention(WITH_DATA)
    assert ("acme", ("--policies",)) in {(one.daemon_set, one.flags) for one in kept.agents}
    assert ("net", "acme-config") in {(one.namespace, one.name) for one in kept.config_maps}
    assert "Wall" in {one.kind for one in kept.policy_kinds}
