//! Whose request it is, until when, and as part of which trace.

use crate::deadline::Deadline;
use crate::fault::Invalid;
use crate::trace;
use std::sync::Arc;
use tonic::metadata::{AsciiMetadataValue, MetadataMap, MetadataValue};
use tonic::transport::server::TcpConnectInfo;
use tonic::{Request, Status};

/// Metadata key that names the tenant.
pub const TENANT_KEY: &str = "x-clientele-tenant";

/// Longest tenant id in bytes.
const TENANT_BYTES_MAX: usize = 40;

/// Id of a tenant: 1 to 40 of `[a-z0-9-]`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct TenantId(Arc<str>);

/// Text that is no tenant id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tenant id is 1 to 40 lower-case letters, digits and hyphens")]
pub struct InvalidTenantId;

impl TenantId {
    /// Reads a tenant id.
    pub fn parse(text: &str) -> Result<Self, InvalidTenantId> {
        let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
        match (1..=TENANT_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.into())),
            false => Err(InvalidTenantId),
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// Returns the tenant of callers on loopback that name none.
    fn default() -> Self {
        Self("default".into())
    }
}

impl std::fmt::Display for TenantId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for TenantId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for TenantId {
    type Err = InvalidTenantId;

    fn from_str(text: &str) -> Result<Self, InvalidTenantId> {
        Self::parse(text)
    }
}

impl<'de> serde::Deserialize<'de> for TenantId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What a request carries beside its message.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Whose data it is about.
    pub tenant: TenantId,
    /// When the caller stops waiting, if it ever does.
    pub deadline: Option<Deadline>,
    /// Trace headers as they came in.
    trace: Vec<(&'static str, AsciiMetadataValue)>,
}

impl RequestContext {
    /// Returns the context of work that no request started.
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            deadline: None,
            trace: Vec::new(),
        }
    }

    /// Reads the context of a request.
    ///
    /// A caller on loopback that names no tenant means `default`; any other must name one. Fails with
    /// `INVALID_ARGUMENT` for a missing or malformed tenant.
    pub fn from_request<T>(request: &Request<T>) -> Result<Self, Status> {
        let metadata = request.metadata();
        let tenant = match metadata.get(TENANT_KEY) {
            Some(value) => parse_tenant(value)?,
            None if is_local(request) => TenantId::default(),
            None => {
                return Err(Invalid::field(
                    TENANT_KEY,
                    "REQUIRED",
                    "metadata must name the tenant",
                )
                .into());
            }
        };
        Ok(Self {
            tenant,
            deadline: request.extensions().get::<Deadline>().copied(),
            trace: trace_headers(metadata),
        })
    }

    /// Carries tenant, trace and what is left of the time over to a call that serves this request.
    pub fn attach<T>(&self, request: &mut Request<T>) {
        if let Ok(value) = MetadataValue::try_from(self.tenant.as_str()) {
            request.metadata_mut().insert(TENANT_KEY, value);
        }
        for (key, value) in &self.trace {
            request.metadata_mut().insert(*key, value.clone());
        }
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline.left());
        }
    }

    /// Wraps a message in a request that carries this context.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.attach(&mut request);
        request
    }
}

fn parse_tenant(value: &AsciiMetadataValue) -> Result<TenantId, Status> {
    let text = value.to_str().unwrap_or_default();
    TenantId::parse(text)
        .map_err(|error| Invalid::field(TENANT_KEY, "MALFORMED", error.to_string()).into())
}

/// Tells whether the caller is on this machine; a request without a connection was made in this process.
fn is_local<T>(request: &Request<T>) -> bool {
    request
        .extensions()
        .get::<TcpConnectInfo>()
        .and_then(TcpConnectInfo::remote_addr)
        .is_none_or(|address| address.ip().to_canonical().is_loopback())
}

fn trace_headers(metadata: &MetadataMap) -> Vec<(&'static str, AsciiMetadataValue)> {
    trace::HEADERS
        .into_iter()
        .filter_map(|key| Some((key, metadata.get(key)?.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tenant_ids() {
        assert!(TenantId::parse("acme-2").is_ok());
        for text in ["", "Acme", "a_b", "a b", "ä", &"a".repeat(41)] {
            assert_eq!(TenantId::parse(text), Err(InvalidTenantId), "{text}");
        }
    }

    #[test]
    fn carries_tenant_and_trace_on() {
        let mut incoming = Request::new(());
        incoming
            .metadata_mut()
            .insert(TENANT_KEY, "acme".parse().unwrap());
        incoming
            .metadata_mut()
            .insert("traceparent", "00-1-2-01".parse().unwrap());

        let outgoing = RequestContext::from_request(&incoming).unwrap().request(());

        assert_eq!(outgoing.metadata().get(TENANT_KEY).unwrap(), "acme");
        assert_eq!(outgoing.metadata().get("traceparent").unwrap(), "00-1-2-01");
    }

    #[test]
    fn asks_remote_callers_for_their_tenant() {
        let mut request = Request::new(());
        assert_eq!(
            RequestContext::from_request(&request).unwrap().tenant,
            TenantId::default()
        );

        let remote_addr = Some("192.0.2.1:5000".parse().unwrap());
        request.extensions_mut().insert(TcpConnectInfo {
            local_addr: None,
            remote_addr,
        });

        assert!(RequestContext::from_request(&request).is_err());
    }
}
