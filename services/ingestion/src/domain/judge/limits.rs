//! Most identifiers, items and bytes that an event may have.

/// Most identifiers.
pub const IDENTIFIERS_MAX: usize = 16;
/// Most items.
pub const ITEMS_MAX: usize = 500;
/// Most bytes of encoded properties.
pub const PROPERTIES_BYTES_MAX: usize = 32 * 1024;
/// Most bytes of a whole event.
pub const EVENT_BYTES_MAX: usize = 512 * 1024;
/// Longest event type and source name.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest identifier.
pub const IDENTIFIER_BYTES_MAX: usize = 512;
/// Largest amount in minor units, so that no sum over a customer's life can overflow.
pub const AMOUNT_MAX: i64 = 10_000_000_000_000;
/// Largest quantity, in thousandths.
pub const QUANTITY_MILLI_MAX: i64 = 1_000_000_000_000;
