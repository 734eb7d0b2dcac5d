//! What the contracts say of each method, for servers and clients that handle all methods alike.

use prost::Message;
use prost_types::FileDescriptorSet;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// What must be known of a method to serve or call it well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// Full name without the leading slash, `package.Service/Method`: the label of its metrics.
    pub(crate) name: &'static str,
    pub(crate) client_streaming: bool,
    pub(crate) server_streaming: bool,
}

impl Method {
    /// Tells whether the call may stay open for as long as the caller wants.
    pub(crate) fn is_stream(self) -> bool {
        self.client_streaming || self.server_streaming
    }

    /// Tells whether the server's own cap on time leaves this call alone: streams, and calls that wait on purpose.
    pub(crate) fn may_last(self) -> bool {
        self.is_stream() || self.name == "google.longrunning.Operations/WaitOperation"
    }

    /// Tells whether the stream has no end of its own, so that a draining server must end it.
    pub(crate) fn is_endless(self) -> bool {
        let method = self.name.rsplit('/').next().unwrap_or_default();
        self.server_streaming && (self.is_probe() || method.starts_with("Watch"))
    }

    /// Tells whether the call asks about the server itself and must be answered under any load.
    pub(crate) fn is_probe(self) -> bool {
        self.name.starts_with("grpc.")
    }
}

const STANDARD: &[Method] = &[
    Method {
        name: "grpc.health.v1.Health/Check",
        client_streaming: false,
        server_streaming: false,
    },
    Method {
        name: "grpc.health.v1.Health/Watch",
        client_streaming: false,
        server_streaming: true,
    },
    Method {
        name: "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        client_streaming: true,
        server_streaming: true,
    },
];

static METHODS: LazyLock<HashMap<&'static str, Method>> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(api::DESCRIPTORS).unwrap_or_default();
    let mut methods: HashMap<&'static str, Method> =
        STANDARD.iter().map(|it| (it.name, *it)).collect();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let name = format!("{}.{}/{}", file.package(), service.name(), method.name());
                // The table lives as long as the process and is built once.
                let name: &'static str = Box::leak(name.into_boxed_str());
                let client_streaming = method.client_streaming();
                let server_streaming = method.server_streaming();
                methods.insert(
                    name,
                    Method {
                        name,
                        client_streaming,
                        server_streaming,
                    },
                );
            }
        }
    }
    methods
});

/// Returns the method of a request's path, if the contracts have it.
pub(crate) fn find(path: &str) -> Option<Method> {
    METHODS.get(path.strip_prefix('/')?).copied()
}

/// Returns the full names of the services that a server of this name serves: those of the package
/// `clientele.<area>.v1` whose area the name begins with.
pub(crate) fn services_of(server: &str) -> BTreeSet<&'static str> {
    let area = server.split('-').next().unwrap_or_default();
    let package = format!("clientele.{area}.v1.");
    METHODS
        .keys()
        .filter_map(|it| it.split('/').next())
        .filter(|it| it.starts_with(&package))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_methods_stream() {
        let get = find("/clientele.profile.v1.TenantService/GetTenant").unwrap();
        let watch = find("/clientele.profile.v1.FeatureService/WatchProfileChanges").unwrap();
        let wait = find("/google.longrunning.Operations/WaitOperation").unwrap();

        assert!(!get.is_stream() && !get.may_last() && !get.is_endless());
        assert!(watch.may_last() && watch.is_endless());
        assert!(wait.may_last() && !wait.is_endless());
        assert!(find("/clientele.profile.v1.TenantService/Guess").is_none());
    }

    #[test]
    fn knows_whose_services_are_whose() {
        assert!(services_of("profile").contains("clientele.profile.v1.TenantService"));
        assert!(
            services_of("campaign-recommendation").contains("clientele.campaign.v1.BudgetService")
        );
        assert!(services_of("other").is_empty());
    }
}
