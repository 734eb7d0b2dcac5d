//! Messages in protobuf's JSON mapping, by reflection over [`crate::DESCRIPTORS`].

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use std::sync::LazyLock;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(crate::DESCRIPTORS).expect("descriptors come from our own build")
});

/// Returns the descriptors of all contracts.
pub fn pool() -> &'static DescriptorPool {
    &POOL
}

/// Returns a message in protobuf's JSON mapping: lowerCamelCase names, 64-bit integers as text, times as RFC 3339; fields
/// with default values are written too, so that a reader finds every name.
pub fn to_value<M: Message + Name>(message: &M) -> serde_json::Value {
    let descriptor = POOL
        .get_message_by_name(&M::full_name())
        .expect("every generated type is in the descriptors");
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .expect("a generated message decodes as itself");
    let options = SerializeOptions::new().skip_default_fields(false);
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("a message without unknown Any types has a JSON form")
}
