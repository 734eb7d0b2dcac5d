use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use redis::{
    Cmd, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use uuid::Uuid;

use crate::{
    CacheConfig, CacheError, Entry, Epoch, FeatureCache, FillToken, Lookup, MarkToken, Orphan,
    Read, reply, scripts::Scripts,
};

/// Parts into which the keys are divided. All keys of a part lie in one hash slot of a cluster.
const PARTS: u8 = 64;
/// How long a fill token may be used.
const TOKEN_TTL: Duration = Duration::from_secs(30);
/// How long it is remembered that a customer is not known.
const UNKNOWN_TTL: Duration = Duration::from_secs(30);
/// How long a watermark is kept that nobody raises.
const WATERMARK_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// After Redis did not answer, further calls fail at once for this long.
const PAUSE: Duration = Duration::from_millis(100);

/// The cache on a Redis server.
///
/// The server must not evict keys that do not expire: its `maxmemory-policy` is `noeviction` or begins with `volatile-`.
/// A server that would is refused.
#[derive(Clone)]
pub struct RedisCache {
    connection: ConnectionManager,
    scripts: Arc<Scripts>,
    prefix: String,
    timeout: Duration,
    entry_ttl: Duration,
    opened: Instant,
    /// Milliseconds after `opened` until which the server is taken for gone.
    gone_until: Arc<AtomicU64>,
}

impl RedisCache {
    /// Prepares the connection. The server need not answer yet.
    pub async fn open(config: &CacheConfig) -> Result<Self, CacheError> {
        let bad = |_| CacheError::Misconfigured("cache.url cannot be parsed".into());
        let client = redis::Client::open(config.url.expose()).map_err(bad)?;
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.timeout))
            .set_response_timeout(Some(config.timeout))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(PAUSE);
        let connection = ConnectionManager::new_lazy_with_config(client, settings).map_err(bad)?;
        Ok(Self {
            connection,
            scripts: Arc::new(Scripts::new()),
            prefix: config.prefix.clone(),
            timeout: config.timeout,
            entry_ttl: config.entry_ttl,
            opened: Instant::now(),
            gone_until: Arc::default(),
        })
    }

    /// Sends all commands in one round trip and returns their answers.
    async fn send(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, CacheError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.opened.elapsed();
        if now < Duration::from_millis(self.gone_until.load(Ordering::Relaxed)) {
            return Err(CacheError::Unavailable(
                "did not answer a moment ago".into(),
            ));
        }
        let answered = match tokio::time::timeout(self.timeout, self.try_send(&commands)).await {
            Ok(answered) => answered,
            Err(_) => Err(CacheError::Unavailable("no answer in time".into())),
        };
        if matches!(answered, Err(CacheError::Unavailable(_))) {
            let until = (self.opened.elapsed() + PAUSE).as_millis();
            self.gone_until
                .store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        answered
    }

    async fn try_send(&self, commands: &[Cmd]) -> Result<Vec<Value>, CacheError> {
        let mut pipe = redis::pipe();
        for command in commands {
            pipe.add_command(command.clone());
        }
        pipe.ignore_errors();
        let mut connection = self.connection.clone();
        let answers: Vec<RedisResult<Value>> =
            pipe.query_async(&mut connection).await.map_err(failed)?;
        if !answers
            .iter()
            .any(|it| it.as_ref().is_err_and(is_script_unknown))
        {
            return answers
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(failed);
        }
        self.introduce().await?;
        let answers: Vec<RedisResult<Value>> =
            pipe.query_async(&mut connection).await.map_err(failed)?;
        answers
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// Makes a server that does not know the scripts fit to use.
    async fn introduce(&self) -> Result<(), CacheError> {
        let mut connection = self.connection.clone();
        let policy: RedisResult<Vec<String>> = redis::cmd("CONFIG")
            .arg("GET")
            .arg("maxmemory-policy")
            .query_async(&mut connection)
            .await;
        match policy
            .as_ref()
            .map(|it| it.last().map_or("", String::as_str))
        {
            Ok(policy) if policy.starts_with("allkeys-") => {
                return Err(CacheError::Broken(format!(
                    "maxmemory-policy {policy} evicts marks; set volatile-lru"
                )));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot read maxmemory-policy of redis"),
        }
        let mut pipe = redis::pipe();
        for script in self.scripts.all() {
            pipe.load_script(script).ignore();
        }
        pipe.query_async(&mut connection).await.map_err(failed)
    }

    fn key(&self, epoch: Epoch, tenant: &str, customer: Uuid) -> String {
        let (prefix, part) = (&self.prefix, part(customer));
        format!(
            "{{{prefix}.{part}}}:{}:{tenant}:{}",
            epoch.0,
            customer.simple()
        )
    }

    fn index(&self, part: u8) -> String {
        format!("{{{}.{part}}}:marks", self.prefix)
    }

    fn watermark(&self, epoch: Epoch) -> String {
        format!("{{{}}}:{}:watermark", self.prefix, epoch.0)
    }

    /// Lifetime of an entry, in milliseconds.
    fn ttl(&self, entry: &Entry) -> u64 {
        millis(if entry.is_unknown() {
            UNKNOWN_TTL
        } else {
            self.entry_ttl
        })
    }
}

#[async_trait]
impl FeatureCache for RedisCache {
    async fn read(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<Read, CacheError> {
        let parts = by_part(customers.iter().copied().enumerate(), |(_, customer)| {
            *customer
        });
        // The watermark first: what it promises is then in every entry read after it.
        let mut commands = vec![redis::cmd("GET")];
        commands[0].arg(self.watermark(epoch));
        for asked in parts.values() {
            let mut command = call(&self.scripts.read, asked.len());
            for (_, customer) in asked {
                command.arg(self.key(epoch, tenant, *customer));
            }
            command.arg(millis(TOKEN_TTL));
            for _ in asked {
                command.arg(Uuid::new_v4().as_u64_pair().0);
            }
            commands.push(command);
        }
        let mut answers = self.send(commands).await?.into_iter();
        let watermark = reply::optional_number(answers.next())?;
        let mut lookups = vec![Lookup::Marked; customers.len()];
        for (asked, answer) in parts.values().zip(answers) {
            for ((at, customer), answer) in asked.iter().zip(reply::array(answer)?) {
                lookups[*at] = reply::lookup(answer, |nonce| FillToken {
                    epoch,
                    tenant: tenant.to_owned(),
                    customer: *customer,
                    nonce,
                })?;
            }
        }
        Ok(Read { lookups, watermark })
    }

    async fn fill(&self, fills: Vec<(FillToken, Entry)>) -> Result<usize, CacheError> {
        let mut commands = Vec::new();
        for fills in by_part(fills, |(token, _)| token.customer).values() {
            let mut command = call(&self.scripts.fill, fills.len());
            for (token, _) in fills {
                command.arg(self.key(token.epoch, &token.tenant, token.customer));
            }
            for (token, entry) in fills {
                command
                    .arg(token.nonce)
                    .arg(entry.version)
                    .arg(entry.ordinal)
                    .arg(&entry.state[..])
                    .arg(self.ttl(entry));
            }
            commands.push(command);
        }
        let mut taken = 0;
        for answer in self.send(commands).await? {
            taken += usize::try_from(reply::number(&answer)?).unwrap_or_default();
        }
        Ok(taken)
    }

    async fn mark(
        &self,
        epoch: Epoch,
        tenant: &str,
        customers: &[Uuid],
    ) -> Result<MarkToken, CacheError> {
        let mark = MarkToken {
            epoch,
            tenant: tenant.to_owned(),
            customers: customers.to_vec(),
            id: Uuid::new_v4(),
        };
        let mut commands = Vec::new();
        for (part, customers) in by_part(customers.iter().copied(), |it| *it) {
            let mut command = call(&self.scripts.mark, customers.len() + 1);
            for customer in &customers {
                command.arg(self.key(epoch, tenant, *customer));
            }
            command
                .arg(self.index(part))
                .arg(mark.id.simple().to_string());
            for customer in customers {
                command.arg(member(epoch, tenant, customer));
            }
            commands.push(command);
        }
        self.send(commands).await?;
        Ok(mark)
    }

    async fn set_if_newer(
        &self,
        mark: &MarkToken,
        entries: Vec<(Uuid, Entry)>,
    ) -> Result<(), CacheError> {
        let mut commands = Vec::new();
        for entries in by_part(entries, |(customer, _)| *customer).values() {
            let mut command = call(&self.scripts.set, entries.len());
            for (customer, _) in entries {
                command.arg(self.key(mark.epoch, &mark.tenant, *customer));
            }
            command.arg(mark.id.simple().to_string());
            for (_, entry) in entries {
                command
                    .arg(entry.version)
                    .arg(entry.ordinal)
                    .arg(&entry.state[..]);
            }
            commands.push(command);
        }
        let mut lost = 0;
        for answer in self.send(commands).await? {
            lost += reply::number(&answer)?;
        }
        if lost > 0 {
            tracing::warn!(lost, "cache lost marks before their commit was done");
        }
        Ok(())
    }

    async fn clear(&self, mark: MarkToken) -> Result<(), CacheError> {
        let mut commands = Vec::new();
        for (part, customers) in by_part(mark.customers.iter().copied(), |it| *it) {
            let mut command = call(&self.scripts.clear, customers.len() + 1);
            for customer in &customers {
                command.arg(self.key(mark.epoch, &mark.tenant, *customer));
            }
            command
                .arg(self.index(part))
                .arg(mark.id.simple().to_string())
                .arg(millis(self.entry_ttl));
            for customer in customers {
                command.arg(member(mark.epoch, &mark.tenant, customer));
            }
            commands.push(command);
        }
        self.send(commands).await.map(|_| ())
    }

    async fn orphans(&self, age: Duration, limit: usize) -> Result<Vec<Orphan>, CacheError> {
        let mut commands = Vec::new();
        for part in 0..PARTS {
            let mut command = call(&self.scripts.orphans, 1);
            command
                .arg(self.index(part))
                .arg(age.as_millis() as u64)
                .arg(limit);
            commands.push(command);
        }
        let mut found = Vec::new();
        for answer in self.send(commands).await? {
            found.append(&mut reply::orphans(answer)?);
        }
        found.sort_by_key(|(since, orphan)| (*since, orphan.customer));
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, orphan)| orphan).collect())
    }

    async fn repair(&self, orphan: &Orphan, entry: Option<Entry>) -> Result<(), CacheError> {
        let Orphan {
            epoch,
            tenant,
            customer,
        } = orphan;
        let mut command = call(&self.scripts.repair, 2);
        command
            .arg(self.key(*epoch, tenant, *customer))
            .arg(self.index(part(*customer)));
        command.arg(member(*epoch, tenant, *customer));
        if let Some(entry) = entry {
            command
                .arg(entry.version)
                .arg(entry.ordinal)
                .arg(&entry.state[..])
                .arg(self.ttl(&entry));
        }
        self.send(vec![command]).await.map(|_| ())
    }

    async fn put_watermark(&self, epoch: Epoch, watermark: i64) -> Result<(), CacheError> {
        let mut command = call(&self.scripts.raise, 1);
        command
            .arg(self.watermark(epoch))
            .arg(watermark)
            .arg(millis(WATERMARK_TTL));
        self.send(vec![command]).await.map(|_| ())
    }
}

fn call(script: &Script, keys: usize) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(keys);
    command
}

fn part(customer: Uuid) -> u8 {
    customer.as_bytes()[15] % PARTS
}

fn by_part<T>(
    items: impl IntoIterator<Item = T>,
    customer: impl Fn(&T) -> Uuid,
) -> BTreeMap<u8, Vec<T>> {
    let mut parts = BTreeMap::<u8, Vec<T>>::new();
    for item in items {
        parts.entry(part(customer(&item))).or_default().push(item);
    }
    parts
}

fn member(epoch: Epoch, tenant: &str, customer: Uuid) -> String {
    format!("{}:{tenant}:{}", epoch.0, customer.simple())
}

fn is_script_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

fn failed(error: RedisError) -> CacheError {
    CacheError::Unavailable(error.to_string())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
