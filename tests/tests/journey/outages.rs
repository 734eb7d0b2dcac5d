//! The story while PostgreSQL, Redis or a neighbour is away in the middle of it.

use crate::story::{Outcome, Story};
use std::time::Duration;
use tests::suite::Cluster;

/// What is stopped in the middle, and how it comes back.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Postgres,
    Redis,
    Profile,
    Ingestion,
    Scoring,
}

impl Outage {
    const ALL: [Self; 5] = [
        Self::Postgres,
        Self::Redis,
        Self::Profile,
        Self::Ingestion,
        Self::Scoring,
    ];

    fn begin(self, cluster: &mut Cluster) {
        match self {
            Self::Postgres => cluster.postgres.stop().unwrap(),
            Self::Redis => cluster.redis.stop(),
            Self::Profile => cluster.kill("profile"),
            Self::Ingestion => cluster.kill("ingestion"),
            Self::Scoring => cluster.kill("scoring"),
        }
    }

    fn end(self, cluster: &mut Cluster) {
        match self {
            Self::Postgres => cluster.postgres.restart().unwrap(),
            Self::Redis => cluster.redis.restart().unwrap(),
            Self::Profile => cluster.restart("profile").unwrap(),
            Self::Ingestion => cluster.restart("ingestion").unwrap(),
            Self::Scoring => cluster.restart("scoring").unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_a_part_is_away_for_a_while() {
    let changes = [
        ("ingestion", "CLIENTELE_LOG__BATCH_EVENTS", "60"),
        ("ingestion", "CLIENTELE_DISPATCH__LEASE", "1500ms"),
    ];
    let Some(mut cluster) = Cluster::start("outages", &changes).unwrap() else {
        return;
    };
    let lake = cluster.folder().join("lake");
    let expected = Story::new(&cluster, "uninterrupted")
        .tell(&lake)
        .await
        .unwrap();

    for outage in Outage::ALL {
        let outcome = told_through(&mut cluster, outage).await;
        outcome.check();
        expected.assert_same(&outcome, &format!("{outage:?} away"));
        println!("outage of {outage:?}: totals equal");
    }
}

async fn told_through(cluster: &mut Cluster, outage: Outage) -> Outcome {
    let addresses = cluster.addresses();
    let story = Story::new(&addresses, &format!("without-{outage:?}").to_lowercase());
    let lake = cluster.folder().join("lake");
    let mut telling = std::pin::pin!(story.tell(&lake));
    // Away twice: once while events come in, once later.
    for (after, away) in [(300, 1_500), (1_200, 2_500)] {
        tokio::select! {
            outcome = &mut telling => return outcome.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(after)) => {}
        }
        tokio::task::block_in_place(|| outage.begin(cluster));
        tokio::select! {
            outcome = &mut telling => {
                tokio::task::block_in_place(|| outage.end(cluster));
                return outcome.unwrap();
            }
            () = tokio::time::sleep(Duration::from_millis(away)) => {}
        }
        tokio::task::block_in_place(|| outage.end(cluster));
    }
    telling
        .await
        .unwrap_or_else(|error| panic!("{outage:?}: {error:?}"))
}
