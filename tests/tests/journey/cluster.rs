//! The story on five processes with PostgreSQL and Redis.

use crate::story::Story;
use tests::suite::{Cluster, SERVICES, Services};

#[tokio::test(flavor = "multi_thread")]
async fn five_processes_tell_the_story() {
    let Some(mut cluster) = Cluster::start("five processes", &[]).unwrap() else {
        return;
    };
    let lake = cluster.folder().join("lake");

    let outcome = Story::new(&cluster, "shop").tell(&lake).await.unwrap();
    outcome.check();

    // Killed all at once and started again, they still know everything.
    for service in SERVICES {
        cluster.kill(service);
    }
    for service in SERVICES {
        cluster.restart(service).unwrap();
    }
    let again = Story::new(&cluster, "shop-after-restart")
        .tell(&lake)
        .await
        .unwrap();
    outcome.assert_same(&again, "after a restart of all");

    // And the command line speaks to them.
    let mut args = cluster.endpoint_args();
    args.extend(
        [
            "--tenant",
            "shop",
            "--output",
            "json",
            "score",
            "customer_id=c0001",
            "--reasons",
            "--intervals",
        ]
        .map(String::from),
    );
    let score = tests::suite::run_json(args).unwrap();
    assert!(
        score["modelVersion"]
            .as_str()
            .unwrap()
            .starts_with("models/clv/versions/"),
        "{score}"
    );
    let mut args = cluster.endpoint_args();
    args.extend(["--tenant", "shop", "--output", "json", "segment", "list"].map(String::from));
    let segments = tests::suite::run_json(args).unwrap();
    assert!(!segments["segments"].as_array().unwrap().is_empty());
}
