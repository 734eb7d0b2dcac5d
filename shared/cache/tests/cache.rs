//! One suite for the cache in this process and for the one on Redis (`CLIENTELE_TEST_REDIS`).

mod cache {
    pub(crate) mod harness;
    pub(crate) mod world;

    mod faults;
    mod model;
    mod protocol;
}
