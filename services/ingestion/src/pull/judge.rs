use crate::domain::Violation;
use crate::domain::json::{self, Json};
use crate::domain::judge::{Judged, Tenant};
use crate::domain::mapping::Mapper;
use crate::domain::occurrences::Occurrences;
use crate::domain::terms::Terms;
use crate::intake::Intake;

use super::http::at;
use super::{Cells, Records};

/// Judges what was pulled, by the same stages as a file's rows.
pub(crate) fn judge(
    intake: &Intake,
    tenant: &Tenant,
    source: &str,
    terms: &Terms,
    records: Records,
) -> Vec<Judged> {
    let Some(contract) = terms.contract.as_deref() else {
        return Vec::new();
    };
    let positions = (0..contract.columns.len()).collect();
    let mapper = Mapper::new(contract, source, intake.keys(), positions)
        .with_baseline(terms.baseline.as_deref());
    let judged = |draft| intake.judge(tenant, terms, draft);
    match records {
        Records::Judged(rows) => rows,
        Records::Cells(rows) => rows
            .iter()
            .map(|cells| judged(row(&mapper, cells)))
            .collect(),
        Records::Json { body, path } => {
            let Ok(answer) = json::parse(&body) else {
                return Vec::new();
            };
            let Some(Json::List(records)) = at(&answer, &path) else {
                return Vec::new();
            };
            let draft = |record: &Json<'_>| match record {
                // A record without its key is known by its content alone; read again, it is the same one.
                Json::Object(_) => mapper.object(record, 0, &mut Occurrences::default()),
                other => {
                    let problem = Violation::new("", "INVALID_JSON", "the record is no object");
                    let content = intake.keys().content([other.cell().as_bytes()]);
                    mapper.unreadable(content, problem, &mut Occurrences::default())
                }
            };
            records.iter().map(|record| judged(draft(record))).collect()
        }
    }
}

fn row(mapper: &Mapper<'_>, cells: &Cells) -> crate::domain::draft::Draft {
    let cells: Vec<&str> = cells
        .iter()
        .map(|cell| cell.as_deref().unwrap_or_default())
        .collect();
    mapper.draft(&cells, 0, &mut Occurrences::default())
}
