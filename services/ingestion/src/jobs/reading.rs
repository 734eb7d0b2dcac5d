//! Reads and judges the rows of a file in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::mpsc;

use crate::domain::judge::{Judged, Tenant, Verdict};
use crate::domain::terms::Terms;
use crate::file::{FileFault, Limits, Place, Rows};
use crate::intake::Intake;

/// Judged rows with their lines.
#[derive(Default)]
pub(crate) struct Chunk {
    pub(crate) events: Vec<Judged>,
    pub(crate) lines: Vec<u64>,
    bytes: usize,
}

/// What the thread tells.
pub(crate) enum Read {
    /// Rows, in the order of the file.
    Rows(Chunk),
    /// There are no more rows; with the name of the file's encoding.
    End(&'static str),
}

/// What comes out of the thread.
pub(crate) type Reads = mpsc::Receiver<Result<Read, FileFault>>;

/// What is read, and how much of it at once.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) place: Place,
    pub(crate) file_name: String,
    pub(crate) terms: Terms,
    pub(crate) source: String,
    pub(crate) tenant: Tenant,
    /// Rows at the start that are done.
    pub(crate) skip: i64,
    /// Bytes read from the disk.
    pub(crate) read: Arc<AtomicU64>,
    pub(crate) limits: Limits,
    pub(crate) chunk_rows: usize,
    pub(crate) chunk_bytes: usize,
}

impl Chunk {
    fn push(&mut self, line: u64, judged: Judged) {
        self.bytes += match &judged.verdict {
            Verdict::Accept(standard) => standard.payload.len(),
            Verdict::Quarantine { kept, .. } => kept.len(),
            Verdict::Reject(_) => 0,
        };
        self.events.push(judged);
        self.lines.push(line);
    }
}

impl Reading {
    /// Starts the thread, which reads `ahead` chunks at most and ends when nobody listens. When it ends without
    /// [`Read::End`] or a fault, it broke down.
    pub(crate) fn start(self, intake: Arc<Intake>, ahead: usize) -> Reads {
        let (sender, chunks) = mpsc::channel(ahead);
        tokio::task::spawn_blocking(move || {
            let last = self.run(&intake, &sender);
            // Nobody may be listening any more; then nobody needs to know.
            let _ = sender.blocking_send(last.map(Read::End));
        });
        chunks
    }

    fn run(
        &self,
        intake: &Intake,
        chunks: &mpsc::Sender<Result<Read, FileFault>>,
    ) -> Result<&'static str, FileFault> {
        let Some(contract) = self.terms.contract.as_deref() else {
            let problem = "the source has no contract by which a file could be read";
            return Err(FileFault::new(&self.file_name, 0, 0, problem));
        };
        let what = (contract, self.source.as_str(), intake.keys());
        let (limits, read) = (self.limits.clone(), self.read.clone());
        let mut rows = Rows::open(&self.place, &self.file_name, what, limits, read)?
            .with_baseline(self.terms.baseline.as_deref());
        let mut chunk = Chunk::default();
        let mut number = 0;
        loop {
            let next = rows.read_row();
            let ended = !matches!(next, Ok(Some(_)));
            let full = chunk.events.len() >= self.chunk_rows || chunk.bytes >= self.chunk_bytes;
            if ended || full {
                let full = std::mem::take(&mut chunk);
                let heard =
                    full.events.is_empty() || chunks.blocking_send(Ok(Read::Rows(full))).is_ok();
                if !heard {
                    return Ok(rows.encoding());
                }
            }
            let Some((line, draft)) = next? else {
                return Ok(rows.encoding());
            };
            number += 1;
            if number > self.skip {
                let judged = intake.judge(&self.tenant, &self.terms, draft);
                chunk.push(line, judged);
            }
        }
    }
}
