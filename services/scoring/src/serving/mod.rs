//! Scores in the request path: which model, which states, which answer.

mod answer;
mod days;
mod models;
mod scorer;

pub(crate) use answer::purchases;
pub(crate) use days::{date_of, parse_day};
pub use days::{day_of, end_of_day, start_of_day};
pub use models::{LoadedModel, Models};
pub use scorer::{Ask, ScoreError, Scored, Scorer};
