//! Masks personal values: keyed hashes, partial masks, tokens of the same format, and sealing under keys that rotate.
