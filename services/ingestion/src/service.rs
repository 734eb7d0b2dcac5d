//! Wiring: a configuration becomes stores, clients, jobs and routes.

use std::sync::Arc;

use ::store::Store;
use ::store::lease::Leases;
use ::store::operations::SeaOperationLog;
use anyhow::{Context, bail};
use api::ingestion::event_service_server::EventServiceServer;
use api::ingestion::import_service_server::ImportServiceServer;
use api::ingestion::quality_service_server::QualityServiceServer;
use api::ingestion::quarantine_service_server::QuarantineServiceServer;
use api::ingestion::rate_service_server::RateServiceServer;
use api::ingestion::source_service_server::SourceServiceServer;
use api::ingestion::taxonomy_service_server::TaxonomyServiceServer;
use lake::{Lake, Table};
use runtime::client;
use runtime::identity::IdentityKey;
use runtime::operations::Operations;
use runtime::server::Shutdown;
use tokio::task::JoinSet;
use tonic::service::Routes;

use crate::baselines::Baselines;
use crate::config::Config;
use crate::domain::keys::Keys;
use crate::http::HttpEndpoint;
use crate::intake::{Intake, tolerance};
use crate::jobs::{
    Archiver, Caretaker, DISCARD_KIND, Discarder, Dispatcher, IMPORT_KIND, Importer, LaneWorker,
    PROFILE_FILE_KIND, Pace, Profiler, Pulls, QualityKeeper, REPLAY_KIND, Replayer, run_lane,
};
use crate::limits::Limiter;
use crate::masking;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::pull::Opener;
use crate::rate_book::RateBook;
use crate::rejudge::Rejudge;
use crate::rpc::{EventRpc, ImportRpc, QualityRpc, QuarantineRpc, RateRpc, SourceRpc, TaxonomyRpc};
use crate::sources::{Facts, Registry, Sources, WriteKeys};
use crate::store::{DatabaseLog, EventLog, LogLimits, Migrator, QuarantineLimits};
use crate::taxonomies::ActiveTaxonomies;
use crate::tenants::Tenants;
use crate::uploads::Uploads;

/// The ingestion service.
pub struct Service {
    config: Config,
    log: DatabaseLog,
    lake: Lake,
    intake: Arc<Intake>,
    taxonomies: Arc<ActiveTaxonomies>,
    registry: Arc<Registry>,
    opener: Arc<Opener>,
    write_keys: Arc<WriteKeys>,
    rates: Arc<RateBook>,
    uploads: Uploads,
    operations: Operations,
    profile: client::Channel,
    metrics: Metrics,
}

impl Service {
    /// Opens stores and prepares clients; the tables must be migrated.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        if !(1..=64).contains(&config.log.lanes)
            || config.log.batch_events == 0
            || config.import.batch_rows == 0
        {
            bail!(
                "log.lanes must be from 1 to 64, log.batch_events and import.batch_rows at least 1"
            );
        }
        if config.log.batch_events > 5000 {
            bail!("log.batch_events must be at most 5000: profile takes no larger batches");
        }
        let store = Store::open(&config.database)
            .await
            .context("open the database")?;
        let limits = LogLimits {
            lanes: config.log.lanes,
            bytes_max: config.log.bytes_max,
            batch_events: config.log.batch_events,
            batch_bytes: config.log.batch_bytes,
            archive_events: config.archive.events_max,
            quarantine: QuarantineLimits {
                source_records: config.quarantine.source_records_max,
                source_bytes: config.quarantine.source_bytes_max,
                tenant_records: config.quarantine.tenant_records_max,
                tenant_bytes: config.quarantine.tenant_bytes_max,
            },
        };
        let log = DatabaseLog::open(store.clone(), limits)
            .await
            .context("open the event log")?;
        let lake = Lake::open(&config.lake.path)
            .await
            .context("open the lake")?;
        let keys = Keys::new(IdentityKey::load(&config.identity.key_file)?);
        let profile = client::connect("profile", &config.peers.profile, &config.client)?;
        let metrics = Metrics::default();
        let tenants = Tenants::new(profile.clone(), config.tenants.cache);
        let baselines = Arc::new(Baselines::new(store.clone(), keys.salt().clone()));
        let sources = Arc::new(Sources::new(store.clone(), baselines, config.sources.cache));
        let write_keys = Arc::new(WriteKeys::new(store.clone(), config.sources.cache));
        let opener = Opener::new(&config, store.clone()).map_err(anyhow::Error::msg)?;
        let opener = Arc::new(opener);
        let registry = Arc::new(Registry::new(
            store.clone(),
            sources.clone(),
            write_keys.clone(),
            Facts::new(&config),
        ));
        let taxonomies = Arc::new(ActiveTaxonomies::new(store.clone(), config.sources.cache));
        masking::load(&keys, &config.masking)?;
        let tolerance = tolerance(config.events.future_tolerance, config.log.remember);
        let rates = Arc::new(RateBook::new(
            store.clone(),
            config.sources.cache,
            config.events.rate_days,
        ));
        let intake = Arc::new(Intake::new(
            keys.clone(),
            tenants,
            (sources, rates.clone(), taxonomies.clone()),
            Arc::new(log.clone()),
            tolerance,
            Limiter::new(config.limits.clone(), metrics.clone()),
            metrics.clone(),
        ));
        let uploads = Uploads::open(
            &config.uploads.path,
            config.uploads.bytes_max,
            Places::new(config.import.roots.clone()),
            keys,
        )?;
        let operations =
            Operations::new(Arc::new(SeaOperationLog::new(store.clone())), "ingestion");
        let importer = Importer::new(
            intake.clone(),
            uploads.clone(),
            store,
            config.import.clone(),
        );
        operations.register(IMPORT_KIND, Arc::new(importer));
        let profiler = Profiler::new(intake.clone(), uploads.clone(), config.import.clone());
        operations.register(PROFILE_FILE_KIND, Arc::new(profiler));
        let rejudge = Rejudge::new(intake.clone());
        let replayer = Replayer::new(log.clone(), rejudge, metrics.clone());
        operations.register(REPLAY_KIND, Arc::new(replayer));
        let discarder = Discarder::new(log.clone(), metrics.clone());
        operations.register(DISCARD_KIND, Arc::new(discarder));
        Ok(Self {
            config,
            log,
            lake,
            intake,
            taxonomies,
            registry,
            opener,
            write_keys,
            rates,
            uploads,
            operations,
            profile,
            metrics,
        })
    }

    /// Brings the tables up to date.
    pub async fn migrate(config: &Config) -> anyhow::Result<()> {
        let store = Store::open(&config.database)
            .await
            .context("open the database")?;
        ::store::migrate::<Migrator>(&store)
            .await
            .context("migrate the database")
    }

    /// Returns all gRPC services.
    pub fn routes(&self) -> Routes {
        let most = self.config.server.message_bytes_max;
        let events = EventServiceServer::new(EventRpc::new(self.intake.clone()))
            .max_decoding_message_size(most);
        let imports = ImportRpc::new(
            self.uploads.clone(),
            self.operations.clone(),
            self.intake.sources().clone(),
        );
        let imports = ImportServiceServer::new(imports).max_decoding_message_size(most);
        let sources = SourceRpc::new(
            self.intake.clone(),
            self.registry.clone(),
            self.opener.clone(),
        );
        let sources = SourceServiceServer::new(sources).max_decoding_message_size(most);
        let quality = QualityRpc::new(self.log.store().clone(), self.intake.clone());
        let quality = QualityServiceServer::new(quality).max_decoding_message_size(most);
        let rejudge = Rejudge::new(self.intake.clone());
        let quarantine = QuarantineRpc::new(self.log.clone(), rejudge, self.operations.clone());
        let quarantine = QuarantineServiceServer::new(quarantine).max_decoding_message_size(most);
        let rates = RateRpc::new(self.intake.clone(), self.rates.clone());
        let rates = RateServiceServer::new(rates).max_decoding_message_size(most);
        let taxonomies = TaxonomyRpc::new(
            self.intake.clone(),
            self.log.store().clone(),
            self.taxonomies.clone(),
        );
        let taxonomies = TaxonomyServiceServer::new(taxonomies).max_decoding_message_size(most);
        Routes::new(events)
            .add_service(taxonomies)
            .add_service(quarantine)
            .add_service(rates)
            .add_service(imports)
            .add_service(sources)
            .add_service(quality)
            .add_service(self.operations.grpc())
    }

    /// Runs the background work; returns after shutdown, when all of it has stopped between two steps.
    ///
    /// Fails at once when the log and the lake do not belong together.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        let lanes = self.lanes_that_fit_the_lake().await?;
        self.operations
            .resume()
            .await
            .context("resume operations")?;
        let log: Arc<dyn EventLog> = Arc::new(self.log.clone());
        let dispatch = &self.config.dispatch;
        let interval = dispatch.watermark_interval;
        let message_bytes = self.config.server.message_bytes_max;
        let dispatcher = Dispatcher::new(
            log.clone(),
            &self.profile,
            message_bytes,
            interval,
            self.metrics.clone(),
        );
        let archiver = Archiver::new(log.clone(), self.lake.clone(), self.metrics.clone());
        let caretaker = Arc::new(Caretaker::new(
            log,
            self.config.log.keep,
            self.metrics.clone(),
        ));
        let pace = |poll| Pace {
            poll,
            lease: dispatch.lease,
            backoff_min: dispatch.backoff_min,
            backoff_max: dispatch.backoff_max,
        };
        let workers: [(Arc<dyn LaneWorker>, Pace); 3] = [
            (Arc::new(dispatcher), pace(dispatch.poll)),
            (Arc::new(archiver), pace(self.config.archive.interval)),
            (
                caretaker.clone(),
                pace(self.config.log.keep.min(std::time::Duration::from_secs(60))),
            ),
        ];
        let leases = Leases::new(self.log.store().clone());
        let mut jobs = JoinSet::new();
        for lane in lanes {
            for (worker, pace) in &workers {
                let (worker, leases, pace, shutdown) =
                    (worker.clone(), leases.clone(), *pace, shutdown.clone());
                jobs.spawn(async move { run_lane(&*worker, lane, leases, pace, shutdown).await });
            }
        }
        let keeper = QualityKeeper::new(
            self.log.store().clone(),
            self.intake.clone(),
            self.config.quality.judge,
            self.config.log.remember,
        );
        let (at_leases, at_pace, until) = (
            leases.clone(),
            pace(self.config.quality.fold),
            shutdown.clone(),
        );
        jobs.spawn(async move { run_lane(&keeper, 0, at_leases, at_pace, until).await });
        let pulls = Arc::new(Pulls::new(
            self.log.store().clone(),
            self.intake.clone(),
            self.opener.clone(),
            self.config.sources.clone(),
        ));
        jobs.spawn(pulls.run(shutdown.clone()));
        let keys = self.intake.keys().clone();
        let watch = masking::watch(keys, self.config.masking.clone(), shutdown.clone());
        jobs.spawn(watch);
        let (operations, until) = (self.operations.clone(), shutdown.clone());
        jobs.spawn(async move { operations.run(until).await });
        let service = self.clone();
        let until = shutdown.clone();
        jobs.spawn(async move { caretaker.run(&service.config, until).await });
        let endpoint = HttpEndpoint::new(
            self.config.http.clone(),
            self.intake.clone(),
            self.write_keys.clone(),
            self.metrics.clone(),
        );
        let work = async {
            while let Some(ended) = jobs.join_next().await {
                ended.context("a background job failed")?;
            }
            Ok(())
        };
        tokio::try_join!(Box::pin(endpoint.run(shutdown)), work)?;
        Ok(())
    }

    /// Returns the lanes. Fails when the lake holds batches that the log does not know: one of the two is an older
    /// backup than the other, and going on would lose or double events.
    async fn lanes_that_fit_the_lake(&self) -> anyhow::Result<Vec<i32>> {
        let mut numbers = Vec::new();
        for lane in self.log.lanes().await? {
            let held = self
                .lake
                .transaction_version(Table::Events, &lane.lane_id)
                .await?
                .unwrap_or_default();
            if held > lane.archiving_batch || held < lane.archived_batch {
                bail!(
                    "the lake holds batch {held} of lane {}, the log says {} to {}: they are not of the same backup",
                    lane.lane_id,
                    lane.archived_batch,
                    lane.archiving_batch
                );
            }
            numbers.push(lane.lane);
        }
        Ok(numbers)
    }
}
