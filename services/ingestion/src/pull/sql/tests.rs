//! Values of every type come as texts that lose nothing, from every database there is.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection};

use super::mysql::MySqlTable;
use super::postgres::PostgresTable;
use super::sqlite::SqliteTable;
use super::{Place, Query, Table};
use crate::config::SqlPullConfig;
use crate::pull::PullFault;
use crate::pull::cursor::CursorValue;

fn limits() -> SqlPullConfig {
    SqlPullConfig {
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(5),
        row_bytes_max: 1 << 20,
    }
}

fn query(table: &[&str], columns: &[&str], order: &[&str]) -> Query {
    let owned = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
    Query {
        table: owned(table),
        columns: owned(columns),
        order: owned(order),
    }
}

/// Reads a table page by page and returns its cells, joined.
async fn all(mut table: impl Table, rows: usize) -> Result<Vec<String>, PullFault> {
    let mut place = Place {
        after: Vec::new(),
        rows,
    };
    let mut found = Vec::new();
    loop {
        let (page, more) = table.read(&place, 1 << 20).await?;
        for (cells, after) in page {
            let shown = cells.iter().map(|it| it.as_deref().unwrap_or("NULL"));
            found.push(shown.collect::<Vec<_>>().join("|"));
            place.after = after;
        }
        if !more {
            return Ok(found);
        }
    }
}

/// Name that nobody should have chosen, for both ways of quoting.
const HOSTILE: &str = "we\"ird` ; DROP TABLE kept; -- '";

async fn sqlite_file(folder: &tempfile::TempDir) -> String {
    let url = format!("sqlite://{}", folder.path().join("shop.db").display());
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("url");
    let mut db = sqlx::SqliteConnection::connect_with(&options.create_if_missing(true))
        .await
        .expect("open");
    let hostile = HOSTILE.replace('"', "\"\"");
    let script = format!(
        "CREATE TABLE kept (id INTEGER, at, note TEXT, raw BLOB);
         INSERT INTO kept VALUES (1, 9007199254740993, 'a', NULL), (2, 0.1, '你好', NULL), (3, 'x', '', NULL),
            (4, NULL, 'no place', NULL), (5, 1e300, 'b', x'00ff');
         CREATE TABLE \"{hostile}\" (\"{hostile}\" TEXT); INSERT INTO \"{hostile}\" VALUES ('1'), ('2'), ('3');"
    );
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut db)
        .await
        .expect("fill");
    url
}

#[tokio::test]
async fn reads_sqlite_value_by_value() {
    let folder = tempfile::tempdir().expect("folder");
    let url = sqlite_file(&folder).await;
    let table = |it| SqliteTable::new(&url, it, limits()).expect("table");
    let columns = ["id", "at", "note"];
    for rows in [1, 2, 100] {
        let read = all(table(query(&["kept"], &columns, &["at", "id"])), rows).await;
        let wanted = ["2|0.1|你好", "1|9007199254740993|a", "5|1e300|b", "3|x|"];
        assert_eq!(read.expect("read"), wanted, "{rows}");
    }
    let hostile = all(table(query(&[HOSTILE], &[HOSTILE], &[HOSTILE])), 1).await;
    assert_eq!(hostile.expect("read"), ["1", "2", "3"]);
    let kept = all(table(query(&["main", "kept"], &["id"], &["id"])), 10).await;
    assert_eq!(kept.expect("read").len(), 5);
    for (it, problem) in [
        (
            query(&["gone"], &["id"], &["id"]),
            "there is no table `gone`",
        ),
        (query(&["kept"], &["nope"], &["id"]), "no column `nope`"),
        (query(&["kept"], &["raw"], &["id"]), "holds bytes"),
    ] {
        let fault = all(table(it), 10).await.unwrap_err().to_string();
        assert!(fault.contains(problem), "{fault}");
    }
    let missing = format!("sqlite://{}", folder.path().join("none.db").display());
    let missing = SqliteTable::new(&missing, query(&["t"], &["a"], &["a"]), limits());
    let fault = all(missing.expect("table"), 1).await.unwrap_err();
    assert!(matches!(fault, PullFault::Away { .. }), "{fault}");
}

#[tokio::test]
async fn reads_postgres_by_type() {
    let Ok(url) = std::env::var("CLIENTELE_TEST_POSTGRES") else {
        println!("NOT RUN: no PostgreSQL (CLIENTELE_TEST_POSTGRES is not set)");
        return;
    };
    let schema = format!("sql_{}", uuid::Uuid::new_v4().simple());
    let mut db = PgConnection::connect(&url).await.expect("connect");
    let hostile = HOSTILE.replace('"', "\"\"");
    let script = format!(
        "CREATE SCHEMA {schema}; SET search_path = {schema};
         CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE typed (id bigint PRIMARY KEY, amount numeric, at timestamptz, local timestamp, day date, flag boolean,
            doc jsonb, ref uuid, ratio double precision, small real, feeling mood, price money, raw bytea);
         INSERT INTO typed VALUES
            (9007199254740993, 12345678901234567890.123456789, '2026-03-01 01:00:00.000001+02', '2026-03-01 01:00:00',
             '0999-12-31', true, '{{\"a\": 1}}', '00000000-0000-0000-0000-000000000001', 0.1, 0.1, 'glad', 12.5, '\\x00'),
            (9007199254740994, 'NaN', 'infinity', NULL, NULL, false, NULL, NULL, 1e300, NULL, 'sad', NULL, NULL);
         CREATE TABLE \"{hostile}\" (\"{hostile}\" text); INSERT INTO \"{hostile}\" VALUES ('1'), ('2'), ('3');"
    );
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut db)
        .await
        .expect("fill");
    let table = |it| PostgresTable::new(&url, it, limits()).expect("table");
    let columns = [
        "id", "amount", "at", "local", "day", "flag", "doc", "ref", "ratio", "small", "feeling",
        "price",
    ];
    let wanted = [
        "9007199254740993|12345678901234567890.123456789|2026-02-28T23:00:00.000001Z|2026-03-01 01:00:00|0999-12-31|true|\
         {\"a\": 1}|00000000-0000-0000-0000-000000000001|0.1|0.1|glad|12.50",
        "9007199254740994|NaN|infinity|NULL|NULL|false|NULL|NULL|1e+300|NULL|sad|NULL",
    ];
    for order in [&["id"][..], &["at", "id"]] {
        let read = all(table(query(&[&schema, "typed"], &columns, order)), 1).await;
        assert_eq!(read.expect("read"), wanted);
    }
    let feelings = query(&[&schema, "typed"], &["feeling"], &["feeling", "id"]);
    assert_eq!(
        all(table(feelings), 1).await.expect("read"),
        ["sad", "glad"]
    );
    let hostile = all(table(query(&[&schema, HOSTILE], &[HOSTILE], &[HOSTILE])), 1).await;
    assert_eq!(hostile.expect("read"), ["1", "2", "3"]);
    for (it, problem) in [
        (
            query(&[&schema, "gone"], &["id"], &["id"]),
            "there is no table",
        ),
        (
            query(&[&schema, "typed"], &["ID"], &["id"]),
            "no column `ID`",
        ),
        (query(&[&schema, "typed"], &["raw"], &["id"]), "holds bytes"),
    ] {
        let fault = all(table(it), 10).await.unwrap_err().to_string();
        assert!(fault.contains(problem), "{fault}");
    }
    let nobody = "postgres://nobody:s3cret@127.0.0.1:1/none";
    let table = PostgresTable::new(nobody, query(&["t"], &["a"], &["a"]), limits());
    let fault = all(table.expect("table"), 1).await.unwrap_err();
    assert!(matches!(fault, PullFault::Away { .. }) && !fault.to_string().contains("s3cret"));
}

#[tokio::test]
async fn reads_mysql_by_type() {
    let Ok(url) = std::env::var("CLIENTELE_TEST_MYSQL") else {
        println!("NOT RUN: no MariaDB (CLIENTELE_TEST_MYSQL is not set)");
        return;
    };
    let schema = format!("sql_{}", uuid::Uuid::new_v4().simple());
    let mut db = MySqlConnection::connect(&url).await.expect("connect");
    let hostile = HOSTILE.replace('`', "``");
    let script = format!(
        "CREATE DATABASE {schema} CHARACTER SET utf8mb4; USE {schema};
         CREATE TABLE typed (id bigint unsigned PRIMARY KEY, amount decimal(65,30), at timestamp(6) NULL,
            local datetime(6), day date, flag bool, doc json, ratio double, small float, name varchar(20), kind enum('b','a'),
            raw blob, big bigint);
         INSERT INTO typed VALUES
            (18446744073709551615, 12345678901234567890.123456789, '2026-03-01 01:00:00.000001', '2026-03-01 01:00:00.5',
             '0999-12-31', true, '{{\"a\": 1}}', 0.1, 0.1, '你好', 'a', x'00', 9007199254740993),
            (1, NULL, NULL, NULL, NULL, false, NULL, 1e300, NULL, '', 'b', NULL, 9007199254740992);
         CREATE TABLE `{hostile}` (`{hostile}` varchar(9)); INSERT INTO `{hostile}` VALUES ('1'), ('2'), ('3');"
    );
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut db)
        .await
        .expect("fill");
    let table = |it| MySqlTable::new(&url, it, limits()).expect("table");
    let columns = [
        "id", "amount", "at", "local", "day", "flag", "doc", "ratio", "name", "kind",
    ];
    let wanted = [
        "18446744073709551615|12345678901234567890.123456789000000000000000000000|2026-03-01T01:00:00.000001Z|\
         2026-03-01 01:00:00.500000|0999-12-31|1|{\"a\": 1}|0.1|你好|a",
        "1|NULL|NULL|NULL|NULL|0|NULL|1e300||b",
    ];
    for order in [&["id"][..], &["big", "id"], &["ratio", "id"]] {
        let read = all(table(query(&[&schema, "typed"], &columns, order)), 1).await;
        let mut read = read.expect("read");
        read.sort();
        assert_eq!(read, wanted, "{order:?}");
    }
    for order in [
        &["amount", "id"],
        &["local", "id"],
        &["at", "id"],
        &["small", "id"],
    ] {
        let read = all(table(query(&[&schema, "typed"], &["id"], order)), 1).await;
        assert_eq!(read.expect("read"), ["18446744073709551615"], "{order:?}");
    }
    let hostile = all(table(query(&[&schema, HOSTILE], &[HOSTILE], &[HOSTILE])), 1).await;
    assert_eq!(hostile.expect("read"), ["1", "2", "3"]);
    for (it, problem) in [
        (
            query(&[&schema, "gone"], &["id"], &["id"]),
            "there is no table",
        ),
        (
            query(&[&schema, "typed"], &["ID"], &["id"]),
            "no column `ID`",
        ),
        (query(&[&schema, "typed"], &["raw"], &["id"]), "holds bytes"),
        (
            query(&[&schema, "typed"], &["id"], &["kind", "id"]),
            "cannot be ordered",
        ),
    ] {
        let fault = all(table(it), 10).await.unwrap_err().to_string();
        assert!(fault.contains(problem), "{fault}");
    }
}

#[tokio::test]
async fn a_rewound_place_includes_its_own_value() {
    let folder = tempfile::tempdir().expect("folder");
    let url = sqlite_file(&folder).await;
    let it = query(&["kept"], &["id"], &["id", "note"]);
    let mut table = SqliteTable::new(&url, it, limits()).expect("table");
    let place = Place {
        after: vec![CursorValue::Integer(4)],
        rows: 10,
    };
    let (rows, _) = table.read(&place, 1 << 20).await.expect("read");
    let ids: Vec<_> = rows.iter().map(|(cells, _)| cells[0].clone()).collect();
    assert_eq!(ids, [Some("4".to_owned()), Some("5".to_owned())]);
}
