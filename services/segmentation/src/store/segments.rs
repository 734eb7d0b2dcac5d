//! Reads and replaces segments.

use api::segmentation::Segment;
use prost::Message;
use roaring::RoaringBitmap;
use runtime::context::TenantId;
use sea_orm::{QueryResult, Value};
use store::{Store, StoreError, sql};
use uuid::Uuid;

use crate::error::Error;

/// Bytes of one customer id.
const ID_BYTES: usize = 16;

/// A segment to be stored.
#[derive(Debug)]
pub(crate) struct StoredSegment {
    /// Its id, without `segments/`.
    pub(crate) segment_id: String,
    /// What callers are told.
    pub(crate) description: Segment,
    /// Members by rising ordinal.
    pub(crate) members: Vec<(u32, Uuid)>,
}

/// Some members of a segment.
#[derive(Debug)]
pub(crate) struct Members {
    /// Computation that they are of.
    pub(crate) computation: Uuid,
    /// Day as of which it was made.
    pub(crate) as_of: String,
    /// Members in all.
    pub(crate) total: u64,
    /// The members asked for, by ordinal.
    pub(crate) page: Vec<(u32, Uuid)>,
}

/// The segments of all tenants.
#[derive(Clone)]
pub(crate) struct SegmentStore {
    store: Store,
}

impl SegmentStore {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Replaces all segments of a tenant in one transaction: readers see the old ones or the new ones.
    pub(crate) async fn replace(
        &self,
        tenant: &TenantId,
        computation: Uuid,
        as_of: &str,
        segments: &[StoredSegment],
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        sql::execute(
            &tx,
            "DELETE FROM segments WHERE tenant = $1",
            [tenant.as_str().into()],
        )
        .await?;
        for segment in segments {
            let bitmap: RoaringBitmap = segment
                .members
                .iter()
                .map(|&(ordinal, _)| ordinal)
                .collect();
            let mut ordinals = Vec::with_capacity(bitmap.serialized_size());
            bitmap
                .serialize_into(&mut ordinals)
                .map_err(|error| Error::Damaged(error.to_string()))?;
            let ids: Vec<u8> = segment
                .members
                .iter()
                .flat_map(|(_, id)| id.into_bytes())
                .collect();
            let values: [Value; 8] = [
                tenant.as_str().into(),
                segment.segment_id.as_str().into(),
                computation.into(),
                as_of.into(),
                (segment.members.len() as i64).into(),
                segment.description.encode_to_vec().into(),
                ordinals.into(),
                ids.into(),
            ];
            sql::execute(&tx, INSERT, values).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Returns a segment.
    pub(crate) async fn get(
        &self,
        tenant: &TenantId,
        segment_id: &str,
    ) -> Result<Option<Segment>, Error> {
        let select = "SELECT description FROM segments WHERE tenant = $1 AND segment_id = $2";
        let row = sql::query_one(
            self.store.reader(),
            select,
            [tenant.as_str().into(), segment_id.into()],
        )
        .await?;
        row.map(|row| description(&row)).transpose()
    }

    /// Returns up to `limit` segments by id, those after `after`.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Segment>, Error> {
        let select = "SELECT description FROM segments WHERE tenant = $1 AND segment_id > $2 ORDER BY segment_id LIMIT $3";
        let values = [tenant.as_str().into(), after.into(), (limit as i64).into()];
        let rows = sql::query_all(self.store.reader(), select, values).await?;
        rows.iter().map(description).collect()
    }

    /// Returns the members of ranks `start` to `start + limit`, `None` when there is no such segment.
    pub(crate) async fn members(
        &self,
        tenant: &TenantId,
        segment_id: &str,
        start: u64,
        limit: u64,
    ) -> Result<Option<Members>, Error> {
        let bytes = ID_BYTES as u64;
        let values: [Value; 4] = [
            tenant.as_str().into(),
            segment_id.into(),
            ((start * bytes + 1) as i32).into(),
            ((limit * bytes) as i32).into(),
        ];
        let Some(row) = sql::query_one(self.store.reader(), MEMBERS, values).await? else {
            return Ok(None);
        };
        // SQLite answers NULL beyond the end.
        let ids: Option<Vec<u8>> = sql::get(&row, "ids")?;
        let ids = ids.unwrap_or_default();
        let ids = ids
            .chunks_exact(ID_BYTES)
            .filter_map(|id| Uuid::from_slice(id).ok());
        let ordinals = bitmap(&row)?;
        let first = ordinals.select(start as u32);
        let ordinals = first
            .into_iter()
            .flat_map(|first| ordinals.range(first..))
            .take(limit as usize);
        let total: i64 = sql::get(&row, "members")?;
        Ok(Some(Members {
            computation: sql::get(&row, "computation")?,
            as_of: sql::get(&row, "as_of")?,
            total: total.max(0) as u64,
            page: ordinals.zip(ids).collect(),
        }))
    }

    /// Returns the ids of the segments that hold an ordinal, of those asked for (none: of all), and their day.
    pub(crate) async fn holding(
        &self,
        tenant: &TenantId,
        ordinal: u32,
        only: &[String],
    ) -> Result<(Vec<String>, String), Error> {
        let select = "SELECT segment_id, as_of, ordinals FROM segments WHERE tenant = $1 ORDER BY segment_id";
        let rows = sql::query_all(self.store.reader(), select, [tenant.as_str().into()]).await?;
        let (mut found, mut as_of) = (Vec::new(), String::new());
        let mut known = Vec::new();
        for row in &rows {
            let id: String = sql::get(row, "segment_id")?;
            as_of = sql::get(row, "as_of")?;
            if (only.is_empty() || only.contains(&id)) && bitmap(row)?.contains(ordinal) {
                found.push(id.clone());
            }
            known.push(id);
        }
        match only.iter().find(|id| !known.contains(id)) {
            Some(unknown) => Err(Error::SegmentNotFound(format!("segments/{unknown}"))),
            None => Ok((found, as_of)),
        }
    }
}

const INSERT: &str = "INSERT INTO segments (tenant, segment_id, computation, as_of, members, description, ordinals, \
                      customer_ids) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const MEMBERS: &str = "SELECT computation, as_of, members, ordinals, substr(customer_ids, $3, $4) AS ids FROM segments \
                       WHERE tenant = $1 AND segment_id = $2";

fn description(row: &QueryResult) -> Result<Segment, Error> {
    let bytes: Vec<u8> =
        sql::get(row, "description").map_err(|error: StoreError| Error::Store(error))?;
    Segment::decode(bytes.as_slice()).map_err(|error| Error::Damaged(error.to_string()))
}

fn bitmap(row: &QueryResult) -> Result<RoaringBitmap, Error> {
    let bytes: Vec<u8> = sql::get(row, "ordinals")?;
    RoaringBitmap::deserialize_from(bytes.as_slice())
        .map_err(|error| Error::Damaged(error.to_string()))
}
