//! Mergeable sketches of columns: counts, quantiles, distinct values, and what stands out of them.
