//! Fetches data from where it lies: databases, HTTP endpoints and folders of files.
//!
//! A [`Puller`] gives page after page. Each page says how far the pull has come with it; both are committed in one
//! transaction, so that a pull that dies goes on behind its last page. [`cursor`] is what is remembered.

pub(crate) mod cursor;
mod fault;
mod files;
pub(crate) mod http;
mod judge;
mod open;
pub(crate) mod sql;
mod trial;

pub(crate) use cursor::{Position, Progress, position_text};
pub(crate) use fault::PullFault;
pub(crate) use judge::judge;
pub(crate) use open::{Opener, Opening, is_for};
pub(crate) use trial::Trial;

use async_trait::async_trait;

use crate::domain::judge::Judged;

/// Cells of a record in the order of the contract's columns; `None` is a missing value.
pub(crate) type Cells = Vec<Option<String>>;

/// Records that were pulled.
pub(crate) enum Records {
    /// Rows of a database.
    Cells(Vec<Cells>),
    /// An answer in JSON with a list of records; a column's name is the path of a field.
    Json {
        /// The answer.
        body: String,
        /// Where the list is, names separated by dots; empty means that the answer is the list.
        path: String,
    },
    /// Rows of a file, judged already.
    Judged(Vec<Judged>),
}

/// Records that are committed together.
pub(crate) struct Page {
    /// The records.
    pub(crate) records: Records,
    /// How far the pull has come with them.
    pub(crate) progress: Progress,
    /// Where the next pull begins, if it is known already.
    pub(crate) position: Option<Position>,
    /// A file that ends with this page: its name and what it is known by.
    pub(crate) file_taken: Option<(String, Vec<String>)>,
}

/// What comes next of a pull.
pub(crate) enum Next {
    /// A page.
    Page(Page),
    /// Nothing more. The next pull begins at the position; absent means where this one began or moved to.
    End(Option<Position>),
    /// Nothing had changed since the last pull.
    Unchanged,
}

/// Pulls from one source.
#[async_trait]
pub(crate) trait Puller: Send {
    /// Fetches what follows. After a fault it can be asked again for the same.
    async fn next(&mut self) -> Result<Next, PullFault>;
}
