//! Judged again: what passes is committed in the transaction that takes it out of quarantine, so that no moment and no crash
//! finds it in both or in neither.

use store::bulk::{self, Kind, Rows};
use store::{StoreError, WriteTx, idempotency, sql};
use uuid::Uuid;

use super::leave::{Leaving, remove};
use super::{Changes, Job, add_totals, findings_text, jobs, read, to_json};
use crate::domain::Violation;
use crate::domain::judge::{Judged, Verdict};
use crate::domain::keys::Hash;
use crate::store::append::{self, Append, Appender};
use crate::store::log::{DatabaseLog, LogError, Outcome};
use crate::store::{near, quality};

/// Records that were judged again.
#[derive(Clone, Debug)]
pub struct ReplayStep {
    /// Tenant.
    pub tenant: String,
    /// Operation.
    pub operation: Uuid,
    /// How far the operation has come before.
    pub job: Job,
    /// Records by version, in their order, with their judgements.
    pub records: Vec<(i64, Judged)>,
    /// Where the records stand in the order.
    pub position: super::Position,
}

/// What a step came to.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// How far the operation has come now.
    pub job: Job,
    /// What became of each record.
    pub outcomes: Vec<Outcome>,
}

/// A record after it was corrected.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Its id.
    pub event_id: Hash,
    /// Version that was corrected.
    pub version: i64,
    /// The event, encoded.
    pub event: Vec<u8>,
    /// Cells, as JSON.
    pub cells: Option<String>,
    /// Everything that is wrong with it now.
    pub violations: Vec<Violation>,
    /// Its marks now.
    pub marks: Vec<String>,
    /// Fields that were ever corrected.
    pub corrected: Vec<String>,
}

impl DatabaseLog {
    /// Commits those of the records that pass, under the ids that they came with, and takes them out of quarantine; notes what
    /// is still wrong with the others. All in one transaction.
    ///
    /// Fails with a conflict when a record has changed since it was read or the step is done already; then it must be read
    /// again how far the operation is.
    pub async fn replay(&self, step: &ReplayStep) -> Result<Replayed, LogError> {
        let appender = Appender {
            lanes: self.lanes,
            bytes_max: self.limits.bytes_max,
            quarantine: self.limits.quarantine,
        };
        let tx = self.store.begin().await?;
        let mut ends = append::take_heads(&tx).await?;
        let now = ends.now;
        if ends.held > self.limits.bytes_max {
            return Err(LogError::Full {
                held: ends.held,
                most: self.limits.bytes_max,
            });
        }
        expect_versions(&tx, step).await?;
        let items = [Append {
            tenant: step.tenant.clone(),
            events: step.records.iter().map(|(_, it)| it.clone()).collect(),
            step: None,
        }];
        let keys = append::take_keys(&tx, &items, now).await?;
        let settled = append::settle(&items, keys, now);
        let settled = near::settle(&tx, &items, settled, now).await?;
        let (items, outcomes) = (settled.items, settled.outcomes);
        appender
            .write_events(&tx, &items, &outcomes, &mut ends.heads, now)
            .await?;
        let outcomes = outcomes.into_iter().next().unwrap_or_default();
        let judged: &[Judged] = items.first().map_or(&[], |item| &item.events);
        // The figures saw a conflict when the message came; nothing has come now.
        let figures = outcomes.iter().map(|outcome| match outcome {
            Outcome::Conflict => Outcome::Duplicate,
            other => *other,
        });
        quality::write(&tx, &items, &[figures.collect()], ends.any_observed, now).await?;
        let ids = |wanted: &[Outcome]| -> Vec<Hash> {
            let judged = judged.iter().zip(&outcomes);
            judged
                .filter(|(_, outcome)| wanted.contains(outcome))
                .map(|(judged, _)| judged.event_id)
                .collect()
        };
        remove(&tx, &ids(&[Outcome::Accepted]), Leaving::Replayed).await?;
        let overtaken = [Outcome::Duplicate, Outcome::Conflict];
        remove(&tx, &ids(&overtaken), Leaving::Superseded).await?;
        keep_judgements(&tx, judged, &outcomes).await?;
        let mut job = step.job;
        job.steps += 1;
        job.position = step.position;
        job.counts.received += outcomes.len() as i64;
        for outcome in &outcomes {
            // A record that is malformed beyond keeping is kept all the same: it is here already.
            let told = match outcome {
                Outcome::Rejected => Outcome::Quarantined,
                other => *other,
            };
            append::count(&mut job.counts, told);
        }
        jobs::advance(&tx, &step.tenant, step.operation, &job).await?;
        append::write_heads(&tx, &ends.heads, now).await?;
        runtime::crash::point("replaying");
        tx.commit().await?;
        runtime::crash::point("replayed");
        Ok(Replayed { job, outcomes })
    }

    /// Keeps a corrected record, and what is answered to a request of this id where it has one. Fails with a conflict when
    /// the record has changed since it was read.
    pub async fn correct(
        &self,
        tenant: &str,
        judgement: &Judgement,
        request: Option<(Uuid, &str)>,
        answer: impl FnOnce(&super::Record) -> Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let tx = self.store.begin().await?;
        super::take_turn(&tx).await?;
        if let Some((id, rpc)) = request
            && let Some(answered) = idempotency::replay_or_run(&tx, tenant, id, rpc).await?
        {
            return Ok(answered);
        }
        let changed = || StoreError::Conflict("the record has changed meanwhile".into());
        let old =
            "SELECT tenant, source, bytes FROM quarantine WHERE event_id = $1 AND version = $2";
        let key = || [judgement.event_id.to_vec().into(), judgement.version.into()];
        let row = sql::query_one(&tx, old, key()).await?.ok_or_else(changed)?;
        let bytes = super::enter::size(&judgement.event, judgement.cells.as_deref());
        let mut changes = Changes::new();
        let names = (sql::get(&row, "tenant")?, sql::get(&row, "source")?);
        changes.entry(names).or_default().bytes = bytes - sql::get::<i64>(&row, "bytes")?;
        add_totals(&tx, &changes).await?;
        let update = "UPDATE quarantine SET event = $3, cells = $4, violations = $5, marks = $6, corrected = $7, \
            bytes = $8, version = version + 1 WHERE event_id = $1 AND version = $2";
        let values = [
            judgement.event.clone().into(),
            judgement.cells.clone().into(),
            findings_text(&judgement.violations)?.into(),
            to_json(&judgement.marks)?.into(),
            to_json(&judgement.corrected)?.into(),
            bytes.into(),
        ];
        sql::execute(&tx, update, key().into_iter().chain(values)).await?;
        let record = read::load(&tx, tenant, judgement.event_id)
            .await?
            .ok_or_else(changed)?;
        let answer = answer(&record);
        if let Some((id, rpc)) = request {
            idempotency::remember(&tx, tenant, id, rpc, &answer).await?;
        }
        tx.commit().await?;
        Ok(answer)
    }
}

/// Fails unless all records of a step are still as they were read.
async fn expect_versions(tx: &WriteTx, step: &ReplayStep) -> Result<(), StoreError> {
    let mut rows = Rows::new([("event_id", Kind::Bytes), ("version", Kind::BigInt)]);
    for (version, judged) in &step.records {
        rows.push([judged.event_id.to_vec().into(), (*version).into()]);
    }
    let expected = rows.len();
    let select = "SELECT quarantine.event_id FROM quarantine JOIN {rows} ON quarantine.event_id = rows.event_id \
        AND quarantine.version = rows.version";
    match bulk::query(tx, select, [], rows).await?.len() == expected {
        true => Ok(()),
        false => Err(StoreError::Conflict(
            "a record has changed since it was read".into(),
        )),
    }
}

/// Notes what is wrong by the present contract with records that stay.
async fn keep_judgements(
    tx: &WriteTx,
    judged: &[Judged],
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let mut rows = Rows::new([
        ("event_id", Kind::Bytes),
        ("violations", Kind::Text),
        ("marks", Kind::Text),
    ]);
    for (judged, outcome) in judged.iter().zip(outcomes) {
        if !matches!(outcome, Outcome::Quarantined | Outcome::Rejected) {
            continue;
        }
        if let Verdict::Quarantine { violations, .. } | Verdict::Reject(violations) =
            &judged.verdict
        {
            rows.push([
                judged.event_id.to_vec().into(),
                findings_text(violations)?.into(),
                to_json(&judged.marks)?.into(),
            ]);
        }
    }
    let update = "UPDATE quarantine SET violations = rows.violations, marks = rows.marks FROM {rows} \
        WHERE quarantine.event_id = rows.event_id";
    bulk::execute(tx, update, [], rows).await?;
    Ok(())
}
