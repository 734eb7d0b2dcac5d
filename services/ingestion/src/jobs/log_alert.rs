//! Warns every tenant before the event log is so full that it takes nothing more.

use std::collections::BTreeSet;

use sketch::series::Expected;
use store::Store;
use store::lease::Lease;

use super::worker::StepError;
use crate::domain::quality::alerts::Finding;
use crate::store::{EventLog, Fill, LogError, quality};

/// Rule of the alert.
const RULE: &str = "log_bound";
/// Share of the bound at which the alert is raised, and below which it is cleared again.
const RAISE: f64 = 0.8;
const CLEAR: f64 = 0.7;

/// Raises the alert for tenants, or clears it. `stands` tells whether it stood before; returns whether it stands now.
pub(super) async fn watch(
    store: &Store,
    log: &dyn EventLog,
    lease: &Lease,
    tenants: &BTreeSet<&str>,
    stands: bool,
) -> Result<bool, StepError> {
    let fill = log.fill().await?;
    let found = finding(fill, stands);
    for tenant in tenants {
        quality::settle_alerts(store, lease, (tenant, ""), &[RULE], found.as_slice())
            .await
            .map_err(LogError::from)?;
    }
    Ok(found.is_some())
}

fn finding(fill: Fill, stands: bool) -> Option<Finding> {
    let least = if stands { CLEAR } else { RAISE };
    (fill.ratio() >= least).then(|| Finding {
        field: String::new(),
        metric: "log",
        rule: RULE,
        day: None,
        value: fill.ratio(),
        expected: Expected {
            min: None,
            max: Some(RAISE),
        },
        description: format!(
            "the event log has reached {:.0} % of its bound; at 100 % events are refused until profile and the lake catch up",
            100.0 * fill.ratio()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_early_and_does_not_waver() {
        let at = |held| Fill { held, most: 100 };
        assert!(finding(at(79), false).is_none());
        assert!(finding(at(80), false).is_some());
        assert!(finding(at(75), true).is_some());
        assert!(finding(at(69), true).is_none());
        assert!(finding(Fill::default(), false).is_none());
    }
}
