//! The service over real gRPC: on SQLite with the cache in this process, and on PostgreSQL with Redis.

#[path = "profile/harness.rs"]
mod harness;
#[path = "profile/place.rs"]
mod place;
#[path = "profile/proxy.rs"]
mod proxy;

#[path = "profile/apply.rs"]
mod apply;
#[path = "profile/cache.rs"]
mod cache;
#[path = "profile/crash.rs"]
mod crash;
#[path = "profile/feed.rs"]
mod feed;
#[path = "profile/identity.rs"]
mod identity;
#[path = "profile/lake.rs"]
mod lake;
#[path = "profile/reads.rs"]
mod reads;
#[path = "profile/tenants.rs"]
mod tenants;
