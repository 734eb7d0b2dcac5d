//! Treats values that are not those which usually go with the others.

use super::super::baseline::Baseline;
use super::super::contract::{Contract, Dependency, Treatment};
use super::super::lesson::joined;
use super::super::record::{Action, Record};
use super::{Finding, mend, replace};

/// Checks one dependency.
pub(super) fn check(
    contract: &Contract,
    dependency: &Dependency,
    baseline: &Baseline,
    record: &mut Record<'_>,
) {
    let texts = |index: &usize| record.cells[*index].text();
    let Some(from) = joined(dependency.from.iter().map(texts)) else {
        return;
    };
    let learned = baseline.dependencies.get(&dependency.id);
    let hash = baseline.hash(&from);
    let Some(usual) = learned
        .zip(hash)
        .and_then(|(it, from)| it.values.get(&from))
    else {
        return;
    };
    let grounds = usual.records >= u64::from(dependency.support)
        && usual.count as f64 >= dependency.share * usual.records as f64;
    if !grounds {
        return;
    }
    let index = dependency.to;
    let known = Some(usual.text.as_str()).filter(|text| !text.is_empty());
    let Some(text) = record.cells[index].text() else {
        if dependency.action == Treatment::Correct
            && let Some(text) = known
        {
            let text = Some(text.to_owned());
            replace(contract, index, text, Action::Imputed, "dependency", record);
        }
        return;
    };
    if baseline.hash(text) == Some(usual.hash) {
        return;
    }
    let names = dependency.from.iter();
    let names: Vec<&str> = names
        .map(|it| contract.columns[*it].name.as_str())
        .collect();
    let problem = format!("is not what usually goes with {}", names.join(", "));
    let finding = Finding {
        method: "dependency",
        reason: "DEPENDENCY_BROKEN",
        problem: &problem,
    };
    mend(
        contract,
        index,
        (dependency.action, known),
        &finding,
        record,
    );
}
