//! Takes in the files of a folder, each once.
//!
//! A file is known by its name and, together with it, by its size and time or by its content: touching it does not bring
//! it again, changing it does.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use runtime::fault::Fault;
use store::Store;
use tonic::Code;
use uuid::Uuid;

use super::{Next, Page, Progress, PullFault, Puller, Records};
use crate::config::ImportConfig;
use crate::domain::judge::Tenant;
use crate::domain::terms::Terms;
use crate::file::Place;
use crate::intake::Intake;
use crate::jobs::reading::{Read, Reading, Reads};
use crate::places::{PlaceError, PlacedFile, Places};
use crate::store::runs;

/// Chunks of a file that are read ahead.
const AHEAD: usize = 1;
/// Broken files that are named.
const NAMED_MAX: usize = 3;

/// What a pull of files needs to know.
pub(crate) struct FilePlan {
    /// Where the files are.
    pub(crate) url: String,
    /// Source, for what was taken already.
    pub(crate) uid: Uuid,
    /// Folders that the operator allows.
    pub(crate) places: Places,
    /// Knows which files were taken.
    pub(crate) store: Store,
    /// Judges the rows.
    pub(crate) intake: Arc<Intake>,
    /// How files are read; the path and name are those of the file at hand.
    pub(crate) reading: Reading,
}

/// Pulls files.
pub(crate) struct FilePuller {
    plan: FilePlan,
    waiting: Option<VecDeque<PlacedFile>>,
    current: Option<Current>,
    /// File at which the pull goes on: its name, its content and the rows that are done.
    begun: Option<(String, String, u64)>,
    broken: Vec<String>,
    taken: usize,
}

/// A file while it is read.
struct Current {
    file: PlacedFile,
    content: String,
    rows: u64,
    reads: Reads,
}

impl FilePuller {
    /// Prepares a pull that goes on at `progress`; nothing is read yet.
    pub(crate) fn new(plan: FilePlan, progress: &Progress) -> Self {
        let begun = match progress {
            Progress::File {
                name,
                fingerprint,
                rows,
            } => Some((name.clone(), fingerprint.clone(), *rows)),
            _ => None,
        };
        Self {
            plan,
            waiting: None,
            current: None,
            // A pull that goes on has taken something already.
            taken: usize::from(begun.is_some()),
            begun,
            broken: Vec::new(),
        }
    }

    /// Lists the files that were not taken as they are.
    async fn list(&self) -> Result<VecDeque<PlacedFile>, PullFault> {
        let tenant = &self.plan.reading.tenant.id;
        let found = self.plan.places.files(tenant, &self.plan.url).await;
        let mut waiting = VecDeque::new();
        for file in found.map_err(|error| place_fault(&error))? {
            if !self.is_taken(&file.name, &quick(&file)).await? {
                waiting.push_back(file);
            }
        }
        Ok(waiting)
    }

    async fn is_taken(&self, name: &str, fingerprint: &str) -> Result<bool, PullFault> {
        let reader = self.plan.store.reader();
        runs::is_file_taken(reader, self.plan.uid, name, fingerprint)
            .await
            .map_err(|_| PullFault::away("the database does not answer"))
    }

    /// Begins to read a file. Returns a page at once when its content was taken under this name before.
    async fn begin(&mut self, file: PlacedFile) -> Result<Option<Page>, PullFault> {
        let content = content_of(&file.path).await?;
        if self.is_taken(&file.name, &content).await? {
            return Ok(Some(taken(&file, content, 0)));
        }
        // Another file may have come before the one at which the pull goes on; that one waits for its turn.
        let begun = self.begun.take_if(|(name, _, _)| *name == file.name);
        let rows = match begun {
            Some((_, known, rows)) if known == content => rows,
            _ => 0,
        };
        let reading = Reading {
            place: Place::from(&file.path),
            file_name: file.name.clone(),
            skip: i64::try_from(rows).unwrap_or(i64::MAX),
            read: Arc::default(),
            ..self.plan.reading.clone()
        };
        self.current = Some(Current {
            reads: reading.start(self.plan.intake.clone(), AHEAD),
            file,
            content,
            rows,
        });
        Ok(None)
    }

    /// Reads on in the file at hand. `None` when the file turned out to be broken.
    async fn go_on(&mut self, mut current: Current) -> Result<Option<Page>, PullFault> {
        let problem = match current.reads.recv().await {
            Some(Ok(Read::Rows(chunk))) => {
                current.rows += chunk.events.len() as u64;
                let page = Page {
                    progress: progress(&current.file, current.content.clone(), current.rows),
                    records: Records::Judged(chunk.events),
                    position: None,
                    file_taken: None,
                };
                self.current = Some(current);
                return Ok(Some(page));
            }
            Some(Ok(Read::End(_))) => {
                // It may have grown meanwhile; what it is known by would not be what was taken.
                if content_of(&current.file.path).await? == current.content {
                    self.taken += 1;
                    return Ok(Some(taken(&current.file, current.content, current.rows)));
                }
                format!("{} changed while it was read", current.file.name)
            }
            Some(Err(fault)) => fault.to_string(),
            None => format!("{}: reading it broke off", current.file.name),
        };
        self.broken.push(problem);
        Ok(None)
    }

    /// Says how the pull ends. Broken files keep none of the others back, and are tried again by the next pull.
    fn end(&self) -> Result<Next, PullFault> {
        if self.broken.is_empty() {
            return Ok(match self.taken {
                0 => Next::Unchanged,
                _ => Next::End(None),
            });
        }
        let named: Vec<&str> = self.broken.iter().map(String::as_str).collect();
        let named = &named[..named.len().min(NAMED_MAX)];
        let more = match self.broken.len() - named.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let named = named.join("; ");
        Err(PullFault::wrong(format!(
            "not every file could be read: {named}{more}"
        )))
    }
}

#[async_trait]
impl Puller for FilePuller {
    async fn next(&mut self) -> Result<Next, PullFault> {
        loop {
            if let Some(current) = self.current.take() {
                if let Some(page) = self.go_on(current).await? {
                    return Ok(Next::Page(page));
                }
                continue;
            }
            if self.waiting.is_none() {
                self.waiting = Some(self.list().await?);
            }
            let Some(file) = self.waiting.as_mut().and_then(VecDeque::pop_front) else {
                return self.end();
            };
            let name = file.name.clone();
            match self.begin(file).await {
                Ok(Some(page)) => return Ok(Next::Page(page)),
                Ok(None) => {}
                Err(fault @ PullFault::Away { .. }) => {
                    // Asked again, the pull lists the folder anew.
                    self.waiting = None;
                    return Err(fault);
                }
                Err(PullFault::Wrong(problem)) => self.broken.push(format!("{name}: {problem}")),
            }
        }
    }
}

fn progress(file: &PlacedFile, content: String, rows: u64) -> Progress {
    Progress::File {
        name: file.name.clone(),
        fingerprint: content,
        rows,
    }
}

/// The page with which a file is taken.
fn taken(file: &PlacedFile, content: String, rows: u64) -> Page {
    Page {
        records: Records::Judged(Vec::new()),
        progress: progress(file, content.clone(), rows),
        position: None,
        file_taken: Some((file.name.clone(), vec![quick(file), content])),
    }
}

fn quick(file: &PlacedFile) -> String {
    format!("{}-{}", file.size_bytes, file.modified_micros)
}

/// Returns a hash of a file's content.
async fn content_of(path: &Path) -> Result<String, PullFault> {
    let path = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        let mut file = std::fs::File::open(path)?;
        std::io::copy(&mut file, &mut hasher)?;
        std::io::Result::Ok(hasher.finalize().to_hex().to_string())
    });
    match hashed.await {
        Ok(Ok(hash)) => Ok(hash),
        _ => Err(PullFault::wrong("it cannot be read")),
    }
}

fn place_fault(error: &PlaceError) -> PullFault {
    match error.code() {
        Code::NotFound | Code::FailedPrecondition => PullFault::away(error.to_string()),
        _ => PullFault::wrong(error.to_string()),
    }
}

/// Returns how files are read by a configuration; the rest is filled in for each file.
pub(crate) fn reading(
    config: &ImportConfig,
    spill: &Path,
    (source, tenant): (&str, Tenant),
    terms: Terms,
    rows_max: Option<usize>,
) -> Reading {
    let rows = config.batch_rows;
    Reading {
        place: Place::from(PathBuf::new()),
        file_name: String::new(),
        terms,
        source: source.to_owned(),
        tenant,
        skip: 0,
        read: Arc::default(),
        limits: config.limits(spill),
        chunk_rows: rows_max.map_or(rows, |most| most.min(rows)),
        chunk_bytes: config.batch_bytes,
    }
}
