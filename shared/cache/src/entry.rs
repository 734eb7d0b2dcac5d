use bytes::Bytes;
use uuid::Uuid;

use crate::Epoch;

/// What is kept of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Version of the profile, growing with each commit; below 2^53.
    pub version: i64,
    /// Dense number of the customer within the tenant; 0 of a customer that is not known.
    pub ordinal: i64,
    /// State in its wire form; empty of a customer that is not known.
    pub state: Bytes,
}

impl Entry {
    /// Says that there is no such customer, so that asking again need not reach the database. Kept for a short time only.
    pub fn unknown() -> Self {
        Self {
            version: 0,
            ordinal: 0,
            state: Bytes::new(),
        }
    }

    /// Tells whether this says that there is no such customer.
    pub fn is_unknown(&self) -> bool {
        self.ordinal == 0
    }
}

/// Answer for one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// No older than the last commit that finished before the read began.
    Hit(Entry),
    /// About to change, or just changed: read the database, and do not fill.
    Marked,
    /// Not there: read the database, after this answer, and fill with the token.
    Miss(FillToken),
}

/// Answers for all customers of one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// One per customer, in the order asked.
    pub lookups: Vec<Lookup>,
    /// Time, in milliseconds since 1970, through which the entries are complete; nothing when it is not known.
    pub watermark: Option<i64>,
}

/// The right to fill one key. Readers that miss the same key before it is filled hold equal tokens; so do only they, which
/// makes it the key by which they may share one load.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FillToken {
    pub(crate) epoch: Epoch,
    pub(crate) tenant: String,
    pub(crate) customer: Uuid,
    pub(crate) nonce: u64,
}

impl FillToken {
    /// Customer whose key may be filled.
    pub fn customer(&self) -> Uuid {
        self.customer
    }
}

/// A writer's mark on the customers of one transaction and tenant.
#[derive(Debug, PartialEq, Eq)]
pub struct MarkToken {
    pub(crate) epoch: Epoch,
    pub(crate) tenant: String,
    pub(crate) customers: Vec<Uuid>,
    pub(crate) id: Uuid,
}

impl MarkToken {
    /// Epoch under which the keys were marked.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// A customer whose mark seems to be nobody's any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Epoch of the marked key.
    pub epoch: Epoch,
    /// Tenant.
    pub tenant: String,
    /// Customer.
    pub customer: Uuid,
}
