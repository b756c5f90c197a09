"""The Kubernetes manifests: of the schemas' form, whole, and saying what the code does."""

import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from referral_service.api import operate
from referral_service.auth.access import read
from referral_service.cli import COMMANDS, service
from referral_service.settings import PREFIX, Settings, SettingsError, load
from tests.house.deployed import (
    DOCKER,
    KUBERNETES,
    KUSTOMIZATION,
    MANIFESTS,
    OURS,
    container,
    instructions,
    of_kind,
    pods,
    probes,
)
from tests.house.queries import Metrics, faults
from tests.house.test_containers import VERSION
from workers.watch import LARGEST_MEGABYTES

CONFIGURATION: dict[str, str] = of_kind("ConfigMap")["referral-service"]["data"]
SECRET: dict[str, str] = of_kind("Secret")["referral-service"]["stringData"]
LABELS = {name: pod["metadata"]["labels"] for name, pod in pods().items()}
README = (DOCKER / "README.md").read_text(encoding="utf-8")
ACCESS = Path(CONFIGURATION["REFERRAL_ACCESS"])
COMPONENTS = ("api", "worker", "migrate")

every_component = pytest.mark.parametrize("component", COMPONENTS)
every_manifest = pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda found: f"{found['kind']} {found['metadata']['name']}"
)


def matched(labels: dict[str, str]) -> set[str]:
    """The components whose pods have these labels."""
    return {name for name, has in LABELS.items() if labels.items() <= has.items()}


def set_all(monkeypatch: pytest.MonkeyPatch, access: Path, **more: str) -> None:
    """The settings of a pod, which sees that folder where the access file is."""
    for setting in Settings.model_fields:
        monkeypatch.delenv(PREFIX + setting.upper(), raising=False)
    for setting, value in {
        **CONFIGURATION,
        **SECRET,
        **more,
        f"{PREFIX}ACCESS": str(access / ACCESS.name),
    }.items():
        monkeypatch.setenv(setting, value)


@pytest.mark.parametrize("version", ["1.30.0", "1.37.0"])
@every_manifest
def test_a_manifest_is_of_its_schemas_form(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_everything_but_the_example_is_applied() -> None:
    files = {path.name for path in KUBERNETES.glob("*.yaml")}

    assert files - set(KUSTOMIZATION["resources"]) == {"kustomization.yaml", "secret.example.yaml"}
    assert KUSTOMIZATION["images"] == [{"name": "referral-service", "newTag": VERSION}]


@every_manifest
def test_no_two_manifests_bear_one_name(manifest: dict[str, Any]) -> None:
    assert (
        sum(
            (it["kind"], it["metadata"]["name"]) == (manifest["kind"], manifest["metadata"]["name"])
            for it in MANIFESTS
        )
        == 1
    )


@every_component
def test_a_pod_runs_the_image_with_a_command_that_there_is(component: str) -> None:
    only = container(component)

    assert only["image"] == "referral-service"
    assert only["args"] == [component] and component in COMMANDS
    assert "command" not in only
    assert {kind: ref["name"] for source in only["envFrom"] for kind, ref in source.items()} == {
        "configMapRef": "referral-service",
        "secretRef": "referral-service",
    }


def test_the_settings_start_the_service(access: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, access)

    settings = load()

    assert settings.auth == "smart" and not settings.is_loopback
    assert not settings.allow_insecure and settings.public_url.startswith("https://")
    assert str(settings.data_dir) == "/var/lib/referral"


def of_the_readme(command: str) -> list[Path]:
    """The files of which a command of docker/README.md makes something."""
    (line,) = re.findall(rf"^ +{command} (.+)$", README, re.M)
    return [Path(word.removeprefix("--from-file=")) for word in shlex.split(line)]


def test_every_pod_finds_the_access_file_and_the_api_alone_the_token_key(access: Path) -> None:
    told = of_the_readme("kubectl create configmap referral-access")
    secret = of_the_readme("kubectl create secret generic referral-token-key")
    found = read(access / ACCESS.name)
    assert found.token_key_file is not None
    needed = {ACCESS.name, *(one.jwks_file.name for one in found.clients.values() if one.jwks_file)}

    assert {file.name for file in told} == needed
    assert [file.name for file in secret] == [found.token_key_file.name]
    # relative in the access file: both are seen in one folder
    assert found.token_key_file.parent == access
    for component in COMPONENTS:
        volumes = {volume["name"]: volume for volume in pods()[component]["spec"]["volumes"]}
        (mount,) = [
            it for it in container(component)["volumeMounts"] if it["mountPath"] == str(ACCESS.parent)
        ]
        named = volumes[mount["name"]]
        sources = named["projected"]["sources"] if component == "api" else [{"configMap": named["configMap"]}]
        keys = [{"secret": {"name": "referral-token-key"}}] if component == "api" else []
        assert mount["readOnly"] is True
        assert sources == [{"configMap": {"name": "referral-access"}}, *keys]


def test_a_client_keeps_its_private_key_to_itself(access: Path) -> None:
    applied = [
        *of_the_readme("kubectl create configmap referral-access"),
        *of_the_readme("kubectl create secret generic referral-token-key"),
    ]

    assert all((access / file.name).is_file() for file in applied)
    assert not any(".private." in file.name for file in applied)


def test_the_example_of_a_secret_holds_none() -> None:
    words = re.findall(r"[A-Za-z]+", " ".join(SECRET.values()))

    assert set(words) == {"postgresql", "rediss", "USER", "PASSWORD", "HOST", "NAME"}
    assert not SECRET.keys() & CONFIGURATION.keys()


@every_component
def test_a_service_of_the_cluster_is_no_setting(
    component: str, access: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = [name.upper().replace("-", "_") + "_SERVICE_HOST" for name in of_kind("Service")]
    assert any(name.startswith(PREFIX) for name in variables)
    set_all(monkeypatch, access, **dict.fromkeys(variables, "10.0.0.1"))
    with pytest.raises(SettingsError):
        load()

    assert pods()[component]["spec"]["enableServiceLinks"] is False


@every_component
def test_a_pod_may_do_nothing_that_it_need_not(component: str) -> None:
    spec, only = pods()[component]["spec"], container(component)
    user = int(instructions("USER")[0].partition(":")[0])
    volumes = {volume["name"]: volume for volume in spec["volumes"]}

    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert {mount["mountPath"] for mount in only["volumeMounts"]} == {
        CONFIGURATION["REFERRAL_DATA_DIR"],
        "/tmp",
        str(ACCESS.parent),
    }
    assert all("emptyDir" in volumes[it["name"]] or it.get("readOnly") for it in only["volumeMounts"])
    assert only["resources"].keys() == {"requests", "limits"} and "memory" in only["resources"]["limits"]


@pytest.mark.parametrize("name", of_kind("Deployment"))
def test_what_belongs_to_a_deployment_finds_its_pods(name: str) -> None:
    spec = of_kind("Deployment")[name]["spec"]
    component = spec["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
    budget = of_kind("PodDisruptionBudget")[name]["spec"]
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]

    for selector in (spec["selector"], budget["selector"], spread["labelSelector"]):
        assert matched(selector["matchLabels"]) == {component}
    assert len(budget.keys() & {"minAvailable", "maxUnavailable"}) == 1


def test_the_service_finds_the_api_by_a_port_that_it_has() -> None:
    (found,) = of_kind("Service").values()
    ports = {port["name"]: port["containerPort"] for port in container("api")["ports"]}

    assert found["spec"]["type"] == "ClusterIP"
    assert matched(found["spec"]["selector"]) == {"api"}
    assert {port["targetPort"] for port in found["spec"]["ports"]} <= ports.keys()
    assert list(ports.values()) == [int(CONFIGURATION["REFERRAL_PORT"])]


def test_without_tls_only_the_named_reach_the_api_and_nobody_a_worker() -> None:
    policies = [policy["spec"] for policy in of_kind("NetworkPolicy").values()]
    open_to = [
        (matched(it["podSelector"]["matchLabels"]), it["ingress"]) for it in policies if "ingress" in it
    ]
    closed = set().union(*(matched(it["podSelector"]["matchLabels"]) for it in policies))

    assert closed == set(COMPONENTS)
    assert all(policy["policyTypes"] == ["Ingress"] for policy in policies)
    ((who, (rule,)),) = open_to
    assert who == {"api"}
    assert rule["from"] == [{"podSelector": {"matchLabels": {"referral-service-access": "true"}}}]
    assert {manifest["kind"] for manifest in MANIFESTS} & {"Ingress", "Gateway", "HTTPRoute"} == set()


def test_a_stuck_process_has_time_to_say_so() -> None:
    asked = {name: probe["httpGet"] for name, probe in probes("api").items()}

    assert asked == {
        "startupProbe": {"path": "/livez", "port": "http"},
        "livenessProbe": {"path": "/livez", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }
    for name in ("startupProbe", "livenessProbe"):
        assert probes("api")[name]["timeoutSeconds"] > operate._STUCK_SECONDS


def test_a_worker_is_probed_by_its_heartbeat_here_and_in_compose() -> None:
    commands = [probe["exec"]["command"] for probe in probes("worker").values()]
    (kind, in_compose) = OURS["worker"]["healthcheck"]["test"]
    (minutes,) = re.findall(r"-mmin -(\d+) ", in_compose)

    assert probes("worker").keys() == {"startupProbe", "livenessProbe"}
    assert kind == "CMD-SHELL"
    assert commands == [["sh", "-c", in_compose.replace("$$", "$")]] * 2
    # what `up` waits for, too
    assert int(minutes) * 60 == 2 * int(CONFIGURATION["REFERRAL_LEASE_SECONDS"])


def test_a_worker_that_grows_ends_in_order_before_it_is_ended() -> None:
    most = str(container("worker")["resources"]["limits"]["memory"])

    assert int(most.removesuffix("Mi")) > 1.25 * LARGEST_MEGABYTES


def test_whoever_is_told_to_stop_has_time_to() -> None:
    grace = {name: pod["spec"].get("terminationGracePeriodSeconds", 30) for name, pod in pods().items()}
    pause = int(container("api")["lifecycle"]["preStop"]["exec"]["command"][-1])

    assert grace["worker"] > int(CONFIGURATION["REFERRAL_LEASE_SECONDS"])
    assert grace["api"] > pause + service._GRACE_SECONDS


def test_workers_are_scaled_by_a_number_that_there_is(metrics: Metrics) -> None:
    (scaler,) = of_kind("HorizontalPodAutoscaler").values()
    (asked,) = scaler["spec"]["metrics"]
    adapter = yaml.safe_load((DOCKER / "prometheus/adapter.yaml").read_text(encoding="utf-8"))
    (rule,) = adapter["externalRules"]
    wanted = asked["external"]["metric"]
    matchers = ",".join(f'{name}="{value}"' for name, value in wanted["selector"]["matchLabels"].items())
    query = (
        rule["metricsQuery"].replace("<<.Series>>", wanted["name"]).replace("<<.LabelMatchers>>", matchers)
    )

    assert f'__name__="{wanted["name"]}",{matchers}' in rule["seriesQuery"]
    assert faults(query, metrics) == []
    target = scaler["spec"]["scaleTargetRef"]
    assert "replicas" not in of_kind(target["kind"])[target["name"]]["spec"]
    # it is at work before anybody is woken up
    assert float(asked["external"]["target"]["value"]) < 60
