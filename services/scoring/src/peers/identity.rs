//! From what a caller calls a customer to the suite's own id.

use super::profile::{CUSTOMERS_MAX, PeerError, Profile};
use api::common::{CustomerRef, Identifier, customer_ref};
use moka::future::Cache;
use runtime::context::RequestContext;
use std::time::Duration;
use uuid::Uuid;

/// How long an answer is used again. Merging makes the old id an alias, so an older answer still leads to the customer.
const AGE_MAX: Duration = Duration::from_secs(30);
const ENTRIES_MAX: u64 = 100_000;

/// Hash of tenant and identifier: the identifier itself is not kept.
type Key = [u8; 32];

/// Resolves identifiers, remembering what it learned for half a minute.
#[derive(Clone)]
pub struct Identities {
    profile: Profile,
    known: Cache<Key, Uuid>,
}

impl Identities {
    /// Resolves by a profile service.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            known: Cache::builder()
                .max_capacity(ENTRIES_MAX)
                .time_to_live(AGE_MAX)
                .build(),
        }
    }

    /// Returns one id per reference, in their order; `None` for identifiers that belong to nobody.
    ///
    /// The suite's own ids are taken as they are; identifiers that are not remembered are asked for in one call.
    pub async fn resolve(
        &self,
        context: &RequestContext,
        customers: &[CustomerRef],
    ) -> Result<Vec<Option<Uuid>>, PeerError> {
        let mut found: Vec<Option<Uuid>> = Vec::with_capacity(customers.len());
        let mut asked = Vec::new();
        for (place, customer) in customers.iter().enumerate() {
            found.push(match &customer.r#ref {
                Some(customer_ref::Ref::CustomerId(id)) => Uuid::parse_str(id).ok(),
                Some(customer_ref::Ref::Identifier(identifier)) => {
                    let key = key(context, identifier);
                    let known = self.known.get(&key).await;
                    if known.is_none() {
                        asked.push((place, key));
                    }
                    known
                }
                None => None,
            });
        }
        for chunk in asked.chunks(CUSTOMERS_MAX) {
            let references = chunk
                .iter()
                .map(|(place, _)| customers[*place].clone())
                .collect();
            let answers = self.profile.resolve(context, references).await?;
            for ((place, key), answer) in chunk.iter().zip(answers) {
                if let Ok(id) = Uuid::parse_str(&answer.customer_id) {
                    self.known.insert(*key, id).await;
                    found[*place] = Some(id);
                }
            }
        }
        Ok(found)
    }
}

fn key(context: &RequestContext, identifier: &Identifier) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in [
        context.tenant.as_str(),
        &identifier.namespace,
        &identifier.value,
    ] {
        hasher
            .update(&(part.len() as u64).to_le_bytes())
            .update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
