//! What a file looks like that nobody has described: its columns, and a contract to begin with.
//!
//! [`Table`] takes rows in, in bounded memory; [`Survey`] is what it comes to; [`propose`] writes a contract of it, with a
//! comment wherever it guesses.

mod column;
mod mapping;
mod meaning;
mod propose;
mod remarks;
mod survey;
mod table;
mod times;
mod yaml;

pub use propose::propose;
pub use remarks::remarks;
pub use survey::{ColumnSurvey, Key, Kind, Survey};
pub use table::{Table, TableShape};

use chrono::NaiveDate;

/// What is known beside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Name of the file.
    pub file_name: String,
    /// Source that the contract is for.
    pub source: String,
    /// Zone of the tenant's days, where there is a tenant.
    pub zone: Option<String>,
    /// Currency of the tenant's values, where there is a tenant.
    pub currency: Option<String>,
    /// Today, for files that tell no time.
    pub today: NaiveDate,
}

#[cfg(test)]
mod tests;
