"""A client made from proto/ with grpcio: ingests, trains, scores, segments and allocates against `clientele up`.

Run by tests/run. Needs grpcio, grpcio-tools, and the binary in CLIENTELE_BIN.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from datetime import datetime, timedelta, timezone

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENANT = "python-shop"


def generate(folder):
    """Generates the client from proto/ as a user would."""
    protos = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
    # Google's own packages come with grpcio-tools only in part: all of them are generated from the vendored files.
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run(command + protos, check=True)
    sys.path.insert(0, folder)


def orders(customers, days, seed):
    """Makes orders of a shop in which customers buy at different rates and leave at some time."""
    source = random.Random(seed)
    # Live events may be 400 days old.
    start = datetime.now(timezone.utc).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=days + 5)
    for customer in range(customers):
        day = source.uniform(0, days / 3)
        rate = source.gammavariate(1.2, 1 / 25)
        leaves = source.betavariate(1, 4)
        mean = source.gammavariate(4, 1200)
        number = 0
        while day < days:
            number += 1
            yield (f"c{customer}", f"c{customer}-{number}", start + timedelta(days=day), max(1, int(source.gammavariate(6, mean / 6))))
            if source.random() < leaves:
                break
            day += source.expovariate(rate)


class Journey(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        stubs = pathlib.Path(cls.folder.name) / "stubs"
        stubs.mkdir()
        generate(str(stubs))
        command = [os.environ["CLIENTELE_BIN"], "up", "--base-port", "0", "--output", "json", "--data-dir", str(pathlib.Path(cls.folder.name) / "data")]
        cls.log = open(pathlib.Path(cls.folder.name) / "log", "w+")
        cls.suite = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=cls.log, text=True)
        line = cls.suite.stdout.readline()
        if not line:
            cls.log.seek(0)
            raise RuntimeError("clientele up did not start: " + cls.log.read())
        cls.endpoints = json.loads(line)["endpoints"]

    @classmethod
    def tearDownClass(cls):
        cls.suite.terminate()
        cls.status = cls.suite.wait(timeout=60)
        cls.log.close()
        cls.suite.stdout.close()
        cls.folder.cleanup()
        assert cls.status == 0, f"clientele up ended with {cls.status}"

    def channel(self, service):
        import grpc

        return grpc.insecure_channel(self.endpoints[service].removeprefix("http://"))

    def wait(self, channel, operation):
        from google.longrunning import operations_pb2, operations_pb2_grpc

        stub = operations_pb2_grpc.OperationsStub(channel)
        end = time.monotonic() + 120
        while not operation.done:
            self.assertLess(time.monotonic(), end, "the operation does not end")
            time.sleep(0.1)
            operation = stub.GetOperation(operations_pb2.GetOperationRequest(name=operation.name), metadata=self.metadata)
        self.assertEqual(operation.WhichOneof("result"), "response", operation.error)
        return operation.response

    metadata = [("x-clientele-tenant", TENANT)]

    def test_ingests_scores_and_allocates(self):
        import grpc
        from clientele.campaign.v1 import budget_service_pb2 as budget, budget_service_pb2_grpc as budget_grpc
        from clientele.common.v1 import common_pb2 as common
        from clientele.ingestion.v1 import event_service_pb2 as events, event_service_pb2_grpc as events_grpc
        from clientele.profile.v1 import tenant_service_pb2 as tenants, tenant_service_pb2_grpc as tenants_grpc
        from clientele.scoring.v1 import model_service_pb2 as models, model_service_pb2_grpc as models_grpc
        from clientele.scoring.v1 import scoring_service_pb2 as scoring, scoring_service_pb2_grpc as scoring_grpc
        from clientele.segmentation.v1 import segment_service_pb2 as segments, segment_service_pb2_grpc as segments_grpc

        # A tenant of our own.
        tenant = tenants.Tenant(tenant_id=TENANT, display_name="Python shop", time_zone="Asia/Shanghai", currency_code="CNY")
        tenants_grpc.TenantServiceStub(self.channel("profile")).CreateTenant(
            tenants.CreateTenantRequest(tenant=tenant, request_id=str(uuid.uuid4())), metadata=self.metadata
        )

        # Orders, each sent twice: the second time they are duplicates.
        batch = []
        for customer, order, at, value in orders(customers=300, days=360, seed=5):
            event = common.Event(message_id=order, source="python", type="Order Completed", value=common.Money(currency_code="CNY", minor_units=value))
            event.event_time.FromDatetime(at)
            event.identifiers.add(namespace="customer_id", value=customer)
            event.properties.update({"order_id": order})
            batch.append(event)
        self.assertGreater(len(batch), 500)
        ingestion = events_grpc.EventServiceStub(self.channel("ingestion"))
        for code in [events.RECEIPT_CODE_ACCEPTED, events.RECEIPT_CODE_DUPLICATE]:
            for index in range(0, len(batch), 1000):
                request = events.BatchIngestEventsRequest(events=batch[index : index + 1000])
                receipts = ingestion.BatchIngestEvents(request, metadata=self.metadata).receipts
                self.assertEqual({it.code for it in receipts}, {code}, receipts[:2])

        # Everything is applied and archived in the end.
        end = time.monotonic() + 120
        while True:
            status = ingestion.GetLogStatus(events.GetLogStatusRequest(), metadata=self.metadata)
            if status.pending == 0 and status.archived == status.accepted:
                break
            self.assertLess(time.monotonic(), end, "the log does not drain")
            time.sleep(0.1)
        self.assertEqual(status.accepted, len(batch))
        self.assertEqual(status.applied + status.parked, len(batch))
        self.assertEqual(status.parked, 0)

        # A model, and a score with its reasons.
        channel = self.channel("scoring")
        started = models_grpc.ModelServiceStub(channel).TrainModel(models.TrainModelRequest(promote=True), metadata=self.metadata)
        model = models.ModelVersion()
        self.wait(channel, started).Unpack(model)
        self.assertEqual(model.currency_code, "CNY")
        self.assertGreater(model.bgnbd.r, 0)
        reference = common.CustomerRef(identifier=common.Identifier(namespace="customer_id", value="c1"))
        stub = scoring_grpc.ScoringServiceStub(channel)
        answer = stub.Score(
            scoring.ScoreRequest(customer=reference, options=scoring.ScoreOptions(reasons=True, intervals=True)), metadata=self.metadata
        )
        values = {it.name: it.value for it in answer.score.values}
        self.assertEqual(answer.model_version, model.name)
        self.assertTrue(0 <= values["p_alive"] <= 1 and 0 <= values["churn_risk"] <= 1, values)
        self.assertGreaterEqual(values["clv_minor"], 0)

        # Segments, and a budget spent to the last fen.
        channel = self.channel("segmentation")
        started = segments_grpc.SegmentServiceStub(channel).ComputeRfmSegments(segments.ComputeRfmSegmentsRequest(), metadata=self.metadata)
        computed = segments.ComputeRfmSegmentsResponse()
        self.wait(channel, started).Unpack(computed)
        self.assertEqual(computed.customers, 300)
        allocation = budget_grpc.BudgetServiceStub(self.channel("campaign-recommendation")).AllocateBudget(
            budget.AllocateBudgetRequest(budget=common.Money(currency_code="CNY", minor_units=123_457), total_rule=budget.TOTAL_RULE_EXACTLY),
            metadata=self.metadata,
        )
        self.assertEqual(allocation.spend_minor, 123_457)
        self.assertEqual(sum(it.spend_minor for it in allocation.cells), 123_457)
        self.assertTrue(all(it.reason for it in allocation.cells))
        self.assertTrue(allocation.assumptions, "without history every curve is an assumption")

        # Another tenant sees nothing of this.
        with self.assertRaises(grpc.RpcError) as refused:
            stub.Score(scoring.ScoreRequest(customer=reference), metadata=[("x-clientele-tenant", "somebody-else")])
        self.assertIn(refused.exception.code(), [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION])


if __name__ == "__main__":
    unittest.main(verbosity=2)
