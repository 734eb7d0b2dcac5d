//! The contracts of `proto/`, as Rust types, clients and servers.
//!
//! Generated, but for this file and [`json`]. Start at the `.proto` files: every message and field is described there.

// Generated code follows its generator's habits, not ours.
#![allow(unreachable_pub, clippy::large_futures, missing_docs)]

pub mod json;

/// Encoded `FileDescriptorSet` of all contracts, for server reflection and for the JSON mapping.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// The suite's own packages.
pub mod clientele {
    macro_rules! package {
        ($name:ident, $package:literal) => {
            /// Package of this area.
            pub mod $name {
                /// Version 1.
                #[allow(clippy::all)]
                pub mod v1 {
                    tonic::include_proto!($package);
                }
            }
        };
    }
    package!(common, "clientele.common.v1");
    package!(ingestion, "clientele.ingestion.v1");
    package!(profile, "clientele.profile.v1");
    package!(scoring, "clientele.scoring.v1");
    package!(segmentation, "clientele.segmentation.v1");
    package!(campaign, "clientele.campaign.v1");
}

/// Google's common packages.
pub mod google {
    /// Options that appear in Google's own contracts.
    #[allow(clippy::all, rustdoc::all)]
    pub mod api {
        tonic::include_proto!("google.api");
    }
    /// Long-running operations.
    #[allow(clippy::all, rustdoc::all)]
    pub mod longrunning {
        tonic::include_proto!("google.longrunning");
    }
    /// Status and error details.
    #[allow(clippy::all, rustdoc::all)]
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
}

pub use clientele::campaign::v1 as campaign;
pub use clientele::common::v1 as common;
pub use clientele::ingestion::v1 as ingestion;
pub use clientele::profile::v1 as profile;
pub use clientele::scoring::v1 as scoring;
pub use clientele::segmentation::v1 as segmentation;
pub use google::longrunning;
