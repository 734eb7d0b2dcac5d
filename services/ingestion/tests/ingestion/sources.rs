//! Sources: kept, changed, paused, and their write keys.

use std::time::Duration;

use api::ingestion::source::Kind;
use api::ingestion::*;
use prost_types::FieldMask;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{Ingestion, codes, on_each_database, order};

/// A contract with a key, as a pulled source needs one.
pub const CONTRACT: &str = r#"
apiVersion: v3.0.2
kind: DataContract
id: shop-orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, primaryKey: true, required: true}
      - {name: bought_at, logicalType: timestamp, required: true}
      - {name: customer, logicalType: string, required: true}
      - {name: amount, logicalType: number}
customProperties:
  - property: clientele
    value:
      file: {format: ndjson}
      time: {column: bought_at, formats: ["%Y-%m-%d %H:%M:%S"], zone: Europe/London}
      currency: GBP
      identifiers: {customer_id: customer}
      types: [{type: Order Completed}]
      value: amount
"#;

fn push() -> Source {
    Source {
        display_name: "Shop".into(),
        kind: Some(Kind::Push(PushSource {})),
        ..Source::default()
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    Some(FieldMask { paths })
}

impl Ingestion {
    pub async fn create(&mut self, id: &str, source: Source) -> Result<Source, Status> {
        let request = CreateSourceRequest {
            source_id: id.into(),
            source: Some(source),
            ..CreateSourceRequest::default()
        };
        Ok(self.sources.create_source(request).await?.into_inner())
    }

    pub async fn source(&mut self, id: &str) -> Result<Source, Status> {
        let name = format!("sources/{id}");
        let request = GetSourceRequest { name };
        Ok(self.sources.get_source(request).await?.into_inner())
    }

    pub async fn change(&mut self, source: Source, paths: &[&str]) -> Result<Source, Status> {
        let request = UpdateSourceRequest {
            source: Some(source),
            update_mask: mask(paths),
            ..UpdateSourceRequest::default()
        };
        Ok(self.sources.update_source(request).await?.into_inner())
    }
}

fn reason(status: &Status) -> String {
    runtime::fault::reason(status).unwrap_or_default()
}

#[tokio::test]
async fn a_source_is_kept_changed_and_deleted() {
    on_each_database(async |database| {
        let mut service = Ingestion::start(database).await;
        let request = CreateSourceRequest {
            source_id: "shop".into(),
            source: Some(Source {
                contract_yaml: CONTRACT.into(),
                ..push()
            }),
            request_id: Uuid::new_v4().to_string(),
            validate_only: true,
        };
        let checked = service.sources.create_source(request.clone()).await;
        assert_eq!(checked.unwrap().into_inner().contract_revision, 1);
        let missing = service.source("shop").await.unwrap_err();
        assert_eq!(
            (missing.code(), reason(&missing)),
            (Code::NotFound, "SOURCE_NOT_FOUND".into())
        );

        let request = CreateSourceRequest {
            validate_only: false,
            ..request
        };
        let created = service.sources.create_source(request.clone()).await;
        let created = created.unwrap().into_inner();
        let again = service.sources.create_source(request.clone()).await;
        assert_eq!(again.unwrap().into_inner(), created);
        assert_eq!(
            (created.name.as_str(), created.contract_revision),
            ("sources/shop", 1)
        );
        let other = CreateSourceRequest {
            source: Some(push()),
            ..request
        };
        let reused = service.sources.create_source(other).await.unwrap_err();
        assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
        let exists = service.create("shop", push()).await.unwrap_err();
        assert_eq!(
            (exists.code(), reason(&exists)),
            (Code::AlreadyExists, "SOURCE_EXISTS".into())
        );

        let wanted = Source {
            contract_yaml: CONTRACT.replace("1.0.0", "1.1.0"),
            display_name: "Other".into(),
            ..created.clone()
        };
        let changed = service
            .change(wanted.clone(), &["contract_yaml"])
            .await
            .unwrap();
        assert_eq!(
            (changed.contract_revision, changed.display_name.as_str()),
            (2, "Shop")
        );
        assert_ne!(changed.etag, created.etag);
        let stale = service.change(wanted, &["display_name"]).await.unwrap_err();
        assert_eq!(
            (stale.code(), reason(&stale)),
            (Code::Aborted, "ETAG_MISMATCH".into())
        );

        for id in ["b", "a", "c"] {
            service.create(id, push()).await.unwrap();
        }
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListSourcesRequest {
                page_size: 3,
                page_token,
            };
            let page = service.sources.list_sources(request).await.unwrap();
            let page = page.into_inner();
            names.extend(page.sources.into_iter().map(|it| it.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(
            names,
            ["sources/a", "sources/b", "sources/c", "sources/shop"]
        );

        for _ in 0..2 {
            let name = "sources/shop".to_owned();
            let request = DeleteSourceRequest { name };
            service.sources.delete_source(request).await.unwrap();
        }
        assert_eq!(
            service.source("shop").await.unwrap_err().code(),
            Code::NotFound
        );
        let again = Source {
            contract_yaml: CONTRACT.into(),
            ..push()
        };
        let again = service.create("shop", again).await.unwrap();
        assert_eq!(again.contract_revision, 3, "the history goes on");
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn every_mistake_is_listed() {
    on_each_database(async |database| {
        let mut service = Ingestion::start(database).await;
        let source = Source {
            contract_yaml: "kind: Nothing".into(),
            schedule: "every day".into(),
            kind: Some(Kind::Sql(SqlSource {
                connection: "nowhere".into(),
                table: "a..b".into(),
                watermark_column: "at".into(),
                batch_rows: -1,
                ..SqlSource::default()
            })),
            limits: Some(SourceLimits {
                events_per_second: -1,
                event_bytes_max: 0,
            }),
            ..Source::default()
        };
        let refused = service.create("Shop!", source).await.unwrap_err();
        let fields: Vec<_> = runtime::fault::violations(&refused)
            .into_iter()
            .map(|it| it.field)
            .collect();
        for field in [
            "source_id",
            "source.contract_yaml.kind",
            "source.sql.connection",
            "source.sql.table",
            "source.sql.key_column",
            "source.sql.batch_rows",
            "source.schedule",
            "source.limits.events_per_second",
        ] {
            assert!(fields.iter().any(|it| it == field), "{field}: {fields:?}");
        }
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_pull_is_not_ordered_by_personal_values() {
    on_each_database(async |database| {
        let mut service = Ingestion::start(database).await;
        let personal = "customer, logicalType: string, classification: personal,";
        let source = Source {
            contract_yaml: CONTRACT.replace("customer, logicalType: string,", personal),
            kind: Some(Kind::Sql(SqlSource {
                connection: "nowhere".into(),
                table: "orders".into(),
                watermark_column: "bought_at".into(),
                key_column: "customer".into(),
                ..SqlSource::default()
            })),
            ..Source::default()
        };
        let refused = service.create("shop", source).await.unwrap_err();
        let found = runtime::fault::violations(&refused);
        assert!(
            found
                .iter()
                .any(|it| it.field == "source.sql.key_column" && it.reason == "PERSONAL_COLUMN"),
            "{found:?}"
        );
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_paused_source_refuses_and_an_outdated_revision_is_told() {
    on_each_database(async |database| {
        let mut service = Ingestion::start(database).await;
        let mut beside = service.beside().await;
        assert_eq!(codes(&service.ingest(vec![order("1", "c", 5)]).await), "a");
        let source = service.create("shop", push()).await.unwrap();
        assert_eq!(codes(&service.ingest(vec![order("2", "c", 5)]).await), "a");

        let paused = Source {
            paused: true,
            ..source
        };
        let paused = service.change(paused, &["paused"]).await.unwrap();
        let request = |message: &str, contract: &str| BatchIngestEventsRequest {
            events: vec![order(message, "c", 5)],
            contract: contract.into(),
        };
        let refused = service.events.batch_ingest_events(request("3", "")).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::FailedPrecondition, "SOURCE_PAUSED".into())
        );
        // The other process believes what it knew for a while, and no longer.
        let mut answer = beside.events.batch_ingest_events(request("3", "")).await;
        for _ in 0..100 {
            if answer.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            answer = beside.events.batch_ingest_events(request("3", "")).await;
        }
        assert_eq!(reason(&answer.unwrap_err()), "SOURCE_PAUSED");

        let open = Source {
            paused: false,
            etag: String::new(),
            ..paused
        };
        service.change(open, &["paused"]).await.unwrap();
        for (asked, wanted) in [("1", Some("CONTRACT_REVISION_MISMATCH")), ("", None)] {
            let answer = service
                .events
                .batch_ingest_events(request("4", asked))
                .await;
            assert_eq!(answer.err().map(|it| reason(&it)).as_deref(), wanted);
        }
        let counted = service.source("shop").await.unwrap().receipts.unwrap();
        assert!(counted.accepted >= 3, "{counted:?}");
        beside.stop().await;
        service.stop().await;
    })
    .await;
}

#[tokio::test]
async fn write_keys_are_shown_once_and_void_when_revoked() {
    on_each_database(async |database| {
        let mut service = Ingestion::start(database.clone()).await;
        let parent = "sources/shop".to_owned();
        let request = CreateWriteKeyRequest {
            parent: parent.clone(),
        };
        let missing = service.sources.create_write_key(request.clone()).await;
        assert_eq!(missing.unwrap_err().code(), Code::NotFound);
        service.create("shop", push()).await.unwrap();
        let made = service.sources.create_write_key(request.clone()).await;
        let made = made.unwrap().into_inner();
        let key = made.write_key.unwrap();
        assert!(made.secret.starts_with(&key.prefix) && made.secret.len() > 40);
        service.sources.create_write_key(request).await.unwrap();

        let store = store::Store::open(&database).await.unwrap();
        let keys = ingestion::sources::WriteKeys::new(store, Duration::ZERO);
        let holder = keys.find(&made.secret).await.unwrap().unwrap();
        assert_eq!(
            (holder.tenant.as_str(), holder.source.as_str()),
            ("default", "shop")
        );
        let wrong = made.secret.replace("wk_", "wk-");
        assert_eq!(keys.find(&wrong).await.unwrap(), None);

        let revoke = RevokeWriteKeyRequest {
            name: key.name.clone(),
        };
        service.sources.revoke_write_key(revoke).await.unwrap();
        assert_eq!(keys.find(&made.secret).await.unwrap(), None);
        let request = ListWriteKeysRequest {
            parent,
            ..ListWriteKeysRequest::default()
        };
        let listed = service.sources.list_write_keys(request).await.unwrap();
        let listed = listed.into_inner().write_keys;
        let revoked: Vec<_> = listed.iter().map(|it| it.revoke_time.is_some()).collect();
        assert_eq!(revoked, [true, false]);
        let unknown = RevokeWriteKeyRequest {
            name: "sources/shop/writeKeys/0".into(),
        };
        let unknown = service.sources.revoke_write_key(unknown).await;
        assert_eq!(reason(&unknown.unwrap_err()), "WRITE_KEY_NOT_FOUND");
        service.stop().await;
    })
    .await;
}
