//! What is known of one customer, in numbers: the state that events build up, and the features read from it.
//!
//! Pure: no clock, no store, no random source. The same code runs where events arrive and where history is replayed,
//! so a model is served exactly what it was trained on. Start at [`CustomerState`], then [`catalogue`].

mod answers;
pub mod catalogue;
mod compute;
mod event;
mod hash;
mod ladder;
mod purchases;
mod sketch;
mod stage;
mod state;
mod tally;
mod wire;

pub use catalogue::{
    CATALOGUE_VERSION, Definition, MadeOf, PersonalData, ValueType, catalogue, definition,
};
pub use compute::{AsOf, Cell, Row, Status, Value};
pub use event::{Corrected, Event, EventKind, Item, Touch};
pub use hash::hash32;
pub use ladder::Windowed;
pub use purchases::{PurchaseDay, PurchaseSummary};
pub use stage::Stage;
pub use state::{Accumulator, CustomerState};
pub use wire::{DecodeError, STATE_VERSION_NEWEST, STATE_VERSION_OLDEST, Version};
