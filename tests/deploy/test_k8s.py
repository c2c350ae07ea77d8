"""k8s/: every object fits the schemas, every pod the restricted standard, every probe its process."""

from __future__ import annotations

import pytest
import yaml

from tests.deploy.world import BIN, K8S, k8s_processes, manifests, of_kind, run


@pytest.mark.parametrize("folder", K8S)
def test_every_object_fits_its_schema(folder, tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(manifests(folder)))
    told = run(BIN / "kubernetes-validate", "--strict", file)
    assert told.returncode == 0, told.stdout + told.stderr
    # An unknown kind is only warned about.
    assert (told.stdout + told.stderr).count(" passed ") == len(manifests(folder))


@pytest.mark.parametrize("folder", K8S)
def test_every_pod_meets_the_restricted_standard(folder):
    (namespace,) = of_kind(folder, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for one in k8s_processes(folder).values():
        (container,) = one.spec["containers"]
        assert one.spec["automountServiceAccountToken"] is False
        assert one.spec["securityContext"]["runAsNonRoot"] is True
        assert one.spec["securityContext"]["runAsUser"] == 10001
        assert one.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("folder", K8S)
def test_every_process_has_probes_and_bounds(folder):
    for one in k8s_processes(folder).values():
        (container,) = one.spec["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert str(ports["probes"]) == one.env["DESKSTREAM_METRICS_PORT"]
        assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "probes"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "probes"}
        if one.role == "server" and one.service != "gateway":
            assert container["livenessProbe"]["grpc"] == {"port": ports["grpc"]}
            assert "httpGet" not in container["livenessProbe"]
        else:
            assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "probes"}
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert one.spec["terminationGracePeriodSeconds"] >= 30


@pytest.mark.parametrize("folder", K8S)
def test_servers_are_found_by_the_names_that_clients_are_told(folder):
    services, deployments = of_kind(folder, "Service"), of_kind(folder, "Deployment")
    targets = {
        value.partition(":")[0]
        for value in k8s_processes(folder)["gateway-server"].env.values()
        if value.endswith(":50051") and not value.startswith("0.")
    }
    assert len(targets) == 8
    for name in targets:
        assert services[name]["spec"]["clusterIP"] == "None"
        labels = deployments[name]["spec"]["template"]["metadata"]["labels"]
        assert services[name]["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("folder", K8S)
def test_a_drained_node_takes_one_replica_of_a_process_at_a_time(folder):
    guarded = {
        tuple(sorted(one["spec"]["selector"]["matchLabels"].items()))
        for one in of_kind(folder, "PodDisruptionBudget").values()
        if one["spec"]["maxUnavailable"] == 1
    }
    for name, one in of_kind(folder, "Deployment").items():
        # The mail door is one process by design; a budget would only hold up the drain.
        if name != "intake-smtp":
            assert tuple(sorted(one["spec"]["selector"]["matchLabels"].items())) in guarded


@pytest.mark.parametrize("folder", K8S)
def test_nothing_flows_that_no_rule_allows(folder):
    rules = of_kind(folder, "NetworkPolicy")
    assert rules["nothing-by-default"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, one in rules.items():
        for direction in ("ingress", "egress"):
            for rule in one["spec"].get(direction, ()):
                assert rule.get("ports"), f"{name} opens every port"
    with_stores = rules["broker-and-database"]["spec"]["podSelector"]["matchExpressions"][0]["values"]
    for name, one in of_kind(folder, "Deployment").items():
        component = one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        (container,) = one["spec"]["template"]["spec"]["containers"]
        secrets = {row["secretRef"]["name"] for row in container["envFrom"] if "secretRef" in row}
        assert ("deskstream-connections" in secrets) == (component in with_stores), name


def test_no_secret_stands_in_the_repository():
    assert not any(of_kind(folder, "Secret") for folder in K8S)


def test_production_doubles_and_scales_all_but_the_mail_door():
    scaled = of_kind("overlays/production", "HorizontalPodAutoscaler")
    assert scaled.keys() == of_kind("overlays/production", "Deployment").keys() - {"intake-smtp"}
    for name, one in scaled.items():
        assert one["spec"]["scaleTargetRef"]["name"] == name
        assert one["spec"]["maxReplicas"] > one["spec"]["minReplicas"] == 2


def test_development_runs_one_of_each():
    assert all(one["spec"]["replicas"] == 1 for one in of_kind("overlays/dev", "Deployment").values())


def test_production_speaks_tls_at_the_address_that_survey_links_name():
    (ingress,) = of_kind("overlays/production", "Ingress").values()
    (gateway,) = (one for one in k8s_processes("overlays/production").values() if one.service == "gateway")
    (host,) = ingress["spec"]["tls"][0]["hosts"]
    assert ingress["spec"]["rules"][0]["host"] == host
    assert gateway.env["DESKSTREAM_PUBLIC_URL"] == f"https://{host}"
    assert gateway.env["DESKSTREAM_SECURE_COOKIE"] == "true"
