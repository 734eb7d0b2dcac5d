use sea_orm::Value;
use store::{
    bulk::{self, Kind, Rows},
    sql,
};
use uuid::Uuid;

use super::harness::{Fixture, on_both};

on_both!(
    rows_of_every_kind_come_back_as_they_went,
    rows_can_be_joined_and_updated,
    a_conflict_skips_only_its_row,
    no_rows_are_no_work,
);

fn notes(ids: std::ops::Range<i64>) -> Rows {
    let mut rows = Rows::new([
        ("id", Kind::BigInt),
        ("body", Kind::Text),
        ("raw", Kind::Bytes),
        ("share", Kind::Double),
        ("flag", Kind::Bool),
        ("owner", Kind::Uuid),
        ("size", Kind::Int),
    ]);
    for id in ids {
        let there = id % 3 != 0;
        rows.push([
            id.into(),
            there.then(|| format!("body 'of' {id}")).into(),
            there.then(|| vec![0_u8, 255, (id % 256) as u8]).into(),
            there.then_some(id as f64 / 8.0).into(),
            there.then_some(id % 2 == 0).into(),
            there.then_some(Uuid::from_u128(id as u128)).into(),
            there.then_some(id as i32).into(),
        ]);
    }
    rows
}

const INSERT: &str = "INSERT INTO notes (id, body, raw, share, flag, owner, size) \
                      SELECT id, body, raw, share, flag, owner, size FROM {rows} WHERE TRUE ON CONFLICT DO NOTHING";

async fn rows_of_every_kind_come_back_as_they_went(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();

    assert_eq!(
        bulk::execute(&tx, INSERT, [], notes(0..2345))
            .await
            .unwrap(),
        2345
    );
    tx.commit().await.unwrap();

    let rows = sql::query_all(
        fixture.store.reader(),
        "SELECT * FROM notes ORDER BY id",
        [],
    )
    .await
    .unwrap();
    assert_eq!(rows.len(), 2345);
    for (id, row) in rows.iter().enumerate() {
        let there = id % 3 != 0;
        assert_eq!(sql::get::<i64>(row, "id").unwrap(), id as i64);
        assert_eq!(
            sql::get::<Option<String>>(row, "body").unwrap(),
            there.then(|| format!("body 'of' {id}"))
        );
        let raw = there.then(|| vec![0_u8, 255, (id % 256) as u8]);
        assert_eq!(sql::get::<Option<Vec<u8>>>(row, "raw").unwrap(), raw);
        assert_eq!(
            sql::get::<Option<f64>>(row, "share").unwrap(),
            there.then_some(id as f64 / 8.0)
        );
        assert_eq!(
            sql::get::<Option<bool>>(row, "flag").unwrap(),
            there.then_some(id % 2 == 0)
        );
        assert_eq!(
            sql::get::<Option<Uuid>>(row, "owner").unwrap(),
            there.then_some(Uuid::from_u128(id as u128))
        );
        assert_eq!(
            sql::get::<Option<i32>>(row, "size").unwrap(),
            there.then_some(id as i32)
        );
    }
}

async fn rows_can_be_joined_and_updated(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();
    bulk::execute(&tx, INSERT, [], notes(0..100)).await.unwrap();
    let wanted = || {
        let mut rows = Rows::new([("id", Kind::BigInt), ("size", Kind::Int)]);
        (90..110_i64).for_each(|id| rows.push([id.into(), 1000_i32.into()]));
        rows
    };

    let update =
        "UPDATE notes SET size = rows.size, body = $1 FROM {rows} WHERE notes.id = rows.id";
    assert_eq!(
        bulk::execute(&tx, update, ["new".into()], wanted())
            .await
            .unwrap(),
        10
    );

    let find = "SELECT notes.id AS id FROM {rows} JOIN notes ON notes.id = rows.id WHERE notes.body = $1 AND notes.size > $2";
    let found = bulk::query(&tx, find, ["new".into(), 999_i32.into()], wanted())
        .await
        .unwrap();
    let mut ids: Vec<i64> = found.iter().map(|it| sql::get(it, "id").unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (90..100).collect::<Vec<_>>());
}

async fn a_conflict_skips_only_its_row(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();
    bulk::execute(&tx, INSERT, [], notes(0..10)).await.unwrap();

    let returning = format!("{INSERT} RETURNING id");
    let inserted = bulk::query(&tx, &returning, [], notes(5..15))
        .await
        .unwrap();

    let ids: Vec<i64> = inserted
        .iter()
        .map(|it| sql::get(it, "id").unwrap())
        .collect();
    assert_eq!(ids, [10, 11, 12, 13, 14]);
}

async fn no_rows_are_no_work(fixture: Fixture) {
    let tx = fixture.store.begin().await.unwrap();

    let none = Rows::new([("id", Kind::BigInt)]);
    assert!(none.is_empty());
    assert_eq!(
        bulk::execute(&tx, "nonsense {rows}", [Value::from(1)], none)
            .await
            .unwrap(),
        0
    );
}
