"""Which API server to ask, and as whom: kubeconfig, context, service account, impersonation."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from auditor.errors import AuditorError, ClusterError, UnknownNameError, UsageError
from auditor.settings import ClusterAccess
from auditor.sources.wording import one_line

if TYPE_CHECKING:
    from kubernetes.client import Configuration

_DEFAULT_PATH = "~/.kube/config"
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SHOWS_ENTRIES = "Invalid kube-config file."
"""So begins the client's message where it goes on with the entry at fault, credentials included."""
_SERVICE_HOST = "KUBERNETES_SERVICE_HOST"

Headers = tuple[tuple[str, str], ...]
"""HTTP headers; a name may occur several times."""


class Target(NamedTuple):
    """An API server and an identity on it. Cluster and namespace are the context's, if known.

    ``context`` is the kubeconfig's that was chosen; None: a pod's own service account.
    """

    configuration: Configuration
    impersonation: Headers
    cluster: str | None
    namespace: str | None
    context: str | None = None


class _Chosen(NamedTuple):
    """The files as merged, and of them the context, its fields and those of its user."""

    merger: Any
    name: str
    context: Mapping[str, Any]
    user: Mapping[str, Any]


def find_target(access: ClusterAccess) -> Target:
    """Resolve the access as kubectl does.

    The flag's kubeconfig comes before those that ``KUBECONFIG`` lists, these before
    ``~/.kube/config``, and where none of them is named or exists, a pod's own service account.

    Raises:
        UsageError: a kubeconfig that was named does not exist or is malformed, the context or its
            user is unknown, or groups are impersonated without a user.
        ClusterError: there is no kubeconfig, or a plugin or provider gives no credentials.
    """
    if access.as_groups and not access.as_user:
        raise UsageError("a group is impersonated without a user", hint="add --as USER")
    paths = _find_kubeconfig(access)
    if paths is None:
        return _from_service_account(access)
    with _telling_what_is_wrong(paths, UsageError):
        chosen = _choose(paths, access.context)
        # What a plugin or an identity provider does not give is not the kubeconfig's fault.
        failure = ClusterError if {"exec", "auth-provider"} & chosen.user.keys() else UsageError
    with _telling_what_is_wrong(paths, failure):
        return _from_kubeconfig(chosen, paths, access)


@contextmanager
def _telling_what_is_wrong(paths: str, failure: type[AuditorError]) -> Iterator[None]:
    try:
        yield
    except AuditorError:
        raise
    except Exception as error:
        # The client's loader trusts the file's structure: any exception of it means a file that
        # is malformed, names missing files, or cannot be read.
        raise failure(
            f"kubeconfig {paths} cannot be used: {_describe(error)}",
            hint="`kubectl config view` shows what kubectl makes of it",
        ) from error


def _find_kubeconfig(access: ClusterAccess) -> str | None:
    """The kubeconfig's path, or several joined as in ``KUBECONFIG``; None where there is none."""
    if access.kubeconfig is not None:
        if not Path(access.kubeconfig).expanduser().is_file():
            raise UsageError(
                f"kubeconfig {access.kubeconfig} does not exist or is no file",
                hint="name an existing file with --kubeconfig",
            )
        return access.kubeconfig
    listed = [path for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    if listed:
        existing = [path for path in listed if Path(path).expanduser().is_file()]
        if not existing:
            raise UsageError(
                f"KUBECONFIG names no existing file: {os.pathsep.join(listed)}",
                hint="correct KUBECONFIG, unset it, or name a file with --kubeconfig",
            )
        return os.pathsep.join(existing)
    return _DEFAULT_PATH if Path(_DEFAULT_PATH).expanduser().is_file() else None


def _from_service_account(access: ClusterAccess) -> Target:
    from kubernetes import config
    from kubernetes.client import Configuration

    if not os.environ.get(_SERVICE_HOST):
        raise ClusterError(
            "no kubeconfig is found, and this is no pod of a cluster",
            hint="name a kubeconfig with --kubeconfig, or manifests with -f",
        )
    if access.context is not None:
        raise UsageError(
            f"context {access.context} is unknown: there is no kubeconfig",
            hint="name a kubeconfig with --kubeconfig, or leave --context out",
        )
    configuration = Configuration()
    client: Any = config  # it is not typed
    try:
        client.load_incluster_config(client_configuration=configuration)
        namespace = (_SERVICE_ACCOUNT / "namespace").read_text().strip()
    except (config.ConfigException, OSError) as error:
        raise ClusterError(
            f"service account of this pod cannot be used: {_first_line(error)}",
            hint="the pod needs automountServiceAccountToken: true",
        ) from error
    impersonation = _impersonation(access, {})
    return Target(configuration, impersonation, cluster=None, namespace=namespace or None)


def _choose(paths: str, wanted: str | None) -> _Chosen:
    """Read the kubeconfig, and take its context, with the cluster and the user that it names."""
    from kubernetes.config import kube_config

    client: Any = kube_config  # it is not typed
    merger = client.KubeConfigMerger(paths)
    if merger.config is None:
        raise UsageError(f"kubeconfig {paths} is empty", hint="name another with --kubeconfig")
    _drop_nulls(merger.config)
    name = _choose_context(merger, paths, wanted)
    context = _entry(merger.config, "contexts", name).get("context") or {}
    cluster = _entry(merger.config, "clusters", context.get("cluster")).get("cluster") or {}
    if not _is_url(cluster.get("server")):
        raise UsageError(
            f"context {name} of kubeconfig {paths} has no cluster with the URL of a server",
            hint="`kubectl config get-contexts` lists contexts and their clusters",
        )
    user, users = context.get("user"), _names(merger.config, "users")
    if isinstance(user, dict | list):
        raise TypeError("a user is named by text")
    if user and str(user) not in users:
        # kubectl asks for a name and a password then, and goes on as nobody.
        raise UnknownNameError(
            f"user {user} of context {name} is unknown in kubeconfig {paths}",
            hint=_suggest(str(user), users, "user"),
        )
    return _Chosen(merger, name, context, _entry(merger.config, "users", user).get("user") or {})


def _drop_nulls(config: Any) -> None:
    """Take null for absent in clusters, contexts and users, as kubectl does; the client does not.

    The entries are copied: what was read is compared with what is written back.
    """
    for section in ("clusters", "contexts", "users"):
        for one in config.value[section]:
            one.value = {
                key: {name: field for name, field in value.items() if field is not None}
                if isinstance(value, dict)
                else value
                for key, value in one.value.items()
            }


def _is_url(text: object) -> bool:
    if not isinstance(text, str) or not text.startswith(("https://", "http://")):
        return False
    try:
        url = urlsplit(text)
        return bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _from_kubeconfig(chosen: _Chosen, paths: str, access: ClusterAccess) -> Target:
    from kubernetes.client import Configuration
    from kubernetes.config import kube_config

    client: Any = kube_config  # it is not typed
    merger, user = chosen.merger, chosen.user
    # A refreshed OIDC token is written back, as kubectl does: the token before it is void.
    loader = client.KubeConfigLoader(
        merger.config,
        active_context=chosen.name,
        config_persister=merger.save_changes,
        config_base_path=None,
    )
    configuration = Configuration()
    with _logged_errors() as logged:
        loader.load_and_set(configuration)
    if "exec" in user and not (configuration.api_key or configuration.cert_file):
        plugin = user["exec"].get("command", "without a command")
        reason = f": {_first_line(logged[-1])}" if logged else ""
        advice = user["exec"].get("installHint")
        raise ClusterError(
            f"credential plugin {plugin} of kubeconfig {paths} gave no credentials{reason}",
            hint=_first_line(str(advice))
            if advice
            else "install the plugin, or use a context with a token",
        )
    return Target(
        configuration,
        _impersonation(access, user),
        cluster=chosen.context["cluster"],
        namespace=chosen.context.get("namespace") or None,
        context=chosen.name,
    )


def _choose_context(merger: Any, paths: str, wanted: str | None) -> str:
    """The context that is wanted, else the first ``current-context`` of the files."""
    names = _names(merger.config, "contexts")
    # The client's merger takes the last file's, kubectl the first's.
    currents = (one.get("current-context") for one in merger.config_files.values())
    name = wanted if wanted is not None else next((str(one) for one in currents if one), None)
    if name is None:
        raise UsageError(
            f"kubeconfig {paths} has no current context", hint="name one with --context"
        )
    if name not in names:
        raise UnknownNameError(
            f"context {name} is unknown in kubeconfig {paths}",
            hint=_suggest(name, names, "context"),
        )
    return name


def _suggest(name: str, names: Sequence[str], what: str) -> str:
    near = difflib.get_close_matches(name, names, n=3) or sorted(names)[:3]
    return f"did you mean {' or '.join(near)}?" if near else f"the kubeconfig has no {what}"


def _names(config: Any, section: str) -> list[str]:
    return [str(one["name"]) for one in config.value[section]]


def _entry(config: Any, section: str, name: str | None) -> Mapping[str, Any]:
    """The entry of that name in a section of the merged kubeconfig, or an empty one."""
    for one in config.value[section]:
        if one["name"] == name:
            return one.value  # type: ignore[no-any-return]  # the client is not typed
    return {}


def _impersonation(access: ClusterAccess, user: Mapping[str, Any]) -> Headers:
    """The headers that make requests somebody else's: by flags, else by the kubeconfig's user."""
    if access.as_user:
        groups = (("Impersonate-Group", group) for group in access.as_groups)
        return (("Impersonate-User", access.as_user), *groups)
    if not user.get("as"):
        return ()
    headers = [("Impersonate-User", str(user["as"]))]
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    if user.get("as-uid"):
        headers.append(("Impersonate-Uid", str(user["as-uid"])))
    for key, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{quote(key, safe='')}", str(value)) for value in values]
    return tuple(headers)


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """Collect what is logged to the root logger, and keep it from the terminal.

    The client logs the failure of a credential plugin there, and goes on without credentials.
    """
    messages: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        messages.append(record.getMessage())
        return False

    root, silent = logging.getLogger(), logging.NullHandler()
    # Without a handler, the logging module would install one on standard error for good.
    root.addHandler(silent)
    root.addFilter(keep)
    try:
        yield messages
    finally:
        root.removeFilter(keep)
        root.removeHandler(silent)


def _describe(error: Exception) -> str:
    """Why a kubeconfig is of no use, without a word of what it holds: that may be secret."""
    from kubernetes.config import ConfigException
    from yaml import MarkedYAMLError, YAMLError

    match error:
        case ConfigException() if not str(error).startswith(_SHOWS_ENTRIES):
            return _first_line(error)
        case MarkedYAMLError() if error.problem_mark is not None:
            return f"line {error.problem_mark.line + 1}: {error.problem or error.context}"
        case YAMLError() | UnicodeError():
            return "it is not YAML"
        case OSError():
            return f"{error.strerror}: {error.filename}"
        case _:
            return "its structure is not that of a kubeconfig"


def _first_line(error: Exception | str) -> str:
    lines = (line for line in str(error).splitlines() if line.strip())
    return one_line(next(lines, "no reason is given"))
