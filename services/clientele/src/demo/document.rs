//! The document that `clientele demo --output json` prints.

use crate::elapsed::Elapsed;
use api::campaign::AllocateBudgetResponse;
use api::ingestion::{ImportFileResponse, ReceiptCounts};
use api::scoring::{BgNbdParameters, ModelVersion};
use api::segmentation::ComputeRfmSegmentsResponse;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that the demo found, in one document. Amounts are integers of minor units.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Document {
    /// What became of the rows, all files together.
    pub(crate) receipts: Receipts,
    /// What became of the rows, per file.
    pub(crate) files: Vec<FileReceipts>,
    /// Rows by mark of the contract, all files together.
    pub(crate) marks: BTreeMap<String, i64>,
    /// Rows that were not accepted, by reason.
    pub(crate) reasons: BTreeMap<String, i64>,
    /// Customers that have a profile.
    pub(crate) customers: i64,
    /// Last day that counts, as `YYYY-MM-DD`.
    pub(crate) as_of: String,
    /// Lifetime value model.
    pub(crate) clv: Clv,
    /// Segments, largest value first.
    pub(crate) segments: Vec<SegmentRow>,
    /// Allocation of the budget.
    pub(crate) allocation: Allocation,
    /// Milliseconds by stage, and in all as `total`.
    pub(crate) elapsed_ms: BTreeMap<String, u64>,
}

/// Counts of what became of rows.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Receipts {
    /// Rows read.
    pub(crate) received: i64,
    /// Committed to the event log.
    pub(crate) accepted: i64,
    /// There already.
    pub(crate) duplicate: i64,
    /// Same key, other content.
    pub(crate) conflict: i64,
    /// Kept aside with a reason.
    pub(crate) quarantined: i64,
    /// Malformed beyond keeping.
    pub(crate) rejected: i64,
}

/// Receipts of one file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileReceipts {
    /// Name of the file.
    pub(crate) file: String,
    /// What became of its rows.
    pub(crate) receipts: Receipts,
}

/// Lifetime value model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Clv {
    /// Version that was trained.
    pub(crate) model_version: String,
    /// Customers it was trained on.
    pub(crate) customers: i64,
    /// BG/NBD parameters.
    pub(crate) bgnbd: BgNbd,
    /// MBG/NBD parameters, from which the probability alive is served.
    pub(crate) mbgnbd: BgNbd,
    /// Gamma-Gamma parameters.
    pub(crate) gamma_gamma: GammaGamma,
}

/// Parameters of BG/NBD or its modified form; time in weeks.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)] // The letters are the model's own.
pub(crate) struct BgNbd {
    pub(crate) r: f64,
    pub(crate) alpha: f64,
    pub(crate) a: f64,
    pub(crate) b: f64,
    pub(crate) log_likelihood: f64,
}

/// Parameters of Gamma-Gamma; `v` in whole units of the currency.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)] // The letters are the model's own.
pub(crate) struct GammaGamma {
    pub(crate) p: f64,
    pub(crate) q: f64,
    pub(crate) v: f64,
    pub(crate) log_likelihood: f64,
}

/// One segment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SegmentRow {
    /// Resource name.
    pub(crate) name: String,
    /// Name for people.
    pub(crate) display_name: String,
    /// Members.
    pub(crate) customers: i64,
    /// Sum of their lifetime values; absent when scoring could not be asked.
    pub(crate) clv_minor: Option<i64>,
    /// Net spend of the members so far.
    pub(crate) net_spend_minor: i64,
    /// One sentence on them.
    pub(crate) summary: String,
}

/// The allocation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Allocation {
    /// Budget.
    pub(crate) budget_minor: i64,
    /// Spend of all cells.
    pub(crate) spend_minor: i64,
    /// Currency.
    pub(crate) currency: String,
    /// Cells.
    pub(crate) cells: Vec<CellRow>,
    /// Expected profit of all cells.
    pub(crate) expected_profit_minor: f64,
    /// Profit that one more minor unit of budget would add.
    pub(crate) shadow_price_total: f64,
    /// Largest possible difference to the best profit.
    pub(crate) gap: f64,
    /// Spend at which marginal profit reaches zero.
    pub(crate) profitable_spend_minor: i64,
    /// What was assumed rather than learned.
    pub(crate) assumptions: Vec<String>,
}

/// One cell of the allocation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CellRow {
    /// Segment.
    pub(crate) segment: String,
    /// Channel.
    pub(crate) channel: String,
    /// Spend.
    pub(crate) spend_minor: i64,
    /// Margin times incremental revenue, minus spend.
    pub(crate) expected_profit_minor: f64,
    /// Margin on the next minor unit of spend, before its cost.
    pub(crate) marginal_return: f64,
    /// True when the curve is an assumption.
    pub(crate) assumed: bool,
    /// Constraint that holds it; empty when none does.
    pub(crate) bound: String,
    /// Reason in one sentence.
    pub(crate) reason: String,
}

/// What the stages of the demo answered.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Customers that have a profile.
    pub(crate) customers: i64,
    /// Model that was trained.
    pub(crate) model: ModelVersion,
    /// Segments.
    pub(crate) segments: ComputeRfmSegmentsResponse,
    /// Allocation.
    pub(crate) allocation: AllocateBudgetResponse,
    /// Time of the stages.
    pub(crate) elapsed: Elapsed,
}

impl Document {
    /// Puts together what the stages answered and what the imports did, one per file.
    pub(crate) fn new(answers: &Answers, imports: &[ImportFileResponse]) -> Self {
        let mut receipts = Receipts::default();
        let mut marks = BTreeMap::new();
        let mut reasons = BTreeMap::new();
        for imported in imports {
            receipts.add(imported.receipts.as_ref());
            for it in &imported.marks {
                *marks.entry(it.mark.clone()).or_default() += it.rows;
            }
            for it in &imported.reasons {
                *reasons.entry(it.reason.clone()).or_default() += it.rows;
            }
        }
        let files = imports.iter().map(|it| {
            let mut receipts = Receipts::default();
            receipts.add(it.receipts.as_ref());
            FileReceipts {
                file: it.file_name.clone(),
                receipts,
            }
        });
        Self {
            receipts,
            files: files.collect(),
            marks,
            reasons,
            customers: answers.customers,
            as_of: answers.model.as_of.clone(),
            clv: clv(&answers.model),
            segments: answers.segments.segments.iter().map(segment).collect(),
            allocation: allocation(&answers.allocation),
            elapsed_ms: answers.elapsed.milliseconds(),
        }
    }
}

impl Receipts {
    fn add(&mut self, counts: Option<&ReceiptCounts>) {
        let Some(it) = counts else { return };
        self.received += it.received;
        self.accepted += it.accepted;
        self.duplicate += it.duplicate;
        self.conflict += it.conflict;
        self.quarantined += it.quarantined;
        self.rejected += it.rejected;
    }
}

fn clv(model: &ModelVersion) -> Clv {
    let btyd = |parameters: Option<&BgNbdParameters>| {
        parameters
            .map(|it| BgNbd {
                r: it.r,
                alpha: it.alpha,
                a: it.a,
                b: it.b,
                log_likelihood: it.log_likelihood,
            })
            .unwrap_or_default()
    };
    let gamma_gamma = model.gamma_gamma.as_ref();
    Clv {
        model_version: model.name.clone(),
        customers: model.customers,
        bgnbd: btyd(model.bgnbd.as_ref()),
        mbgnbd: btyd(model.mbgnbd.as_ref()),
        gamma_gamma: gamma_gamma
            .map(|it| GammaGamma {
                p: it.p,
                q: it.q,
                v: it.v,
                log_likelihood: it.log_likelihood,
            })
            .unwrap_or_default(),
    }
}

fn segment(segment: &api::segmentation::Segment) -> SegmentRow {
    let summary = segment.summary.clone().unwrap_or_default();
    SegmentRow {
        name: segment.name.clone(),
        display_name: segment.display_name.clone(),
        customers: summary.customers,
        clv_minor: summary.clv.as_ref().map(|it| it.minor_units),
        net_spend_minor: summary.net_spend.as_ref().map_or(0, |it| it.minor_units),
        summary: summary.text,
    }
}

fn allocation(answer: &AllocateBudgetResponse) -> Allocation {
    let budget = answer.budget.clone().unwrap_or_default();
    let cells = answer.cells.iter().map(|it| CellRow {
        segment: it.segment.clone(),
        channel: it.channel.clone(),
        spend_minor: it.spend_minor,
        expected_profit_minor: it.expected_profit_minor,
        marginal_return: it.marginal_return,
        assumed: it.assumed,
        bound: it.bound.clone(),
        reason: it.reason.clone(),
    });
    Allocation {
        budget_minor: budget.minor_units,
        spend_minor: answer.spend_minor,
        currency: budget.currency_code,
        cells: cells.collect(),
        expected_profit_minor: answer.expected_profit_minor,
        shadow_price_total: answer.shadow_price_total,
        gap: answer.gap,
        profitable_spend_minor: answer.profitable_spend_minor,
        assumptions: answer.assumptions.clone(),
    }
}
