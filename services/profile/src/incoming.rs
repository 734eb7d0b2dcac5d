//! Reads the events of a batch into what the domain applies, and finds those that cannot be.

use std::collections::BTreeMap;

use api::common::{FragmentRef, IdentifierStrength, StandardEvent};
use runtime::context::TenantId;

use crate::domain::batch::Incoming;
use crate::domain::identity::{Identifier, Strength};

/// Longest namespace in bytes.
const NAMESPACE_BYTES_MAX: usize = 64;

/// Why an event is parked. The names are part of the contract with ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Park {
    /// It does not hold what every standard event must.
    Undecodable,
    /// Its tenant is not known or deleted.
    TenantNotFound,
    /// Its tenant is suspended.
    TenantSuspended,
    /// Its value is not in the tenant's currency.
    CurrencyMismatch,
}

impl Park {
    /// The stable reason in the answer.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Undecodable => "EVENT_UNDECODABLE",
            Self::TenantNotFound => "TENANT_NOT_FOUND",
            Self::TenantSuspended => "TENANT_SUSPENDED",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
        }
    }
}

/// An event that can be read, with what its tenant has to say about it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Index in the batch.
    pub(crate) index: u32,
    /// What is applied.
    pub(crate) incoming: Incoming,
    /// Currency of its value, if it has one.
    pub(crate) currency: Option<String>,
}

/// A batch after reading.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// Readable events by tenant, in their order.
    pub(crate) by_tenant: BTreeMap<String, Vec<Candidate>>,
    /// Index of each unreadable one.
    pub(crate) undecodable: Vec<u32>,
}

/// Reads a batch.
pub(crate) fn read(events: &[StandardEvent]) -> Candidates {
    let mut candidates = Candidates::default();
    for (event, index) in events.iter().zip(0..) {
        match candidate(event, index) {
            Some(candidate) => candidates
                .by_tenant
                .entry(event.tenant.clone())
                .or_default()
                .push(candidate),
            None => candidates.undecodable.push(index),
        }
    }
    candidates
}

fn candidate(event: &StandardEvent, index: u32) -> Option<Candidate> {
    let time = |it: &Option<prost_types::Timestamp>| {
        Some(runtime::time::from_proto(it.as_ref()?)?.timestamp_millis())
    };
    let identifiers: Vec<Identifier> = event
        .fragments
        .iter()
        .map(identifier)
        .collect::<Option<_>>()?;
    if identifiers.is_empty() || TenantId::parse(&event.tenant).is_err() || event.r#type.is_empty()
    {
        return None;
    }
    let incoming = Incoming {
        identifiers,
        event: lake::events::from_standard(event),
        event_ms: time(&event.event_time)?,
        local_day: event.local_day,
        known_ms: time(&event.known_time)?,
    };
    let currency = event.value.as_ref().map(|it| it.currency_code.clone());
    Some(Candidate {
        index,
        incoming,
        currency,
    })
}

fn identifier(fragment: &FragmentRef) -> Option<Identifier> {
    let strength = match fragment.strength() {
        IdentifierStrength::Unspecified => return None,
        IdentifierStrength::Weak => Strength::Weak,
        IdentifierStrength::Medium => Strength::Medium,
        IdentifierStrength::Strong => Strength::Strong,
    };
    let id = fragment.fragment_id.as_slice().try_into().ok()?;
    // What the database may refuse must not reach it: it would refuse the whole batch, again and again.
    let namespace = fragment.namespace.as_str();
    if !(1..=NAMESPACE_BYTES_MAX).contains(&namespace.len()) || namespace.contains(char::is_control)
    {
        return None;
    }
    Some(Identifier {
        fragment: id,
        namespace: fragment.namespace.clone(),
        strength,
    })
}
