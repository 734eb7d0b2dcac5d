//! Reads what Redis answers.

use bytes::Bytes;
use redis::Value;
use uuid::Uuid;

use crate::{CacheError, Entry, Epoch, FillToken, Lookup, Orphan};

pub(crate) fn array(value: Value) -> Result<Vec<Value>, CacheError> {
    match value {
        Value::Array(values) => Ok(values),
        other => Err(unexpected(&other)),
    }
}

pub(crate) fn number(value: &Value) -> Result<i64, CacheError> {
    match value {
        Value::Int(number) => Ok(*number),
        other => text(other)?.parse().map_err(|_| unexpected(other)),
    }
}

pub(crate) fn optional_number(value: Option<Value>) -> Result<Option<i64>, CacheError> {
    match value {
        None | Some(Value::Nil) => Ok(None),
        Some(value) => number(&value).map(Some),
    }
}

/// Reads one answer of the script `READ`.
pub(crate) fn lookup(
    value: Value,
    token: impl FnOnce(u64) -> FillToken,
) -> Result<Lookup, CacheError> {
    let mut parts = array(value)?.into_iter();
    let mut next = || parts.next().unwrap_or(Value::Nil);
    match number(&next())? {
        1 => Ok(Lookup::Hit(Entry {
            version: number(&next())?,
            ordinal: number(&next())?,
            state: bytes(next())?,
        })),
        2 => Ok(Lookup::Marked),
        3 => {
            let nonce = next();
            Ok(Lookup::Miss(token(
                text(&nonce)?.parse().map_err(|_| unexpected(&nonce))?,
            )))
        }
        other => Err(unexpected(&Value::Int(other))),
    }
}

/// Reads members of an index of marks, each with the time of its oldest mark.
pub(crate) fn orphans(value: Value) -> Result<Vec<(i64, Orphan)>, CacheError> {
    let values = array(value)?;
    let mut found = Vec::with_capacity(values.len() / 2);
    for pair in values.chunks_exact(2) {
        let since = text(&pair[1])?
            .parse::<f64>()
            .map_err(|_| unexpected(&pair[1]))?;
        found.push((
            since as i64,
            orphan(text(&pair[0])?).ok_or_else(|| unexpected(&pair[0]))?,
        ));
    }
    Ok(found)
}

fn orphan(member: &str) -> Option<Orphan> {
    let (epoch, rest) = member.split_once(':')?;
    let (tenant, customer) = rest.rsplit_once(':')?;
    Some(Orphan {
        epoch: Epoch(epoch.parse().ok()?),
        tenant: tenant.to_owned(),
        customer: Uuid::try_parse(customer).ok()?,
    })
}

fn bytes(value: Value) -> Result<Bytes, CacheError> {
    match value {
        Value::BulkString(bytes) => Ok(Bytes::from(bytes)),
        other => Err(unexpected(&other)),
    }
}

fn text(value: &Value) -> Result<&str, CacheError> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).map_err(|_| unexpected(value)),
        Value::SimpleString(text) => Ok(text),
        other => Err(unexpected(other)),
    }
}

// States are personal data: only the shape is told.
fn unexpected(value: &Value) -> CacheError {
    let shape = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) => "a text",
        Value::Array(_) => "an array",
        _ => "another type",
    };
    CacheError::Broken(format!("unexpected answer: {shape}"))
}
