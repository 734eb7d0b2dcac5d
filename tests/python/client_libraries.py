"""A public client library that speaks the Segment HTTP protocol sends events to `clientele up`, unchanged but for its host.

Run by tests/run. Needs grpcio, grpcio-tools, segment-analytics-python, deltalake, and the binary in CLIENTELE_BIN. Where
CLIENTELE_TEST_NODE names a folder with @segment/analytics-node, the library for Node sends as well.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import uuid
from datetime import datetime, timedelta, timezone

from journey import generate

TENANT = "segment-shop"
CUSTOMERS = 40
NODE_SCRIPT = """
const { Analytics } = require('@segment/analytics-node');
const analytics = new Analytics({ writeKey: process.env.WRITE_KEY, host: process.env.HOST, flushAt: 5 });
const failed = [];
analytics.on('error', (error) => failed.push(String(error)));
for (let n = 0; n < 20; n++) {
  analytics.track({ userId: `node-${n % 4}`, event: 'Order Completed', messageId: `node-${n}`,
    properties: { order_id: `n${n}`, revenue: 10 + n, currency: 'EUR' } });
}
analytics.identify({ userId: 'node-0', traits: { email: 'node-0@example.org' } });
analytics.closeAndFlush({ timeout: 20000 }).then(() => {
  if (failed.length > 0) { console.error(failed); process.exit(1); }
});
"""


class Segment(unittest.TestCase):
    metadata = [("x-clientele-tenant", TENANT)]

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(cls.folder.name)
        stubs = root / "stubs"
        stubs.mkdir()
        generate(str(stubs))
        command = [os.environ["CLIENTELE_BIN"], "up", "--base-port", "0", "--output", "json", "--data-dir", str(root / "data")]
        cls.log = open(root / "log", "w+")
        cls.suite = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=cls.log, text=True)
        line = cls.suite.stdout.readline()
        if not line:
            cls.log.seek(0)
            raise RuntimeError("clientele up did not start: " + cls.log.read())
        told = json.loads(line)
        cls.endpoints, cls.http = told["endpoints"], told["http"]
        cls.key = cls.prepare()

    @classmethod
    def tearDownClass(cls):
        cls.suite.terminate()
        status = cls.suite.wait(timeout=60)
        cls.log.close()
        cls.suite.stdout.close()
        cls.folder.cleanup()
        assert status == 0, f"clientele up ended with {status}"

    @classmethod
    def channel(cls, service):
        import grpc

        return grpc.insecure_channel(cls.endpoints[service].removeprefix("http://"))

    @classmethod
    def prepare(cls):
        """Creates the tenant and the source, and returns a write key."""
        from clientele.ingestion.v1 import source_service_pb2 as sources, source_service_pb2_grpc as sources_grpc
        from clientele.profile.v1 import tenant_service_pb2 as tenants, tenant_service_pb2_grpc as tenants_grpc

        tenant = tenants.Tenant(tenant_id=TENANT, time_zone="Europe/Paris", currency_code="EUR")
        request = tenants.CreateTenantRequest(tenant=tenant, request_id=str(uuid.uuid4()))
        tenants_grpc.TenantServiceStub(cls.channel("profile")).CreateTenant(request, metadata=cls.metadata)
        stub = sources_grpc.SourceServiceStub(cls.channel("ingestion"))
        source = sources.Source(push=sources.PushSource())
        stub.CreateSource(sources.CreateSourceRequest(source_id="web", source=source), metadata=cls.metadata)
        made = stub.CreateWriteKey(sources.CreateWriteKeyRequest(parent="sources/web"), metadata=cls.metadata)
        return made.secret

    def client(self, **options):
        from segment.analytics.client import Client

        errors = []
        client = Client(self.key, host=self.http, on_error=lambda error, batch: errors.append((error, len(batch))), **options)
        return client, errors

    def status(self):
        from clientele.ingestion.v1 import event_service_pb2 as events, event_service_pb2_grpc as events_grpc

        stub = events_grpc.EventServiceStub(self.channel("ingestion"))
        return stub.GetLogStatus(events.GetLogStatusRequest(), metadata=self.metadata)

    def settled(self):
        end = time.monotonic() + 120
        while True:
            status = self.status()
            if status.pending == 0 and status.archived == status.accepted:
                return status
            self.assertLess(time.monotonic(), end, "the log does not drain")
            time.sleep(0.1)

    def receipts(self):
        found = [it.receipts for it in self.status().sources if it.source == "web"]
        return found[0] if found else None

    def lake(self):
        """Returns how many events the lake holds."""
        from deltalake import DeltaTable

        return DeltaTable(pathlib.Path(self.folder.name) / "data" / "lake" / "events").count()

    def test_1_events_arrive_intact(self):
        from clientele.common.v1 import common_pb2 as common
        from clientele.profile.v1 import profile_service_pb2 as profiles, profile_service_pb2_grpc as profiles_grpc

        client, errors = self.client(gzip=True, upload_size=25)
        begin = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(days=30)
        sent = 0
        for customer in range(CUSTOMERS):
            user = f"user-{customer}"
            client.identify(user, {"email": f"{user}@example.org", "plan": "gold"}, timestamp=begin)
            client.page(user, "Shop", "Home", {"url": "https://shop.example/"}, timestamp=begin)
            sent += 2
            for order in range(3):
                properties = {
                    "order_id": f"{customer}-{order}",
                    "revenue": 19.99,
                    "products": [{"product_id": "p1", "name": "Lamp", "price": 9.995, "quantity": 2}],
                }
                client.track(user, "Order Completed", properties, timestamp=begin + timedelta(days=order), message_id=f"o-{customer}-{order}")
                sent += 1
        client.shutdown()
        self.assertEqual(errors, [])

        status = self.settled()
        self.assertEqual((status.accepted, status.applied, status.parked), (sent, sent, 0))
        receipts = self.receipts()
        self.assertEqual((receipts.received, receipts.accepted), (sent, sent))

        # The profile knows the customer by both identifiers, and what was bought.
        stub = profiles_grpc.ProfileServiceStub(self.channel("profile"))
        reference = common.CustomerRef(identifier=common.Identifier(namespace="email", value="user-7@example.org"))
        profile = stub.GetProfile(profiles.GetProfileRequest(customer=reference), metadata=self.metadata)
        self.assertEqual({it.namespace for it in profile.identifiers}, {"customer_id", "email"})
        by_number = common.CustomerRef(identifier=common.Identifier(namespace="customer_id", value="user-7"))
        same = stub.GetProfile(profiles.GetProfileRequest(customer=by_number), metadata=self.metadata)
        self.assertEqual(same.customer_id, profile.customer_id)
        told = str(profile)
        self.assertNotIn("user-7@example.org", told)

        # The lake holds every event, once.
        self.assertEqual(self.lake(), sent)

    def test_2_a_repeat_counts_once(self):
        before = self.receipts().accepted
        stamp = datetime.now(timezone.utc) - timedelta(hours=1)
        for _ in range(2):
            client, errors = self.client(sync_mode=True)
            client.track("user-1", "Order Completed", {"order_id": "again", "revenue": 5}, timestamp=stamp, message_id="again")
            self.assertEqual(errors, [])
        after = self.receipts()
        self.assertEqual((after.accepted, after.duplicate, after.conflict), (before + 1, 1, 0))

    def test_3_a_wrong_key_is_told(self):
        from segment.analytics.client import Client

        errors = []
        client = Client("wk_unknown", host=self.http, on_error=lambda error, batch: errors.append(error))
        client.track("user-1", "Order Completed", {"revenue": 5})
        client.shutdown()
        self.assertEqual([getattr(it, "status", None) for it in errors], [401])

    def test_4_the_library_for_node_sends_as_well(self):
        folder = os.environ.get("CLIENTELE_TEST_NODE")
        if not folder or not shutil.which("node"):
            self.skipTest("NOT RUN: no Node library (CLIENTELE_TEST_NODE is not set)")
        before = self.receipts().accepted
        environment = dict(os.environ, WRITE_KEY=self.key, HOST=self.http, NODE_PATH=str(pathlib.Path(folder) / "node_modules"))
        done = subprocess.run(["node", "-e", NODE_SCRIPT], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.settled()
        self.assertEqual(self.receipts().accepted, before + 21)


if __name__ == "__main__":
    unittest.main(verbosity=2)
