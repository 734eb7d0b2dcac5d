"""Checks the chart without a cluster: lint, schemas of Kubernetes, house rules of pods, and how mistakes are refused.

Run by tests/run. Needs PyYAML, kubernetes-validate, promtool, and helm in HELM. What the chart renders is run by release.py.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/clientele"
OVERLAYS = ["small", "ha", "production", "trial"]
# The oldest version that the chart allows, and the newest whose schemas are known.
KUBERNETES = ["1.30", "1.37"]
SERVICES = {"ingestion", "profile", "scoring", "segmentation", "campaign-recommendation"}
# Who calls whom; as in ARCHITECTURE.md.
CALLERS = {"ingestion": set(), "profile": {"ingestion", "scoring", "segmentation"}, "scoring": {"segmentation"},
           "segmentation": {"campaign-recommendation"}, "campaign-recommendation": set()}


def helm(*arguments):
    command = [os.environ["HELM"], *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def template(*arguments, version="1.33"):
    return helm("template", "trial", CHART, "--namespace", "shop", "--kube-version", version, *arguments)


def overlay(name):
    return ["-f", CHART / f"overlays/{name}.yaml"]


def manifests(name, *arguments):
    rendered = template(*overlay(name), *arguments)
    assert rendered.returncode == 0, rendered.stderr
    return [it for it in yaml.safe_load_all(rendered.stdout) if it]


def pods(documents):
    """Every pod specification with the name of what it belongs to."""
    for it in documents:
        if it["kind"] == "Pod":
            yield it["metadata"]["name"], it["spec"]
        elif "template" in it.get("spec", {}):
            yield it["metadata"]["name"], it["spec"]["template"]["spec"]


class Chart(unittest.TestCase):
    def test_lints(self):
        for name in OVERLAYS:
            linted = helm("lint", "--strict", CHART, *overlay(name))
            self.assertEqual(linted.returncode, 0, linted.stdout + linted.stderr)

    def test_fits_the_schemas_of_kubernetes(self):
        for name in OVERLAYS:
            for version in KUBERNETES:
                rendered = template(*overlay(name), version=version)
                self.assertEqual(rendered.returncode, 0, rendered.stderr)
                with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                    file.write(rendered.stdout)
                    file.flush()
                    command = [pathlib.Path(sys.executable).parent / "kubernetes-validate", "--strict", "-k", version, file.name]
                    checked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
                    self.assertEqual(checked.returncode, 0, f"{name}, {version}: {checked.stdout}{checked.stderr}")

    def test_pods_are_restricted(self):
        for overlay_name in OVERLAYS:
            for name, pod in pods(manifests(overlay_name)):
                self.assertIs(pod["automountServiceAccountToken"], False, name)
                self.assertIs(pod["securityContext"]["runAsNonRoot"], True, name)
                self.assertEqual(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", name)
                for container in pod["containers"]:
                    security = container["securityContext"]
                    self.assertIs(security["allowPrivilegeEscalation"], False, name)
                    self.assertEqual(security["capabilities"], {"drop": ["ALL"]}, name)
                    self.assertIn("memory", container["resources"]["limits"], name)
                    # The trial's stores write where their images please.
                    if not name.endswith(("-postgres", "-redis")):
                        self.assertIs(security["readOnlyRootFilesystem"], True, name)

    def test_secrets_are_referred_to_and_never_rendered(self):
        for name in ["small", "ha", "production"]:
            kinds = [it["kind"] for it in manifests(name)]
            self.assertNotIn("Secret", kinds)
            for pod_name, pod in pods(manifests(name)):
                for container in pod["containers"]:
                    self.assertTrue(all("value" not in it for it in container.get("env", [])), pod_name)

    def test_every_service_has_its_parts(self):
        documents = manifests("production")
        for kind in ["Deployment", "Service", "PodDisruptionBudget", "ConfigMap", "Certificate"]:
            found = {it["metadata"]["labels"].get("app.kubernetes.io/component") for it in documents if it["kind"] == kind}
            self.assertLessEqual(SERVICES, found, kind)
        for it in documents:
            if it["kind"] == "Deployment":
                [container] = it["spec"]["template"]["spec"]["containers"]
                for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
                    self.assertIn("grpc", container[probe])
            if it["kind"] == "PodDisruptionBudget":
                self.assertEqual(it["spec"]["unhealthyPodEvictionPolicy"], "AlwaysAllow")

    def test_pods_have_time_to_drain(self):
        for it in manifests("production", "--set", "drain.delaySeconds=7,drain.graceSeconds=33"):
            if it["kind"] == "Deployment":
                self.assertGreaterEqual(it["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 7 + 33 + 5)

    def test_only_the_known_edges_are_open(self):
        policies = {it["metadata"]["labels"].get("app.kubernetes.io/component"): it["spec"] for it in manifests("small") if it["kind"] == "NetworkPolicy"}
        self.assertEqual(policies[None].keys(), {"podSelector", "policyTypes"}, "the deny-all policy allows something")
        for service, callers in CALLERS.items():
            [rule] = policies[service]["ingress"]
            found = {it["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for it in rule["from"]}
            self.assertEqual(found, callers | {"test"}, service)

    def test_a_changed_setting_restarts_its_service_alone(self):
        def checksums(*arguments):
            found = manifests("small", *arguments)
            return {it["metadata"]["labels"]["app.kubernetes.io/component"]: it["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                    for it in found if it["kind"] == "Deployment"}

        before, after = checksums(), checksums("--set", "services.scoring.settings.champion_refresh=5s")
        self.assertEqual({it for it in SERVICES if before[it] != after[it]}, {"scoring"})

    def test_refuses_what_is_missing_in_one_go(self):
        refused = template()
        self.assertNotEqual(refused.returncode, 0)
        for sentence in ["image.repository must name", "identity.existingSecret must name", "set tls.certManager.enabled",
                         "database.existingSecret must name", "redis.existingSecret must name", "database.cidrs or database.podLabels"]:
            self.assertIn(sentence, refused.stderr)

    def test_refuses_mistakes_by_name(self):
        cases = [
            ("services.scoring.replica=2", "replica"),
            ("services.scroing.replicas=2", "scroing"),
            ("drain.delaySeconds=soon", "drain.delaySeconds"),
            ("telemetry.traceRatio=2", "telemetry.traceRatio"),
            ("image.digest=latest", "image.digest"),
            ("database.port=70000", "database.port"),
            ("tls.certManager.enabled=true", "contradict"),
            ("trial.enabled=true", "leave database.existingSecret"),
            ("grpcRoute.enabled=true", "grpcRoute.parentRefs"),
            ("services.profile.autoscaling.minReplicas=9", "services.profile.autoscaling.minReplicas"),
        ]
        for setting, named in cases:
            refused = template(*overlay("small"), "--set", setting)
            self.assertNotEqual(refused.returncode, 0, setting)
            self.assertIn(named, refused.stderr, setting)

    def rules(self):
        groups = yaml.safe_load((CHART / "files/rules.yaml").read_text())["groups"]
        return [it for group in groups for it in group["rules"]]

    def test_rules_are_sound_and_every_alert_fires_in_its_incident(self):
        for command in [["check", "rules", CHART / "files/rules.yaml"], ["test", "rules", ROOT / "deploy/prometheus/rules_test.yaml"]]:
            checked = subprocess.run(["promtool", *map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        tested = (ROOT / "deploy/prometheus/rules_test.yaml").read_text()
        for rule in self.rules():
            if "alert" in rule:
                fires = re.search(rf"alertname: {rule['alert']}\n +exp_alerts:\n +- exp_labels", tested)
                self.assertTrue(fires, f"no test fires {rule['alert']}")

    def test_rules_use_metrics_that_exist(self):
        source = "\n".join(it.read_text() for folder in ["shared", "services"] for it in (ROOT / folder).glob("*/src/**/*.rs"))
        known = {it.replace(".", "_") for it in re.findall(r'"((?:clientele|rpc)[._][a-z0-9_.]+)"', source)}
        for rule in self.rules():
            # What other rules record bears a colon; their expressions are looked at themselves.
            used = set(re.findall(r"(?<![a-z:])(?:clientele|rpc)_[a-z0-9_]+", rule["expr"]))
            self.assertTrue(used or "clientele:" in rule["expr"] or "up{" in rule["expr"], rule)
            for name in used - {"rpc_method", "rpc_response_status_code"}:
                plain = re.sub(r"_(bucket|count|sum|total)$", "", name)
                self.assertTrue({plain, plain.removesuffix("_seconds")} & known, f"{name} is no metric of ours")

    def test_every_alert_has_its_runbook(self):
        alerts = {it["alert"] for it in self.rules() if "alert" in it}
        runbooks = {it.stem for it in (ROOT / "deploy/runbooks").glob("*.md")}
        self.assertGreater(len(alerts), 5)
        self.assertLessEqual({it.lower() for it in alerts}, runbooks)


if __name__ == "__main__":
    unittest.main(verbosity=2)
