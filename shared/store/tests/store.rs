//! One suite, run on SQLite and on PostgreSQL (`CLIENTELE_TEST_POSTGRES`).

mod store {
    pub(crate) mod harness;

    mod bulk;
    mod faults;
    mod group;
    mod leases;
    mod operations;
    mod pause;
    mod requests;
    mod transactions;
}
