"""Runs what the chart renders: processes with the same arguments, variables, settings, volumes, ports and probes as the pods.

Only two things differ from a cluster: every pod's address is a loopback address of its own, which also stands for the names of
the services, and the paths of its volumes lie below a temporary folder. Migrations run first, as the hooks do. Then the whole journey
of journey.py runs over mutual TLS against two replicas of everything.

Run by tests/run. Needs grpcio, grpcio-tools, PyYAML, openssl, helm in HELM, the binary in CLIENTELE_BIN, and servers in
CLIENTELE_TEST_POSTGRES and CLIENTELE_TEST_REDIS.
"""

import base64
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import uuid

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import journey

CHART = journey.ROOT / "helm/clientele"
NAMESPACE = "shop"
SERVING = 1


def run(*command, **options):
    return subprocess.run([str(it) for it in command], check=True, text=True, stdin=subprocess.DEVNULL, capture_output=True, **options).stdout


def render(*values):
    command = [os.environ["HELM"], "template", "trial", CHART, "--namespace", NAMESPACE, "--kube-version", "1.33"]
    return [it for it in yaml.safe_load_all(run(*command, *values)) if it]


class Certificates:
    """An authority and a certificate per service, for its name and for the loopback addresses."""

    def __init__(self, folder):
        self.folder = folder
        self.key, self.ca = folder / "ca.key", folder / "ca.crt"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", "/CN=test authority", "-keyout", self.key, "-out", self.ca)

    def issue(self, name, addresses):
        """Returns the files of a secret of type kubernetes.io/tls."""
        folder = self.folder / name
        folder.mkdir()
        names = [f"DNS:{name}"] + [f"IP:{it}" for it in addresses]
        (folder / "extensions").write_text(
            f"subjectAltName={','.join(names)}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", folder / "key", "-out", folder / "request")
        run("openssl", "x509", "-req", "-in", folder / "request", "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial", "-days", "1",
            "-extfile", folder / "extensions", "-out", folder / "certificate")
        read = lambda path: path.read_bytes()
        return {"tls.crt": read(folder / "certificate"), "tls.key": read(folder / "key"), "ca.crt": read(self.ca)}


class Cluster:
    """Stands in for the kubelet: mounts volumes, sets variables, starts processes, asks probes."""

    def __init__(self, folder, manifests, secrets):
        self.folder, self.secrets = folder, secrets
        self.configs = {it["metadata"]["name"]: it["data"] for it in manifests if it["kind"] == "ConfigMap"}
        [self.test] = [it for it in manifests if it["kind"] == "Pod"]
        self.jobs = [it for it in manifests if it["kind"] == "Job"]
        self.deployments = [it for it in manifests if it["kind"] == "Deployment"]
        self.services = {it["metadata"]["name"]: it for it in manifests if it["kind"] == "Service"}
        self.processes = []
        self.addresses = {}
        for number, deployment in enumerate(self.deployments, 1):
            replicas = deployment["spec"]["replicas"]
            self.addresses[deployment["metadata"]["name"]] = [f"127.{os.getpid() % 200 + 20}.{number}.{it + 1}" for it in range(replicas)]

    def settle(self, text, root, address):
        """Puts a pod's address and folder, and the addresses of services, into a configuration."""
        for name, addresses in self.addresses.items():
            text = text.replace(f"{name}.{NAMESPACE}.svc.cluster.local", addresses[0])
        return text.replace("0.0.0.0", address).replace('"/etc/clientele', f'"{root}/etc/clientele').replace('"/var/lib/clientele', f'"{root}/var/lib/clientele')

    def mount(self, pod, container, root, address):
        volumes = {it["name"]: it for it in pod["volumes"]}
        for mount in container["volumeMounts"]:
            volume, path = volumes[mount["name"]], root / mount["mountPath"].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if "persistentVolumeClaim" in volume:
                shared = self.folder / volume["persistentVolumeClaim"]["claimName"]
                shared.mkdir(exist_ok=True)
                path.symlink_to(shared)
                continue
            path.mkdir()
            if "configMap" in volume:
                for name, text in self.configs[volume["configMap"]["name"]].items():
                    (path / name).write_text(self.settle(text, root, address))
            elif "secret" in volume:
                files = self.secrets[volume["secret"]["secretName"]]
                items = volume["secret"].get("items") or [{"key": it, "path": it} for it in files]
                for item in items:
                    (path / item["path"]).write_bytes(files[item["key"]])
            else:
                assert "emptyDir" in volume, volume

    def command(self, container, root):
        arguments = [it.replace("/etc/clientele", f"{root}/etc/clientele") for it in container["args"]]
        environment = {"PATH": os.environ["PATH"], "HOME": str(root)}
        for variable in container.get("env", []):
            reference = variable["valueFrom"]["secretKeyRef"]
            environment[variable["name"]] = self.secrets[reference["name"]][reference["key"]].decode()
        return [os.environ["CLIENTELE_BIN"], *arguments], environment

    def migrate(self):
        for job in self.jobs:
            pod = job["spec"]["template"]["spec"]
            root = self.folder / job["metadata"]["name"]
            root.mkdir()
            [container] = pod["containers"]
            self.mount(pod, container, root, "127.0.0.1")
            command, environment = self.command(container, root)
            subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)

    def start(self):
        for deployment in self.deployments:
            name, pod = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]
            [container] = pod["containers"]
            for address in self.addresses[name]:
                root = self.folder / f"{name}-{address}"
                root.mkdir()
                self.mount(pod, container, root, address)
                command, environment = self.command(container, root)
                log = open(root / "log", "w+")
                process = subprocess.Popen(command, env=environment, cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                self.processes.append((f"{name} on {address}", process, log))
                self.probe(container["startupProbe"], address, process, log)
        for deployment in self.deployments:
            [container] = deployment["spec"]["template"]["spec"]["containers"]
            for address in self.addresses[deployment["metadata"]["name"]]:
                self.probe(container["readinessProbe"], address, None, None)
                self.probe(container["livenessProbe"], address, None, None)

    def probe(self, probe, address, process, log):
        """Asks as the kubelet does: plain gRPC health on the named port."""
        import grpc

        service = probe["grpc"]["service"].encode()
        end = time.monotonic() + 60
        with grpc.insecure_channel(f"{address}:{probe['grpc']['port']}") as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            while True:
                try:
                    answer = check(b"\x0a" + bytes([len(service)]) + service, timeout=2)
                    if answer == bytes([0x08, SERVING]):
                        return
                except grpc.RpcError as error:
                    answer = error.code()
                if process and process.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(f"it ended with {process.returncode}: {log.read()[-3000:]}")
                assert time.monotonic() < end, f"{probe} of {address}: {answer}"
                time.sleep(0.1)

    def port(self, deployment):
        """Returns the port that the deployment's Service sends `grpc` to, by the container's name for it."""
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        named = {it["name"]: it["containerPort"] for it in container["ports"]}
        service = self.services[deployment["metadata"]["name"]]
        [port] = [it for it in service["spec"]["ports"] if it["name"] == "grpc"]
        assert service["spec"]["clusterIP"] == "None" and port["port"] == named[port["targetPort"]]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items(), "the service does not select its pods"
        return port["port"]

    def stop(self):
        """Stops all pods as the kubelet does, and returns how each ended."""
        for _, process, _ in self.processes:
            process.terminate()
        ends = {}
        for name, process, log in self.processes:
            try:
                ends[name] = process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                ends[name] = "killed"
            if ends[name] != 0:
                log.seek(0)
                print(f"--- {name}\n{log.read()[-3000:]}", file=sys.stderr)
            log.close()
        return ends


class Release(journey.Journey):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        stubs = folder / "stubs"
        stubs.mkdir()
        journey.generate(str(stubs))
        values = folder / "values.yaml"
        replicas = {it: {"replicas": 2} for it in ["ingestion", "profile", "scoring", "segmentation", "campaign-recommendation"]}
        values.write_text(yaml.safe_dump({"services": replicas, "drain": {"delaySeconds": 0}, "segmentEndpoint": {"enabled": True}}))
        manifests = render("-f", CHART / "overlays/small.yaml", "-f", values)

        cls.database = f"release_{uuid.uuid4().hex}"
        server = os.environ["CLIENTELE_TEST_POSTGRES"]
        run("psql", server, "-c", f"CREATE DATABASE {cls.database}")
        certificates = Certificates(folder)
        secrets = {
            "clientele-database": {"url": re.sub(r"/[^/]*$", f"/{cls.database}", server).encode()},
            "clientele-redis": {"url": (os.environ["CLIENTELE_TEST_REDIS"] + "/9").encode()},
            "clientele-identity": {"identity.key": os.urandom(32)},
        }
        cls.cluster = Cluster(folder, manifests, secrets)
        cls.deployments = {it["metadata"]["labels"]["app.kubernetes.io/component"]: it for it in cls.cluster.deployments}
        for service, deployment in cls.deployments.items():
            secrets[f"clientele-tls-{service}"] = certificates.issue(service, cls.cluster.addresses[deployment["metadata"]["name"]])
        cls.caller = certificates.issue("caller", [])
        cls.stranger = Certificates(pathlib.Path(tempfile.mkdtemp(dir=folder))).issue("stranger", [])
        try:
            cls.cluster.migrate()
            cls.cluster.start()
        except BaseException:
            cls.cluster.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        ends = cls.cluster.stop()
        run("psql", os.environ["CLIENTELE_TEST_POSTGRES"], "-c", f"DROP DATABASE {cls.database} WITH (FORCE)")
        cls.folder.cleanup()
        assert set(ends.values()) == {0}, ends

    def channel(self, service, caller=None):
        """A channel that balances over the pods of a service, with a certificate."""
        import grpc

        caller = caller or self.caller
        deployment = self.deployments[service]
        addresses = self.cluster.addresses[deployment["metadata"]["name"]]
        port = self.cluster.port(deployment)
        target = "ipv4:" + ",".join(f"{it}:{port}" for it in addresses)
        credentials = grpc.ssl_channel_credentials(self.caller["ca.crt"], caller["tls.key"], caller["tls.crt"])
        options = [("grpc.ssl_target_name_override", service), ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')]
        return grpc.secure_channel(target, credentials, options)

    def test_the_charts_own_test_passes(self):
        pod = self.cluster.test
        for container in pod["spec"]["containers"]:
            root = self.cluster.folder / f"test-{container['name']}"
            root.mkdir()
            self.cluster.mount(pod["spec"], container, root, "127.0.0.1")
            command, environment = self.cluster.command(container, root)
            told = run(*[self.cluster.settle(it, root, "") for it in command], env=environment)
            self.assertIn(f"{container['name']} serves at https://", told)

    def test_client_libraries_may_send_over_tls(self):
        from clientele.ingestion.v1 import source_service_pb2 as sources, source_service_pb2_grpc as sources_grpc
        from clientele.profile.v1 import tenant_service_pb2 as tenants, tenant_service_pb2_grpc as tenants_grpc

        shop = [("x-clientele-tenant", "web-shop")]
        tenant = tenants.Tenant(tenant_id="web-shop", time_zone="Europe/Paris", currency_code="EUR")
        tenants_grpc.TenantServiceStub(self.channel("profile")).CreateTenant(tenants.CreateTenantRequest(tenant=tenant), metadata=shop, timeout=10)
        stub = sources_grpc.SourceServiceStub(self.channel("ingestion"))
        source = sources.Source(push=sources.PushSource())
        stub.CreateSource(sources.CreateSourceRequest(source_id="web", source=source), metadata=shop, timeout=10)
        key = stub.CreateWriteKey(sources.CreateWriteKeyRequest(parent="sources/web"), metadata=shop, timeout=10).secret
        authority = self.cluster.folder / "authority.crt"
        authority.write_bytes(self.caller["ca.crt"])
        context = ssl.create_default_context(cafile=str(authority))
        for address in self.cluster.addresses[self.deployments["ingestion"]["metadata"]["name"]]:
            event = {"messageId": f"m-{address}", "userId": "ann", "event": "Product Viewed", "properties": {"product_id": "p1"}}
            request = urllib.request.Request(f"https://{address}:7106/v1/track", json.dumps(event).encode(), {"content-type": "application/json"})
            request.add_header("authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                self.assertEqual(json.load(answer), {"success": True})

    def test_refuses_who_has_no_certificate_of_its_authority(self):
        import grpc
        from clientele.profile.v1 import tenant_service_pb2 as tenants, tenant_service_pb2_grpc as tenants_grpc

        stub = tenants_grpc.TenantServiceStub(self.channel("profile", self.stranger))
        with self.assertRaises(grpc.RpcError) as refused:
            stub.ListTenants(tenants.ListTenantsRequest(), timeout=5)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
