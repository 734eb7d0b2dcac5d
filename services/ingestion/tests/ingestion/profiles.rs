//! Files that nobody has described: what is proposed for them imports them after a few edits.

use api::ingestion::{ImportFileResponse, ProfileFileRequest, ProfileFileResponse};
use ingestion::domain::contract;
use ingestion::domain::profiling::{Surroundings, propose};
use ingestion::file::{Limits, survey};

use crate::harness::{Ingestion, check_law, data, for_tenant, on_each_database};

/// Most edited lines.
const EDITS_MAX: usize = 10;

/// Applies an edit list to a proposal and counts the edited lines. A line after `-` is taken out where it stands (`*` stands
/// for the rest of it), one after `+` is put in at the place; a change counts as the longer of its sides.
fn edited(proposal: &str, edits: &str) -> (String, usize) {
    let mut lines: Vec<&str> = proposal.lines().collect();
    let (mut at, mut count, mut taken, mut put) = (0, 0, 0, 0);
    for edit in edits.lines().chain([""]) {
        if put > 0 && !edit.starts_with("+ ") {
            count += std::cmp::max(taken, put);
            (taken, put) = (0, 0);
        }
        if let Some(old) = edit.strip_prefix("- ") {
            let is_old = |line: &&str| {
                let bare = line.split(" #").next().unwrap_or(line).trim();
                match old.strip_suffix('*') {
                    Some(start) => bare.starts_with(start.trim()),
                    None => bare == old.trim(),
                }
            };
            let found = lines.iter().position(is_old);
            at = found.unwrap_or_else(|| panic!("`{old}` is not in\n{proposal}"));
            lines.remove(at);
            taken += 1;
        } else if let Some(new) = edit.strip_prefix("+ ") {
            lines.insert(at, new);
            at += 1;
            put += 1;
        }
    }
    count += taken;
    (lines.join("\n") + "\n", count)
}

fn edits(name: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edits");
    std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap()
}

/// File of the public data, edit list, tenant, and what becomes of the rows: received, accepted, quarantined.
type Case = (&'static str, &'static str, &'static str, [i64; 3]);

const CASES: [Case; 5] = [
    (
        "superstore_zh/orders.csv",
        "superstore_zh",
        "china",
        [10_000, 10_000, 0],
    ),
    (
        "online_retail/online_retail_h1.csv.gz",
        "online_retail",
        "retail",
        [209_029, 149_053, 59_976],
    ),
    (
        "marketing_campaign_ifood/ml_project1_data.csv",
        "marketing_campaign_ifood",
        "food",
        [2240, 2240, 0],
    ),
    (
        "nps_restaurant_fr/nps.csv",
        "nps_restaurant_fr",
        "latin",
        [13_954, 13_954, 0],
    ),
    (
        "nps_restaurant_fr/nps_utf8.csv",
        "nps_restaurant_fr",
        "unicode",
        [13_954, 13_954, 0],
    ),
];

async fn profile(
    ingestion: &mut Ingestion,
    tenant: &str,
    name: &str,
    bytes: &[u8],
) -> ProfileFileResponse {
    let upload = ingestion.upload_for(tenant, name, bytes).await;
    let request = ProfileFileRequest {
        upload,
        source: "shop".into(),
        ..ProfileFileRequest::default()
    };
    let started = ingestion
        .imports
        .profile_file(for_tenant(tenant, request))
        .await
        .unwrap()
        .into_inner();
    ingestion.wait_for(tenant, started).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_import_by_what_is_proposed_after_a_few_edits() {
    let Some(data) = data() else { return };
    on_each_database(|database| {
        let data = data.clone();
        async move {
            let mut ingestion = Ingestion::start(database).await;
            for (path, list, tenant, expected) in CASES {
                let bytes = std::fs::read(data.join(path)).unwrap();
                let profiled = profile(&mut ingestion, tenant, path, &bytes).await;
                assert_eq!(profiled.rows, expected[0], "{path}");
                let (contract, count) = edited(&profiled.contract_yaml, &edits(list));
                assert!(count <= EDITS_MAX, "{path}: {count} edited lines");
                println!(
                    "{path}: {} {}, {count} edited lines",
                    profiled.format, profiled.encoding
                );

                let imported: ImportFileResponse = ingestion
                    .import(tenant, (path, &bytes), &contract)
                    .await
                    .unwrap();

                let receipts = imported.receipts.unwrap();
                check_law(&receipts);
                let found = [receipts.received, receipts.accepted, receipts.quarantined];
                assert_eq!(
                    found, expected,
                    "{path}: {:?}\n{contract}",
                    imported.reasons
                );
                assert_eq!(imported.encoding, profiled.encoding);
            }
            ingestion.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_a_file_looks_like_without_its_personal_values() {
    on_each_database(|database| async move {
        let mut ingestion = Ingestion::start(database).await;
        let text = "订单日期,客户 ID,邮箱,销售额\n2024-01-31,k1,ann.planted@example.org,12.50\n2024-02-01,k2,bob.planted@example.org,7\n";
        let (bytes, _, _) = encoding_rs::GB18030.encode(text);

        let told = profile(&mut ingestion, "china", "orders.csv", &bytes).await;

        assert_eq!((told.format.as_str(), told.encoding.as_str(), told.rows), ("csv", "GBK", 2));
        assert_eq!(told.columns[2].personal, "email");
        assert_eq!((told.columns[3].min.as_str(), told.columns[3].max.as_str()), ("7", "12.50"));
        assert!(!format!("{told:?}").contains("planted"), "{told:?}");
        assert!(told.contract_yaml.contains("encoding: GBK"));
        contract::parse(&told.contract_yaml).unwrap();
        ingestion.stop().await;
    })
    .await;
}

#[test]
fn proposes_a_contract_for_every_public_file() {
    let Some(data) = data() else { return };
    let paths = [
        "attribution_pathdata/data.csv.gz",
        "cdnow/CDNOW_sample.txt",
        "dq_hospital/hospital.csv",
        "er_febrl/dataset4a.csv",
        "groceries/groceries.csv",
        "hillstrom/hillstrom_half.csv",
        "mmm_pymc/mmm_example.csv",
        "mmm_robyn/dt_simulated_weekly.csv",
        "movielens_100k/ml-100k.inter",
        "online_shoppers/online_shoppers_intention.csv",
        "sentiment_zh/waimai_10k.csv",
        "taobao_userbehavior/UserBehavior.csv",
        "telco_churn",
        "superstore_zh/orders.csv",
        "marketing_campaign_ifood/ml_project1_data.csv",
        "nps_restaurant_fr/nps.csv",
        "nps_restaurant_fr/nps_utf8.csv",
    ];
    for path in paths {
        let mut file = data.join(path);
        if file.is_dir() {
            let entries = std::fs::read_dir(&file)
                .unwrap()
                .map(|it| it.unwrap().path());
            file = entries
                .into_iter()
                .find(|it| it.extension().is_some_and(|it| it == "csv"))
                .unwrap();
        }
        let found = survey(&file, path, &Limits::default(), Default::default())
            .unwrap_or_else(|fault| panic!("{fault}"));
        let around = Surroundings {
            file_name: path.into(),
            source: "shop".into(),
            zone: None,
            currency: None,
            today: chrono::NaiveDate::default(),
        };
        let yaml = propose(&found, &around);
        if std::env::var_os("CLIENTELE_SHOW").is_some() {
            println!(
                "{yaml}\n{:?}\n",
                ingestion::domain::profiling::remarks(&found)
            );
        }
        contract::parse(&yaml).unwrap_or_else(|mistakes| panic!("{path}: {mistakes:?}\n{yaml}"));
    }
}
