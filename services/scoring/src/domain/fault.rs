//! What the models refuse.

/// Why a customer's history, a parameter or a setting is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field} must be {rule}, not {value}")]
pub struct Invalid {
    /// Name of the argument at fault.
    pub field: &'static str,
    /// What it must be.
    pub rule: &'static str,
    /// What it was.
    pub value: f64,
}

/// Why data cannot identify a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unidentified {
    /// Fewer customers than the model needs.
    #[error("{model} needs at least {needed} customers with {what}, the history has {found}")]
    TooFewCustomers {
        /// Model that was to be fitted.
        model: &'static str,
        /// Customers it needs.
        needed: usize,
        /// What they must have.
        what: &'static str,
        /// Customers that have it.
        found: usize,
    },
    /// Nobody came back, so neither rate nor drop-out can be told.
    #[error(
        "none of {customers} customers bought on more than one day, so neither rate nor drop-out can be told"
    )]
    NoRepeatPurchases {
        /// Customers in the history.
        customers: usize,
    },
    /// The likelihood has no maximum that the optimiser could reach.
    #[error("{model} did not converge after {iterations} iterations: {detail}")]
    NotConverged {
        /// Model that was to be fitted.
        model: &'static str,
        /// Iterations over all starts.
        iterations: u32,
        /// What was seen.
        detail: String,
    },
}

impl Unidentified {
    /// Returns the stable reason code.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooFewCustomers { .. } => "TOO_FEW_CUSTOMERS",
            Self::NoRepeatPurchases { .. } => "NO_REPEAT_PURCHASES",
            Self::NotConverged { .. } => "NOT_CONVERGED",
        }
    }
}
