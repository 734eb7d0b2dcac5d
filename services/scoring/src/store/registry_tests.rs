use super::*;
use api::scoring::ScoreQuantiles;

async fn registry(folder: &std::path::Path) -> Registry {
    let url = format!("sqlite://{}?mode=rwc", folder.join("scoring.db").display());
    let store = Store::open(&store::DatabaseConfig {
        url,
        ..Default::default()
    })
    .await
    .unwrap();
    store::migrate::<crate::store::Migrations>(&store)
        .await
        .unwrap();
    Registry::new(store)
}

/// A version of a training of its own, with quantiles that make it large.
fn version(seed: u64) -> NewVersion {
    let quantiles = vec![ScoreQuantiles {
        name: "p_alive".into(),
        horizon_days: 0,
        per_mille: vec![0.5; 1_001],
    }];
    let version = Some(ModelVersion {
        seed,
        ..Default::default()
    });
    NewVersion {
        tenant: "default".to_owned(),
        model: "clv".to_owned(),
        operation: Uuid::from_u128(seed.into()),
        artefact: ModelArtefact {
            version,
            quantiles,
            ..Default::default()
        },
        promote: false,
    }
}

#[tokio::test]
async fn lists_more_than_a_step_without_what_makes_artefacts_large() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path()).await;
    for seed in 1..=45 {
        registry.register(&version(seed)).await.unwrap();
    }

    let numbers = |found: &[Registered]| found.iter().map(|one| one.number).collect::<Vec<_>>();
    let all = registry.list("default", "", None, 1_000).await.unwrap();
    assert_eq!(numbers(&all), (1..=45).rev().collect::<Vec<_>>());
    assert!(
        all.iter()
            .all(|one| one.artefact.quantiles.is_empty() && one.to_version().seed > 0)
    );
    let some = registry
        .list("default", "clv", Some(&ListPosition::after(&all[2])), 25)
        .await
        .unwrap();
    assert_eq!(numbers(&some), (18..=42).rev().collect::<Vec<_>>());
}

#[test]
fn reads_names_and_the_alias() {
    let name = |which| {
        Some(VersionName {
            model: "clv".into(),
            which,
        })
    };
    assert_eq!(
        VersionName::parse("models/clv/versions/12"),
        name(Which::Number(12))
    );
    assert_eq!(
        VersionName::parse("models/clv/versions/champion"),
        name(Which::Champion)
    );
    for bad in [
        "",
        "clv",
        "models/clv",
        "models/clv/versions/0",
        "models/clv/versions/+1",
        "models/CLV/versions/1",
        "models//versions/1",
        "models/clv/versions/1/x",
        "models/clv/versions/99999999999999999999",
    ] {
        assert_eq!(VersionName::parse(bad), None, "{bad}");
    }
}

#[tokio::test]
async fn a_training_that_is_repeated_leaves_later_promotions_alone() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path()).await;
    let promoted = |seed| NewVersion {
        promote: true,
        ..version(seed)
    };
    for seed in [1, 2, 1] {
        registry.register(&promoted(seed)).await.unwrap();
    }
    let champion = VersionName::parse("models/clv/versions/champion").unwrap();
    let found = registry.find("default", &champion).await.unwrap().unwrap();
    assert_eq!(found.number, 2);
}
