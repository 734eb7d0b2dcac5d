//! Reports as one self-contained page: tables, charts and words.
