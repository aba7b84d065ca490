"""Which environment a namespace belongs to (environments.yaml)."""

from collections.abc import Mapping

import pytest

from auditor.detection.recognize import recognize
from auditor.model.recognition import Environment
from auditor.settings import DataFile, DetectionSettings
from tests.detection.objects import make_namespace, make_snapshot

NO_SETTINGS = DetectionSettings()


def environment(
    name: str,
    labels: Mapping[str, str] | None = None,
    settings: DetectionSettings = NO_SETTINGS,
) -> Environment | None:
    """The environment recognised for one namespace."""
    snapshot = make_snapshot(namespaces=[make_namespace(name, labels)])
    return recognize(snapshot, settings).environments.get(name)


def environment_name(name: str, labels: Mapping[str, str] | None = None) -> str | None:
    """The environment's name, of a namespace that has one, and no contradiction."""
    found = environment(name, labels)
    assert found is None or found.name is not None
    return found.name if found else None


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ("prod", ("prod", "prd", "production", "live", "dr")),
        ("staging", ("stage", "stg", "staging", "uat", "preprod", "pre-prod", "ppe")),
        ("test", ("test", "tst", "qa", "int", "sit", "e2e", "ci")),
        ("dev", ("dev", "development", "sandbox", "sbx", "preview", "pr-17", "local")),
        ("nonprod", ("nonprod", "non-prod")),
    ],
)
def test_words_name_the_environment(expected: str, words: tuple[str, ...]) -> None:
    """Each word counts in a label, as a name, and as a part of a name by any separator."""
    for word in words:
        assert expected == environment_name("shop", {"environment": word})
        assert expected == environment_name(word)
        assert expected == environment_name(f"shop-{word}")
        assert expected == environment_name(f"{word}-shop")
        assert expected == environment_name("shop", {"environment": f"eu.{word}_1"})


def test_case_does_not_matter() -> None:
    """A label may be written in capitals."""
    assert "prod" == environment_name("shop", {"environment": "PROD"})


def test_number_may_follow_a_word() -> None:
    """`prod2` is prod, and `2prod` is nothing."""
    assert "prod" == environment_name("shop-prod2")
    assert environment_name("shop-2prod") is None


@pytest.mark.parametrize("word", ["preprod", "pre-prod", "nonprod", "non-prod", "pre-production"])
def test_negated_prod_is_not_production(word: str) -> None:
    """The longer word is read first: pre-prod and non-prod are not production."""
    found = environment(f"shop-{word}")
    assert found is not None
    assert not found.production


@pytest.mark.parametrize(
    "trap",
    [
        "product-catalog",
        "production-planning",
        "producer",
        "reproduce",
        "devops",
        "developer-portal",
        "device",
        "latest",
        "contest",
        "attest",
        "testimonials",
        "staging-area",
        "interface",
        "integration",
        "livekit",
        "delivery",
        "olive",
        "alive",
        "qatar",
        "prometheus",
        "pr-review",
    ],
)
def test_trap_names_no_environment(trap: str) -> None:
    """A word inside a word, or a known phrase, is no environment."""
    assert environment(trap) is None
    assert environment(f"shop-{trap}") is None
    assert environment("shop", {"env": trap}) is None


def test_trap_leaves_the_rest_of_the_name() -> None:
    """A phrase that is ignored hides no word beside it."""
    assert "prod" == environment_name("staging-area-prod")
    assert "dev" == environment_name("production-planning-dev")


@pytest.mark.parametrize(
    "key",
    [
        "environment",
        "env",
        "app.kubernetes.io/environment",
        "stage",
        "acme.example/env",
        "acme.example/environment",
        "deployment-environment",
        "tier",
        "release",
    ],
)
def test_label_keys(key: str) -> None:
    """Each of these keys names the environment."""
    assert "prod" == environment_name("shop", {key: "prod"})


@pytest.mark.parametrize("key", ["acme.example/envoy", "myenv", "team", "name"])
def test_other_keys_say_nothing(key: str) -> None:
    """A label of another key names no environment."""
    assert environment("shop", {key: "prod"}) is None


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ("environment", "env"),
        ("env", "app.kubernetes.io/environment"),
        ("app.kubernetes.io/environment", "stage"),
        ("stage", "acme.example/env"),
        ("acme.example/env", "deployment-environment"),
        ("deployment-environment", "tier"),
        ("tier", "release"),
    ],
)
def test_stronger_key_decides(stronger: str, weaker: str) -> None:
    """Of two keys the one earlier in the order decides."""
    assert "dev" == environment_name("shop", {weaker: "prod", stronger: "dev"})


@pytest.mark.parametrize("value", ["frontend", "backend", "blue"])
def test_value_that_names_none_is_passed_over(value: str) -> None:
    """A key whose value is no environment leaves the word to the next, and to the name."""
    assert "test" == environment_name("shop", {"env": value, "tier": value, "release": "shop-test"})
    assert "test" == environment_name("shop-test", {"env": value})


def test_keys_of_equal_rank_that_differ_are_ambiguous() -> None:
    """Two organisations' labels that contradict each other leave no name."""
    expected = Environment(
        name=None,
        production=True,
        evidence=("label a.example/env=dev", "label b.example/env=prod"),
    )
    assert expected == environment("shop", {"b.example/env": "prod", "a.example/env": "dev"})


def test_evidence_is_stated() -> None:
    """The evidence names the label and its value, and the word in the name."""
    expected = Environment(
        name="prod", production=True, evidence=("label env=prd", "name shop-prod (prod)")
    )
    assert expected == environment("shop-prod", {"env": "prd"})


def test_conflicting_words_are_ambiguous() -> None:
    """A name of two environments is neither, and counts as production if one of them is."""
    expected = Environment(name=None, production=True, evidence=("name dev-to-prod (dev, prod)",))
    assert expected == environment("dev-to-prod")


def test_label_that_contradicts_the_name_is_ambiguous() -> None:
    """A label and a clear name that differ leave no name, and both are evidence."""
    expected = Environment(
        name=None, production=True, evidence=("label env=dev", "name shop-prod (prod)")
    )
    assert expected == environment("shop-prod", {"env": "dev"})


def test_label_beats_a_name_of_several() -> None:
    """Where the name alone contradicts itself, the label says which it is."""
    found = environment("dev-to-prod", {"env": "dev"})
    assert found is not None
    assert ("dev", False) == (found.name, found.production)


def test_exact_word_replaces_nonprod() -> None:
    """`nonprod` only says what it is not: a non-production word beside it is the name."""
    assert "dev" == environment_name("nonprod-dev")
    assert "test" == environment_name("shop-test", {"env": "nonprod"})
    assert "test" == environment_name("shop-nonprod", {"env": "test"})


def test_nonprod_contradicts_prod() -> None:
    """`nonprod` and `prod` together are ambiguous."""
    found = environment("nonprod-shop", {"env": "prod"})
    assert found is not None
    assert (None, True) == (found.name, found.production)


def test_disaster_recovery_is_production() -> None:
    """`dr` counts as prod, and contradicts it nowhere."""
    assert "prod" == environment_name("shop-prod-dr")


@pytest.mark.parametrize("name", ["kube-test", "openshift-dev", "cattle-prod-system"])
def test_name_of_a_system_namespace_says_nothing(name: str) -> None:
    """A system namespace has no environment by its name, only by a label."""
    assert environment(name) is None
    assert "prod" == environment_name(name, {"env": "prod"})


def test_namespace_without_evidence_is_absent() -> None:
    """A namespace that nothing says anything of is not in the mapping."""
    assert environment("shop") is None


def test_settings_come_first() -> None:
    """What the settings declare beats label and name."""
    settings = DetectionSettings(environments={"shop-prod": "test"})
    expected = Environment(name="test", production=False, evidence=("settings",))
    assert expected == environment("shop-prod", {"env": "prod"}, settings)


@pytest.mark.parametrize(
    ("declared", "name", "production"),
    [
        ("prod", "prod", True),
        ("Production", "prod", True),
        ("pre_prod", "staging", False),
        ("perf", "perf", False),
        ("prod-eu", "prod-eu", True),
    ],
)
def test_settings_may_name_their_own(declared: str, name: str, production: bool) -> None:  # noqa: FBT001
    """A known word becomes its environment; another name stays, production if it says so."""
    settings = DetectionSettings(environments={"shop": declared})
    found = environment("shop", settings=settings)
    assert found is not None
    assert (name, production) == (found.name, found.production)


@pytest.mark.parametrize(
    ("namespace", "expected"), [("shop-blue", "test"), ("shop-a", "prod"), ("team-shop-a", None)]
)
def test_settings_may_give_a_glob(namespace: str, expected: str | None) -> None:
    """A namespace's own name goes before a glob, and the first glob before a later one."""
    settings = DetectionSettings(
        environments={"shop-*": "prod", "shop-a*": "staging", "shop-blue": "test"}
    )
    found = environment(namespace, settings=settings)
    assert expected == (found.name if found else None)


def test_label_of_our_own_is_the_strongest() -> None:
    """The label that is meant for this tool goes before any other, and not before the settings."""
    labels = {"netpol-auditor.io/environment": "staging", "environment": "prod"}
    found = environment("shop", labels)
    assert found is not None
    assert ("staging", ("label netpol-auditor.io/environment=staging",)) == (
        found.name,
        found.evidence,
    )


def test_label_of_our_own_can_contradict_the_name() -> None:
    """A namespace that is called production and declared as something else is ambiguous."""
    found = environment("shop-prod", {"netpol-auditor.io/environment": "dev"})
    assert found is not None
    assert (None, True) == (found.name, found.production)


def test_data_of_the_settings_is_used() -> None:
    """A word of a data file names its environment, in production where it says so."""
    text = "environments: [{name: live-eu, values: [euw], production: true}]"
    settings = DetectionSettings(data=(DataFile("mine.yaml", text),))
    found = environment("shop-euw", settings=settings)
    assert found is not None
    assert ("live-eu", True) == (found.name, found.production)
