use std::sync::Arc;
use std::time::Duration;

use api::ingestion::source::Kind;
use api::ingestion::{CheckSourceResponse, Source, Violation as ProtoViolation};
use uuid::Uuid;

use super::{Next, Opener, Opening, Progress, PullFault, Records, judge};
use crate::domain::contract::Contract;
use crate::domain::counts::Counts;
use crate::domain::judge::{Judged, Tenant, Verdict};
use crate::domain::terms::Terms;
use crate::intake::Intake;
use crate::jobs::receipts;

/// Longest time that a trial may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Most kinds of violations that are told.
const VIOLATIONS_MAX: usize = 100;

/// Tries a source out: nothing of what it reads is kept.
pub(crate) struct Trial<'a> {
    /// Judges the records.
    pub(crate) intake: &'a Arc<Intake>,
    /// Opens the source.
    pub(crate) opener: &'a Opener,
    /// Tenant.
    pub(crate) tenant: &'a Tenant,
    /// Id of the source.
    pub(crate) source: &'a str,
    /// Most records to read.
    pub(crate) records_max: usize,
}

impl Trial<'_> {
    /// Reads some records from the beginning and judges them as if nothing like them had come before.
    pub(crate) async fn run(
        &self,
        definition: &Source,
        contract: Option<Contract>,
    ) -> CheckSourceResponse {
        if matches!(definition.kind, Some(Kind::Push(_))) {
            return CheckSourceResponse {
                reachable: true,
                problem: "data is sent to this source; there is nothing to read".into(),
                ..CheckSourceResponse::default()
            };
        }
        let Some(contract) = contract else {
            return failed("the source has no contract");
        };
        let terms = self.intake.terms(self.tenant, self.source, Some(contract));
        let Ok(terms) = terms.await else {
            return failed("the database does not answer: try again");
        };
        let first = tokio::time::timeout(LIMIT, self.first(definition, &terms));
        let pages = match first.await {
            Ok(Ok(pages)) => pages,
            Ok(Err(fault)) => return failed(&fault.to_string()),
            Err(_) => return failed("the source took too long to answer"),
        };
        let judging = |records| judge(self.intake, self.tenant, self.source, &terms, records);
        let mut judged: Vec<Judged> = pages.into_iter().flat_map(judging).collect();
        judged.truncate(self.records_max);
        let mut counts = Counts::default();
        let mut violations: Vec<ProtoViolation> = Vec::new();
        for judged in &judged {
            counts.received += 1;
            let wrong = match &judged.verdict {
                Verdict::Accept(_) => {
                    counts.accepted += 1;
                    continue;
                }
                Verdict::Quarantine { violations, .. } => {
                    counts.quarantined += 1;
                    violations
                }
                Verdict::Reject(violations) => {
                    counts.rejected += 1;
                    violations
                }
            };
            for one in wrong {
                let told = |it: &ProtoViolation| it.field == one.field && it.reason == one.reason;
                if violations.len() < VIOLATIONS_MAX && !violations.iter().any(told) {
                    violations.push(ProtoViolation {
                        field: one.field.clone(),
                        reason: one.reason.to_owned(),
                        description: one.description.clone(),
                    });
                }
            }
        }
        CheckSourceResponse {
            reachable: true,
            problem: String::new(),
            records: i32::try_from(counts.received).unwrap_or(i32::MAX),
            receipts: Some(receipts(&counts)),
            violations,
        }
    }

    async fn first(&self, definition: &Source, terms: &Terms) -> Result<Vec<Records>, PullFault> {
        let mut puller = self.opener.open(&Opening {
            intake: self.intake,
            tenant: self.tenant,
            id: self.source,
            uid: Uuid::nil(),
            definition,
            terms,
            progress: &Progress::Start,
            position: None,
            rows_max: Some(self.records_max),
        })?;
        // A page says how many records it has only when it is judged; one with the most that were asked for is enough.
        match puller.next().await? {
            Next::Page(page) => Ok(vec![page.records]),
            Next::End(_) | Next::Unchanged => Ok(Vec::new()),
        }
    }
}

fn failed(problem: &str) -> CheckSourceResponse {
    CheckSourceResponse {
        reachable: false,
        problem: problem.to_owned(),
        ..CheckSourceResponse::default()
    }
}
