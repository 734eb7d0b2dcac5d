//! Rebuilds states from the lake while events keep coming.
//!
//! A pass replays the tenant's events into one shadow state per fragment, then goes through the stored fragments a few
//! hundred at a time and replaces, under their customers' locks, those whose shadow holds equally many events. What got
//! events meanwhile is left to the next pass.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use api::profile::{RebuildStatesMetadata, RebuildStatesResponse};
use features::CustomerState;
use lake::{Lake, LakeError, ReplayRequest};
use prost_types::Any;
use runtime::operations::{OperationContext, OperationHandler};
use tonic::Status;

use crate::domain::batch::{Verdict, hex};
use crate::domain::identity::{FragmentId, Identifier};
use crate::error::Error;
use crate::service::Core;
use crate::store::customers;

/// Kind of the operation.
pub(crate) const REBUILD_STATES: &str = "rebuild-states";
/// Most passes over the lake.
const PASSES_MAX: i32 = 5;
/// Pause before another pass, in which the lake catches up.
const PAUSE: Duration = Duration::from_secs(2);
/// Fragments in one transaction.
const CHUNK: i64 = 500;

/// Rebuilds states.
pub(crate) struct Rebuild {
    pub(crate) core: Arc<Core>,
    pub(crate) lake: Lake,
}

/// What was done so far.
#[derive(Debug, Default)]
struct Sums {
    replaced: i64,
    unchanged: i64,
    lagging: HashSet<FragmentId>,
}

#[async_trait::async_trait]
impl OperationHandler for Rebuild {
    async fn run(&self, context: OperationContext, _: Any) -> Result<Any, Status> {
        let mut sums = Sums::default();
        for pass in 1..=PASSES_MAX {
            let only = std::mem::take(&mut sums.lagging);
            self.pass(&context, pass, &only, &mut sums).await?;
            if sums.lagging.is_empty() || pass == PASSES_MAX {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = context.cancelled() => return Err(Status::cancelled("the rebuild was cancelled")),
            }
        }
        let Sums {
            replaced,
            unchanged,
            lagging,
        } = sums;
        let lagging = i64::try_from(lagging.len()).unwrap_or(i64::MAX);
        Ok(runtime::any::pack(&RebuildStatesResponse {
            replaced,
            unchanged,
            lagging,
        }))
    }
}

impl Rebuild {
    /// Goes through all fragments, or through `only` those that lagged at the pass before.
    async fn pass(
        &self,
        context: &OperationContext,
        pass: i32,
        only: &HashSet<FragmentId>,
        sums: &mut Sums,
    ) -> Result<(), Status> {
        let tenant = context.tenant().as_str();
        let shadow = self.shadow(tenant).await?;
        let (mut after, mut fragments) = (Vec::new(), 0);
        loop {
            let store = &self.core.store;
            let chunk = customers::fragments(store.reader(), tenant, &after, CHUNK).await?;
            let Some(last) = chunk.last() else {
                return Ok(());
            };
            after = last.fragment.to_vec();
            fragments += i64::try_from(chunk.len()).unwrap_or(0);
            self.chunk(tenant, chunk, only, &shadow, sums).await?;
            let metadata = RebuildStatesMetadata {
                pass,
                fragments,
                replaced: sums.replaced,
            };
            context.progress(runtime::any::pack(&metadata)).await?;
        }
    }

    async fn chunk(
        &self,
        tenant: &str,
        chunk: Vec<Identifier>,
        only: &HashSet<FragmentId>,
        shadow: &HashMap<String, CustomerState>,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let (mut identifiers, mut rebuilt) = (BTreeMap::new(), HashMap::new());
        for identifier in chunk {
            let wanted = only.is_empty() || only.contains(&identifier.fragment);
            if let Some(state) = shadow.get(&hex(&identifier.fragment)).filter(|_| wanted) {
                rebuilt.insert(identifier.fragment, state.clone());
                identifiers.insert(identifier.fragment, identifier);
            }
        }
        if identifiers.is_empty() {
            return Ok(());
        }
        for verdict in self
            .core
            .applier
            .replace(tenant, &identifiers, &rebuilt)
            .await?
        {
            match verdict {
                Verdict::Replaced => sums.replaced += 1,
                Verdict::Unchanged => sums.unchanged += 1,
                Verdict::Lagging(fragment) => {
                    sums.lagging.insert(fragment);
                }
            }
        }
        Ok(())
    }

    /// The lake's state of every fragment.
    async fn shadow(&self, tenant: &str) -> Result<HashMap<String, CustomerState>, Error> {
        let request = ReplayRequest {
            tenant: tenant.to_owned(),
            as_of_day: i32::MAX,
            known_by: chrono::DateTime::<chrono::Utc>::MAX_UTC,
        };
        let replayed = self
            .lake
            .replay_fragments(&request, |_| ControlFlow::Continue(()))
            .await;
        replayed.map_err(|error: LakeError| Error::Lake(error))
    }
}
