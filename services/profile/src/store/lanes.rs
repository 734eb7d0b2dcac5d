//! Lanes: how far each has come, what was answered to its batches, and through when all is applied.

use sea_orm::ConnectionTrait;
use store::{StoreError, WriteTx, sql};

use crate::error::Error;

/// Answers of this many newest batches are kept per lane.
pub(crate) const ANSWERS_KEPT: i64 = 10_000;

/// What became of a batch: how many events it had, and which of them were parked, by index, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Events of the batch.
    pub(crate) events: usize,
    /// Index in the batch and stable reason of each event that was parked.
    pub(crate) parked: Vec<(u32, String)>,
}

/// What to do with a batch that arrives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the lane's next one.
    Next,
    /// It was applied before, with these answers.
    Repeat(Answers),
}

/// Locks the lane and tells whether it is this batch's turn.
///
/// # Errors
/// When the fencing number is stale, or the number leaves a gap.
pub(crate) async fn take(tx: &WriteTx, lane: &str, number: i64, fence: i64) -> Result<Turn, Error> {
    create(tx, lane).await?;
    let text = format!(
        "SELECT number, fence FROM lanes WHERE lane = $1{}",
        super::for_update(tx, "lanes")
    );
    let row = sql::query_one(tx, &text, [lane.into()]).await?;
    let (last, seen) = match row {
        Some(row) => (
            sql::get::<i64>(&row, "number")?,
            sql::get::<i64>(&row, "fence")?,
        ),
        None => (0, 0),
    };
    let owned = lane.to_owned();
    if fence < seen {
        return Err(Error::Fenced {
            lane: owned,
            given: fence,
            seen,
        });
    }
    if number == last + 1 {
        return Ok(Turn::Next);
    }
    if number > last {
        return Err(Error::BatchOutOfOrder {
            lane: owned,
            last,
            number,
        });
    }
    match answers(tx, lane, number).await? {
        Some(answers) => Ok(Turn::Repeat(answers)),
        None => Err(Error::BatchForgotten {
            lane: owned,
            number,
        }),
    }
}

async fn create(tx: &WriteTx, lane: &str) -> Result<(), StoreError> {
    let insert =
        "INSERT INTO lanes (lane, number, fence) VALUES ($1, 0, 0) ON CONFLICT (lane) DO NOTHING";
    sql::execute(tx, insert, [lane.into()]).await?;
    Ok(())
}

async fn answers(tx: &WriteTx, lane: &str, number: i64) -> Result<Option<Answers>, Error> {
    let text = "SELECT events, parked FROM lane_batches WHERE lane = $1 AND number = $2";
    let Some(row) = sql::query_one(tx, text, [lane.into(), number.into()]).await? else {
        return Ok(None);
    };
    let events = usize::try_from(sql::get::<i32>(&row, "events")?).unwrap_or_default();
    let parked = match sql::get::<Option<String>>(&row, "parked")? {
        None => Vec::new(),
        Some(text) => {
            serde_json::from_str(&text).map_err(|it| StoreError::Corrupt(it.to_string()))?
        }
    };
    Ok(Some(Answers { events, parked }))
}

/// Moves the lane on to `number` and keeps the batch's answers.
pub(crate) async fn advance(
    tx: &WriteTx,
    lane: &str,
    number: i64,
    fence: i64,
    answers: &Answers,
) -> Result<(), Error> {
    let update = "UPDATE lanes SET number = $2, fence = $3 WHERE lane = $1";
    sql::execute(tx, update, [lane.into(), number.into(), fence.into()]).await?;
    let parked = match answers.parked.is_empty() {
        true => None,
        false => Some(
            serde_json::to_string(&answers.parked)
                .map_err(|it| StoreError::Corrupt(it.to_string()))?,
        ),
    };
    let events = i32::try_from(answers.events).unwrap_or(i32::MAX);
    let insert = "INSERT INTO lane_batches (lane, number, events, parked) VALUES ($1, $2, $3, $4)";
    sql::execute(
        tx,
        insert,
        [lane.into(), number.into(), events.into(), parked.into()],
    )
    .await?;
    if number % 100 == 0 {
        let trim = "DELETE FROM lane_batches WHERE lane = $1 AND number <= $2";
        sql::execute(tx, trim, [lane.into(), (number - ANSWERS_KEPT).into()]).await?;
    }
    Ok(())
}

/// Raises the lane's watermark; it never falls.
pub(crate) async fn raise_watermark(
    tx: &WriteTx,
    lane: &str,
    complete_through_ms: i64,
) -> Result<(), Error> {
    let update = "UPDATE lanes SET complete_through_ms = $2 \
                  WHERE lane = $1 AND (complete_through_ms IS NULL OR complete_through_ms < $2)";
    sql::execute(tx, update, [lane.into(), complete_through_ms.into()]).await?;
    Ok(())
}

/// Fails unless a lane is at the batch that its dispatcher knows to be applied, or at the one after it, whose answer did
/// not arrive.
pub(crate) async fn check(tx: &WriteTx, lane: &str, applied_batch: i64) -> Result<(), Error> {
    let text = "SELECT number FROM lanes WHERE lane = $1";
    let row = sql::query_one(tx, text, [lane.into()]).await?;
    let last: i64 = row
        .map(|row| sql::get(&row, "number"))
        .transpose()?
        .unwrap_or_default();
    if last == applied_batch || last == applied_batch.saturating_add(1) {
        return Ok(());
    }
    Err(Error::LaneMismatch {
        lane: lane.to_owned(),
        last,
        told: applied_batch,
    })
}

/// Raises the watermark of a lane that has had nothing new, if `applied_batch` is its newest batch. A lane that was never
/// heard of is added when it says that it has sent nothing yet.
pub(crate) async fn report(
    tx: &WriteTx,
    lane: &str,
    applied_batch: i64,
    complete_through_ms: i64,
) -> Result<(), Error> {
    if applied_batch == 0 {
        create(tx, lane).await?;
    }
    let update = "UPDATE lanes SET complete_through_ms = $2 \
                  WHERE lane = $1 AND number = $3 AND (complete_through_ms IS NULL OR complete_through_ms < $2)";
    sql::execute(
        tx,
        update,
        [
            lane.into(),
            complete_through_ms.into(),
            applied_batch.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Time through which every accepted event is applied, over all lanes, in milliseconds since 1970; `None` while some lane
/// has told nothing, or there is none.
pub(crate) async fn complete_through(
    connection: &impl ConnectionTrait,
) -> Result<Option<i64>, Error> {
    let text = "SELECT COUNT(*) AS lanes, COUNT(complete_through_ms) AS told, MIN(complete_through_ms) AS lowest FROM lanes";
    let Some(row) = sql::query_one(connection, text, []).await? else {
        return Ok(None);
    };
    let (lanes, told): (i64, i64) = (sql::get(&row, "lanes")?, sql::get(&row, "told")?);
    Ok(if lanes == told {
        sql::get(&row, "lowest")?
    } else {
        None
    })
}
