//! Taxonomies: stored by version, tried before they are in force, applied to what people write.

use api::ingestion::*;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{Ingestion, codes, for_tenant, on_each_database, order};

const GOOD: &str = "
tags:
  - {tag: logistics/slow, synonyms: [slow, 物流慢], examples: [物流慢]}
examples: [{text: not slow, tags: []}]
";

async fn create(
    ingestion: &mut Ingestion,
    yaml: &str,
    request_id: &str,
) -> Result<TaxonomyVersion, Status> {
    let request = CreateTaxonomyVersionRequest {
        taxonomy_id: "service".into(),
        taxonomy_yaml: yaml.into(),
        request_id: request_id.into(),
        validate_only: false,
    };
    let answer = ingestion
        .taxonomies
        .create_taxonomy_version(for_tenant("default", request))
        .await;
    answer.map(tonic::Response::into_inner)
}

async fn activate(ingestion: &mut Ingestion, name: &str) -> Result<TaxonomyVersion, Status> {
    let request = ActivateTaxonomyVersionRequest { name: name.into() };
    let answer = ingestion
        .taxonomies
        .activate_taxonomy_version(for_tenant("default", request))
        .await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_tried_put_in_force_and_applied() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let id = Uuid::new_v4().to_string();
        let first = create(&mut ingestion, GOOD, &id).await.unwrap();
        assert_eq!(first.name, "taxonomies/service/versions/1");
        assert_eq!(
            (first.tags, first.examples.len(), first.active),
            (1, 2, false)
        );
        let again = create(&mut ingestion, GOOD, &id).await.unwrap();
        assert_eq!(again, first);

        let failing = GOOD.replace("tags: []", "tags: [logistics/slow]");
        let second = create(&mut ingestion, &failing, "").await.unwrap();
        let refused = activate(&mut ingestion, &second.name).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(
            runtime::fault::reason(&refused).as_deref(),
            Some("EXAMPLES_FAILED")
        );
        assert_eq!(runtime::fault::violations(&refused).len(), 1);
        let wrong = create(&mut ingestion, "tags: [{tag: A, colour: 1}]", "").await;
        assert_eq!(runtime::fault::violations(&wrong.unwrap_err()).len(), 2);

        let review = |id: &str| api::common::Event {
            r#type: "Review Posted".into(),
            properties: Some(Struct {
                fields: [(
                    "text".to_owned(),
                    Value {
                        kind: Some(Kind::StringValue("物流慢, call 13900139471".into())),
                    },
                )]
                .into(),
            }),
            ..order(id, "ann", 1)
        };
        let receipts = ingestion.ingest(vec![review("before")]).await;
        assert_eq!(codes(&receipts), "a");
        assert!(activate(&mut ingestion, &first.name).await.unwrap().active);
        let receipts = ingestion.ingest(vec![review("after")]).await;
        assert_eq!(codes(&receipts), "a");
        ingestion.settled().await;
        let events = ingestion.peer.record.lock().unwrap().events.clone();
        let written = format!("{events:?}");
        assert_eq!(written.matches("service@1").count(), 1, "{written}");
        assert!(written.contains("[phone]") && !written.contains("13900139471"));

        listed(&mut ingestion).await;
        ingestion.stop().await;
    })
    .await;
}

/// Lists, gets and tries what is stored.
async fn listed(ingestion: &mut Ingestion) {
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTaxonomyVersionsRequest {
            parent: "taxonomies/service".into(),
            page_size: 1,
            page_token,
        };
        let page = ingestion
            .taxonomies
            .list_taxonomy_versions(for_tenant("default", request))
            .await
            .unwrap()
            .into_inner();
        names.extend(page.versions.into_iter().map(|it| (it.name, it.active)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected = [
        ("taxonomies/service/versions/2".to_owned(), false),
        ("taxonomies/service/versions/1".to_owned(), true),
    ];
    assert_eq!(names, expected);
    let request = TagTextsRequest {
        name: "taxonomies/service/versions/active".into(),
        texts: vec!["很好，但物流慢".into(), "fine".into()],
    };
    let tagged = ingestion
        .taxonomies
        .tag_texts(for_tenant("default", request))
        .await
        .unwrap()
        .into_inner();
    let tag = &tagged.results[0].tags[0];
    assert_eq!((tag.evidence.as_str(), tag.start), ("物流慢", 4));
    assert!(tagged.results[1].tags.is_empty());
    let request = GetTaxonomyVersionRequest {
        name: "taxonomies/other/versions/active".into(),
    };
    let missing = ingestion
        .taxonomies
        .get_taxonomy_version(for_tenant("default", request))
        .await
        .unwrap_err();
    assert_eq!(
        runtime::fault::reason(&missing).as_deref(),
        Some("TAXONOMY_NOT_FOUND")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_sealed_while_it_waits_and_gone_when_it_was_imported() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let contract = crate::harness::contract("online_retail");
        let header =
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
        let row = "1,S1,Thing,2,2011-01-04 10:00:00,2.55,planted.4711,France";
        let file = format!("{header}\n{row}\n");
        let waiting = ingestion.upload("orders.csv", file.as_bytes()).await;
        let folder = ingestion.config.uploads.path.clone();
        let holds = |text: &str| {
            let mut files = std::fs::read_dir(&folder).unwrap();
            files.any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                bytes.windows(text.len()).any(|it| it == text.as_bytes())
            })
        };
        assert!(!holds("planted.4711") && !holds("orders.csv"));
        let request = ImportFileRequest {
            upload: waiting.clone(),
            source: "shop".into(),
            contract_yaml: contract.clone(),
            ..ImportFileRequest::default()
        };
        let started = ingestion
            .imports
            .import_file(for_tenant("default", request.clone()))
            .await
            .unwrap()
            .into_inner();
        let imported = ingestion.wait("default", started).await.unwrap();
        assert_eq!(imported.receipts.unwrap().accepted, 1);
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(left, 1, "only what is known of the upload stays");
        let started = ingestion
            .imports
            .import_file(for_tenant("default", request))
            .await
            .unwrap()
            .into_inner();
        let gone = ingestion.wait("default", started).await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound);
        ingestion.stop().await;
    })
    .await;
}
