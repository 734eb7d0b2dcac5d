//! SQL within one tenant.

use std::sync::Arc;
use std::time::Duration;

use deltalake::datafusion::execution::context::{SQLOptions, SessionConfig, SessionContext};
use deltalake::datafusion::execution::runtime_env::RuntimeEnvBuilder;
use deltalake::datafusion::prelude::{DataFrame, col, lit};
use futures::TryStreamExt;
use lake::{RecordBatch, Table};

use crate::{LakeQuery, QueryError};

/// How much one question may use.
#[derive(Debug, Clone, Copy)]
pub struct SqlLimits {
    /// Memory for sorting, grouping and joining, in bytes.
    pub memory_bytes_max: usize,
    /// Rows of the answer.
    pub rows_max: usize,
    /// Time.
    pub time_max: Duration,
    /// Threads.
    pub threads_max: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 256 << 20,
            rows_max: 1_000_000,
            time_max: Duration::from_secs(60),
            threads_max: 2,
        }
    }
}

/// Answer of a question.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Rows, in the order that the question asks for; none at all is no batch.
    pub rows: Vec<RecordBatch>,
    /// Version of the table `events` that was read.
    pub events_version: u64,
}

impl LakeQuery {
    /// Answers a question in SQL about one tenant.
    ///
    /// There are two tables: `events` (all columns of the lake's but `payload`) and `identity`. Both hold the tenant's
    /// rows alone: other tenants' rows, other tables and files can not be named, and nothing can be changed. Fails with
    /// [`QueryError::Refused`] when the SQL is wrong or is no query, with [`QueryError::TooLarge`] beyond the limits.
    pub async fn sql(&self, tenant: &str, sql: &str) -> Result<Answer, QueryError> {
        let (context, events_version) = self.context(tenant).await?;
        let queries_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let collected = async {
            let frame = context.sql_with_options(sql, queries_only).await?;
            collect(frame, self.limits.rows_max).await
        };
        let rows = tokio::time::timeout(self.limits.time_max, collected)
            .await
            .map_err(|_| {
                QueryError::TooLarge(format!("not done after {:?}", self.limits.time_max))
            })??;
        Ok(Answer {
            rows,
            events_version,
        })
    }

    async fn context(&self, tenant: &str) -> Result<(SessionContext, u64), QueryError> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(self.limits.memory_bytes_max, 1.0)
            .build_arc()?;
        let config = SessionConfig::new().with_target_partitions(self.limits.threads_max);
        let context = SessionContext::new_with_config_rt(config, runtime);
        let mut events_version = 0;
        for table in Table::ALL {
            let snapshot = self.lake.snapshot(table).await?;
            if table == Table::Events {
                events_version = snapshot.version().unwrap_or_default();
            }
            let provider = snapshot.table_provider().build().await?;
            // The table itself gets no name; only this view of it does.
            let mut view = context
                .read_table(Arc::new(provider))?
                .filter(col("tenant").eq(lit(tenant)))?;
            if table == Table::Events {
                view = view.drop_columns(&["payload"])?;
            }
            context.register_table(table.name(), view.into_view())?;
        }
        Ok((context, events_version))
    }
}

async fn collect(frame: DataFrame, rows_max: usize) -> Result<Vec<RecordBatch>, QueryError> {
    let mut stream = frame.execute_stream().await?;
    let (mut batches, mut rows) = (Vec::new(), 0);
    while let Some(batch) = stream.try_next().await? {
        rows += batch.num_rows();
        if rows > rows_max {
            return Err(QueryError::TooLarge(format!(
                "the answer has more than {rows_max} rows"
            )));
        }
        if batch.num_rows() > 0 {
            batches.push(batch);
        }
    }
    Ok(batches)
}
