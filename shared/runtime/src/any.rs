//! Messages packed in `google.protobuf.Any`.

use prost::Name;
use prost_types::Any;
use tonic::Status;

const DOMAIN: &str = "type.googleapis.com";

/// Packs a message under its full name.
pub fn pack<M: Name>(message: &M) -> Any {
    Any {
        type_url: format!("{DOMAIN}/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

/// Unpacks a message of exactly this type.
///
/// Fails with `INTERNAL` when the value is of another type or broken: what is unpacked was packed by us.
pub fn unpack<M: Name + Default>(any: &Any) -> Result<M, Status> {
    let name = any.type_url.rsplit('/').next().unwrap_or_default();
    if name != M::full_name() {
        return Err(Status::internal(format!(
            "expected {}, found {name}",
            M::full_name()
        )));
    }
    M::decode(any.value.as_slice())
        .map_err(|error| Status::internal(format!("broken {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_packed_and_refuses_another_type() {
        let money = api::common::Money {
            currency_code: "GBP".into(),
            minor_units: 12,
        };

        let any = pack(&money);

        assert_eq!(
            any.type_url,
            "type.googleapis.com/clientele.common.v1.Money"
        );
        assert_eq!(unpack::<api::common::Money>(&any).unwrap(), money);
        assert!(unpack::<api::common::Item>(&any).is_err());
    }
}
