//! Values and columns that the tables share.

use sea_orm::{QueryResult, Value};
use store::bulk::{Kind, Rows};
use store::{StoreError, sql};
use uuid::Uuid;

use crate::domain::identity::{FragmentId, Identifier, Strength};

/// A key as a statement's value.
pub(super) fn bytes(key: &[u8; 16]) -> Value {
    key.to_vec().into()
}

/// Keys as the rows of a statement, in a column `id`.
pub(super) fn keys<'a>(keys: impl IntoIterator<Item = &'a [u8; 16]>) -> Rows {
    let mut rows = Rows::new([("id", Kind::Bytes)]);
    for key in keys {
        rows.push([bytes(key)]);
    }
    rows
}

/// Reads a customer's id.
pub(super) fn get_uuid(row: &QueryResult, column: &str) -> Result<Uuid, StoreError> {
    uuid(&sql::get::<Vec<u8>>(row, column)?, column)
}

/// Reads a customer's id that may be missing.
pub(super) fn get_uuid_or_null(
    row: &QueryResult,
    column: &str,
) -> Result<Option<Uuid>, StoreError> {
    sql::get::<Option<Vec<u8>>>(row, column)?
        .map(|it| uuid(&it, column))
        .transpose()
}

fn uuid(bytes: &[u8], column: &str) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes)
        .map_err(|_| StoreError::Corrupt(format!("column {column} is not 16 bytes long")))
}

/// Reads a fragment's id.
pub(super) fn get_fragment(row: &QueryResult) -> Result<FragmentId, StoreError> {
    FragmentId::try_from(sql::get::<Vec<u8>>(row, "fragment_id")?)
        .map_err(|_| StoreError::Corrupt("a fragment's id is not 16 bytes long".into()))
}

/// Reads the columns that name an identifier.
pub(super) fn get_identifier(row: &QueryResult) -> Result<Identifier, StoreError> {
    let strength = Strength::from_number(sql::get(row, "strength")?)
        .ok_or_else(|| StoreError::Corrupt("an identifier's strength is not known".into()))?;
    Ok(Identifier {
        fragment: get_fragment(row)?,
        namespace: sql::get(row, "namespace")?,
        strength,
    })
}
