"""Which workloads are data stores (databases.yaml)."""

from collections.abc import Mapping

import pytest

from auditor.detection.databases import path_segments
from auditor.detection.recognize import recognize
from auditor.model.objects import Container, ContainerPort, Pod, Reference
from auditor.model.recognition import Database
from auditor.settings import DetectionSettings
from tests.detection.objects import make_pod, make_snapshot

NO_SETTINGS = DetectionSettings()
STORE = Reference("shop", "StatefulSet", "store")


def databases(
    *pods: Pod, settings: DetectionSettings = NO_SETTINGS
) -> Mapping[Reference, Database]:
    """What is recognised in a snapshot of these pods."""
    return recognize(make_snapshot(pods=pods), settings).databases


def engine_of(
    image: str = "acme/app:1", name: str = "main", labels: Mapping[str, str] | None = None
) -> str | None:
    """The engine recognised for a workload of one container."""
    found = databases(make_pod(Container(name=name, image=image), labels=labels)).get(STORE)
    return found.engine if found else None


@pytest.mark.parametrize(
    ("engine", "image"),
    [
        ("PostgreSQL", "postgres:16"),
        ("PostgreSQL", "bitnami/postgresql:17"),
        ("PostgreSQL", "bitnamilegacy/postgresql:16.4.0"),
        ("PostgreSQL", "bitnamisecure/postgresql:latest"),
        ("PostgreSQL", "percona/percona-distribution/postgres-ha"),
        ("PostgreSQL", "postgis/postgis:16-3.4"),
        ("PostgreSQL", "timescale/timescaledb-ha:pg16"),
        ("PostgreSQL", "ghcr.io/zalando/spilo-16:3.3-p1"),
        ("PostgreSQL", "registry.example.com/crunchydata/crunchy-postgres:ubi9-16"),
        ("PostgreSQL", "ghcr.io/cloudnative-pg/postgresql:16.3"),
        ("MySQL", "mysql:8.4"),
        ("MySQL", "mysql/mysql-server:8.0"),
        ("MySQL", "container-registry.oracle.com/mysql/community-server:9.0"),
        ("MySQL", "percona/percona-server:8.0"),
        ("MySQL", "percona/percona-xtradb-cluster:8.0"),
        ("MariaDB", "mariadb:11"),
        ("MariaDB", "bitnami/mariadb-galera:11"),
        ("MongoDB", "mongo:7"),
        ("MongoDB", "bitnami/mongodb:7"),
        ("MongoDB", "quay.io/mongodb/mongodb-community-server:7.0.14-ubi8"),
        ("MongoDB", "percona/percona-server-mongodb:7.0"),
        ("Redis", "redis:7.4"),
        ("Redis", "redis/redis-stack-server:7.4.0"),
        ("Redis", "valkey/valkey:8"),
        ("Redis", "eqalpha/keydb"),
        ("Redis", "docker.dragonflydb.io/dragonflydb/dragonfly:v1.25"),
        ("Elasticsearch", "docker.elastic.co/elasticsearch/elasticsearch:8.15.0"),
        ("OpenSearch", "opensearchproject/opensearch:2"),
        ("Cassandra", "cassandra:5"),
        ("Cassandra", "k8ssandra/cass-management-api:4.1.3"),
        ("Cassandra", "datastax/dse-server:6.8.50"),
        ("ScyllaDB", "scylladb/scylla:6.1"),
        ("ScyllaDB", "scylladb/scylla-enterprise:2024.1"),
        ("CockroachDB", "cockroachdb/cockroach:v24.2.0"),
        ("YugabyteDB", "yugabytedb/yugabyte:2.20"),
        ("TiDB", "pingcap/tidb:v8"),
        ("TiDB", "pingcap/tikv:v8"),
        ("TiDB", "pingcap/pd:v8"),
        ("Vitess", "vitess/lite:v20"),
        ("Vitess", "vitess/vttablet:v20"),
        ("ClickHouse", "clickhouse/clickhouse-server:24.8"),
        ("Kafka", "apache/kafka:3.8.0"),
        ("Kafka", "confluentinc/cp-server:7.7"),
        ("Kafka", "confluentinc/cp-kafka:7.7"),
        ("Kafka", "docker.redpanda.com/redpandadata/redpanda:v24"),
        ("RabbitMQ", "rabbitmq:3.13-management"),
        ("etcd", "registry.k8s.io/etcd:3.5.15-0"),
        ("MinIO", "quay.io/minio/minio:RELEASE.2024-08-29T01-40-52Z"),
        ("Neo4j", "neo4j:5.23-enterprise"),
        ("InfluxDB", "influxdb:2.7"),
        ("SQL Server", "mcr.microsoft.com/mssql/server:2022-latest"),
        ("Oracle Database", "container-registry.oracle.com/database/free:latest"),
        ("Oracle Database", "container-registry.oracle.com/database/express:21"),
        ("Oracle Database", "container-registry.oracle.com/database/enterprise:19"),
        ("Oracle Database", "gvenzl/oracle-free:23"),
        ("Memcached", "memcached:1.6"),
        ("NATS", "nats:2.10"),
        ("Milvus", "milvusdb/milvus:v2.4"),
        ("Qdrant", "qdrant/qdrant:v1.11"),
        ("Weaviate", "cr.weaviate.io/semitechnologies/weaviate:1.26"),
    ],
)
def test_image_names_the_engine(engine: str, image: str) -> None:
    """The last path segments of an image say which engine it runs."""
    assert engine == engine_of(image)


@pytest.mark.parametrize(
    "image",
    [
        "prometheuscommunity/postgres-exporter:v0.15",
        "oliver006/redis_exporter:v1.62",
        "bitnami/valkey-exporter:1",
        "rabbitmqoperator/rabbitmq-cluster-operator:2.9",
        "docker.dragonflydb.io/dragonflydb/dragonfly-operator:v1",
        "acme/influxdb-backup:1",
        "acme/rabbitmq-client:1",
        "acme/neo4j-ui:1",
        "acme/neo4j-admin:5",
        "acme/vitess-proxy:1",
        "acme/yugabyte-init:1",
        "acme/timescaledb-migrate:1",
        "acme/spilo.controller:1",
        "acme/keydb-agent:1",
    ],
)
def test_helper_image_is_no_database(image: str) -> None:
    """An exporter, operator, backup, client, ui, admin, proxy… of an engine holds no data."""
    assert engine_of(image) is None


@pytest.mark.parametrize(
    "image",
    [
        "httpd:2.4",
        "library/mongo-express:1",
        "dpage/pgadmin4:8",
        "provectuslabs/kafka-ui:latest",
        "rediscommander/redis-commander:latest",
        "minio/mc:latest",
        "mysql/mysql-router:8.0",
        "natsio/nats-box:0.14",
        "opensearchproject/opensearch-dashboards:2",
        "mysql/app:1",
        "dragonflyoss/manager:v2",
        "acme/server:mssql",
        "mssql:5000/server",
        "acme/web:postgres",
        "acme/web@sha256:mysql",
        "free:1",
    ],
)
def test_similar_image_is_no_database(image: str) -> None:
    """Only whole last segments count: no tag, no registry, no folder and no part of a word."""
    assert engine_of(image) is None


@pytest.mark.parametrize(
    ("segments", "image"),
    [
        (("mysql",), "mysql"),
        (("mysql",), "mysql:8.4"),
        (("library", "mysql"), "docker.io/library/mysql:8.4"),
        (("mysql",), "registry:5000/mysql"),
        (("a", "b", "mysql"), "localhost/a/b/MySQL:8@sha256:00ff"),
        (("mysql",), "registry.example.com:443/mysql@sha256:00ff"),
        (("bitnami", "mysql"), "bitnami/mysql"),
    ],
)
def test_registry_tag_and_digest_are_removed(segments: tuple[str, ...], image: str) -> None:
    """An image is compared by its path alone."""
    assert segments == path_segments(image)


@pytest.mark.parametrize(
    ("engine", "labels"),
    [
        ("PostgreSQL", {"cnpg.io/cluster": "pg"}),
        ("PostgreSQL", {"application": "spilo", "spilo-role": "master", "cluster-name": "pg"}),
        ("PostgreSQL", {"postgres-operator.crunchydata.com/cluster": "pg"}),
        ("MySQL", {"mysql.oracle.com/cluster": "my"}),
        (
            "MySQL",
            {
                "app.kubernetes.io/name": "percona-xtradb-cluster",
                "app.kubernetes.io/component": "pxc",
            },
        ),
        (
            "MongoDB",
            {
                "app.kubernetes.io/name": "percona-server-mongodb",
                "app.kubernetes.io/component": "mongod",
            },
        ),
        ("Elasticsearch", {"common.k8s.elastic.co/type": "elasticsearch"}),
        ("OpenSearch", {"opster.io/opensearch-cluster": "os"}),
        ("Cassandra", {"cassandra.datastax.com/cluster": "c"}),
        ("ScyllaDB", {"scylla/cluster": "s"}),
        ("YugabyteDB", {"app": "yb-tserver"}),
        ("TiDB", {"app.kubernetes.io/component": "tikv"}),
        ("Vitess", {"planetscale.com/component": "vttablet"}),
        ("ClickHouse", {"clickhouse.altinity.com/chi": "ch"}),
        ("Kafka", {"strimzi.io/cluster": "k", "strimzi.io/kind": "Kafka"}),
        ("etcd", {"component": "etcd"}),
        ("MinIO", {"v1.min.io/tenant": "m"}),
        ("InfluxDB", {"app.kubernetes.io/name": "influxdb2"}),
        ("Memcached", {"app.kubernetes.io/name": "memcached"}),
        ("NATS", {"app.kubernetes.io/name": "nats"}),
        ("Qdrant", {"app.kubernetes.io/name": "qdrant"}),
        ("Weaviate", {"app.kubernetes.io/name": "weaviate"}),
    ],
)
def test_label_names_the_engine(engine: str, labels: dict[str, str]) -> None:
    """An operator's or chart's label is enough where the image says nothing."""
    assert engine == engine_of(labels=labels)


@pytest.mark.parametrize(
    "labels",
    [
        {"application": "spilo"},
        {"strimzi.io/cluster": "k", "strimzi.io/kind": "KafkaConnect"},
        {"strimzi.io/kind": "Kafka"},
        {"common.k8s.elastic.co/type": "kibana"},
        {"app.kubernetes.io/name": "percona-xtradb-cluster"},
        {"app.kubernetes.io/name": "memcached-exporter"},
        {"component": "kube-apiserver"},
        {"app": "mysql"},
    ],
)
def test_part_of_the_labels_is_not_enough(labels: dict[str, str]) -> None:
    """All labels of an entry must be there, with their values."""
    assert engine_of(labels=labels) is None


@pytest.mark.parametrize(
    ("labels", "image", "name"),
    [
        (
            {"strimzi.io/cluster": "k", "strimzi.io/kind": "Kafka"},
            "quay.io/strimzi/kafka:0.45.0-kafka-3.9.0",
            "k-kafka-exporter",
        ),
        (
            {"strimzi.io/cluster": "k", "strimzi.io/kind": "Kafka"},
            "quay.io/strimzi/kafka:0.45.0-kafka-3.9.0",
            "cruise-control",
        ),
        (
            {"strimzi.io/cluster": "k", "strimzi.io/kind": "Kafka"},
            "quay.io/strimzi/operator:0.45.0",
            "topic-operator",
        ),
        ({"app.kubernetes.io/name": "nats"}, "natsio/nats-box:0.14.5", "nats-box"),
        ({"mysql.oracle.com/cluster": "m"}, "mysql/community-router:9.0", "router"),
        ({"app.kubernetes.io/name": "memcached"}, "prom/memcached-exporter:v0.14", "metrics"),
    ],
)
def test_helper_with_the_products_label_is_no_database(
    labels: dict[str, str], image: str, name: str
) -> None:
    """Where a label marks a whole product, its helpers are told by image and container name."""
    assert engine_of(image, name, labels) is None


def test_label_of_data_pods_outweighs_the_image() -> None:
    """A label that only data pods have needs no image: Percona's PostgreSQL is in `…-operator`."""
    assert "PostgreSQL" == engine_of(
        "percona/percona-postgresql-operator:2.5.0-ppg16.4-postgres",
        "database",
        {"postgres-operator.crunchydata.com/data": "postgres"},
    )


def test_container_named_after_its_client_is_a_database() -> None:
    """Only the last word of a container's name tells a helper: `admin-db` is a database."""
    assert "MySQL" == engine_of("mysql:8.4", "admin-db")


def test_engines_own_image_as_client_is_no_database() -> None:
    """A container `db-backup` that runs the engine's own image dumps, and serves nobody."""
    assert engine_of("mysql:8.4", "db-backup") is None


def test_evidence_and_ports_are_stated() -> None:
    """A database carries the engine, its usual ports, and what it was recognised by."""
    pod = make_pod(Container(name="db", image="mysql:8.4"), Container(name="log", image="fluent"))
    expected = Database(
        engine="MySQL", ports=(3306, 33060, 4567), evidence=("image mysql:8.4 (container db)",)
    )
    assert {STORE: expected} == databases(pod)


def test_label_comes_before_image_in_the_evidence() -> None:
    """The label is the stronger evidence, and is stated first; pods that agree say it once."""
    container = Container(name="postgres", image="ghcr.io/cloudnative-pg/postgresql:16")
    labels = {"cnpg.io/cluster": "pg"}
    pods = (
        make_pod(container, name="store-0", labels=labels),
        make_pod(container, name="store-1", labels=labels),
    )
    expected = (
        "label cnpg.io/cluster=pg",
        "image ghcr.io/cloudnative-pg/postgresql:16 (container postgres)",
    )
    assert expected == databases(*pods)[STORE].evidence


def test_several_engines_are_all_named() -> None:
    """A workload that runs two engines has the names and the ports of both."""
    pod = make_pod(
        Container(name="db", image="postgres:16"), Container(name="cache", image="redis:7")
    )
    found = databases(pod)[STORE]
    assert "PostgreSQL and Redis" == found.engine
    assert (5432, 6432, 6379, 16379, 26379) == found.ports


def test_port_alone_is_no_evidence() -> None:
    """A workload that listens on an engine's port is no database for that."""
    port = ContainerPort(container_port=5432, name="postgresql")
    assert {} == databases(make_pod(Container(name="app", image="acme/app", ports=(port,))))


@pytest.mark.parametrize("restart_policy", ["", "Always"])
def test_init_container_is_no_evidence(restart_policy: str) -> None:
    """What an init container runs, sidecar or not, makes its pod no database."""
    init = Container(name="wait", image="postgres:16", restart_policy=restart_policy)
    app = Container(name="app", image="acme/app")
    assert {} == databases(make_pod(app, init_containers=(init,)))


@pytest.mark.parametrize("owner", [("Job", "dump"), ("Job", "dump-29000000")])
def test_job_is_no_database(owner: tuple[str, str]) -> None:
    """A Job or CronJob that runs an engine's image dumps or restores, and serves nobody."""
    assert {} == databases(make_pod(Container(name="dump", image="mysql:8.4"), owner=owner))


def test_finished_pod_is_no_database() -> None:
    """A pod that has ended is no endpoint, and so no database."""
    assert {} == databases(make_pod(Container(name="db", image="mysql:8.4"), phase="Succeeded"))


def test_bare_pod_is_its_own_workload() -> None:
    """A database that nobody owns is found under its own name."""
    pod = make_pod(Container(name="db", image="mysql"), name="db", owner=None)
    assert [Reference("shop", "Pod", "db")] == list(databases(pod))


def test_settings_add_a_pattern() -> None:
    """A pattern of the settings recognises the user's own engine, wherever it is found."""
    settings = DetectionSettings(databases={"ledger": "LedgerDB"})
    pod = make_pod(Container(name="main", image="registry.example.com/acme/acme-ledger:3"))
    evidence = (
        "image registry.example.com/acme/acme-ledger:3 (container main), declared in the settings"
    )
    expected = Database(engine="LedgerDB", ports=(), evidence=(evidence,))
    assert {STORE: expected} == databases(pod, settings=settings)


def test_settings_override_the_helpers() -> None:
    """What the settings declare is no helper, and a known engine brings its ports."""
    settings = DetectionSettings(databases={"^postgres-proxy$": "postgresql"})
    pod = make_pod(Container(name="main", image="acme/postgres-proxy:1"))
    found = databases(pod, settings=settings)[STORE]
    assert ("PostgreSQL", (5432, 6432)) == (found.engine, found.ports)


def test_settings_pattern_reads_the_last_segment() -> None:
    """A pattern of the settings does not look at the folder or the tag."""
    settings = DetectionSettings(databases={"ledger": "LedgerDB"})
    pod = make_pod(Container(name="main", image="ledger/app:ledger"))
    assert {} == databases(pod, settings=settings)
