//! A peer that speaks profile's part of the protocol and keeps a record.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use api::common::StandardEvent;
use api::profile::profile_service_server::{ProfileService, ProfileServiceServer};
use api::profile::tenant_service_server::{TenantService, TenantServiceServer};
use api::profile::*;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// What the peer was given.
#[derive(Default)]
pub struct Record {
    /// Events by id, with how often each was applied.
    pub applied: HashMap<Vec<u8>, u32>,
    /// Applied events in order.
    pub events: Vec<StandardEvent>,
    /// Answers by lane and batch.
    answers: HashMap<(String, i64), Vec<ApplyAnswer>>,
    /// Newest batch by lane.
    newest: HashMap<String, i64>,
    /// Watermarks that were reported.
    pub watermarks: HashMap<String, LaneWatermark>,
    /// Lanes that the first call told of; 0 if it was a batch.
    pub lanes_told_first: Option<usize>,
}

/// The peer. Clones share the record.
#[derive(Clone, Default)]
pub struct Peer {
    pub record: Arc<Mutex<Record>>,
    pub down: Arc<AtomicBool>,
    /// When set, answers get lost after the batch was applied.
    pub forgetful: Arc<AtomicBool>,
}

impl Peer {
    /// Serves on a free port and returns the address.
    pub async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(
                ProfileServiceServer::new(self.clone()).max_decoding_message_size(64 << 20),
            )
            .add_service(TenantServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        format!("http://{address}")
    }

    fn is_up(&self) -> Result<(), Status> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(Status::unavailable("down")),
            false => Ok(()),
        }
    }
}

fn answer(event: &StandardEvent) -> ApplyAnswer {
    match event.r#type.as_str() {
        "" => ApplyAnswer {
            outcome: ApplyOutcome::Parked.into(),
            reason: "EVENT_UNDECODABLE".into(),
        },
        "Poison" => ApplyAnswer {
            outcome: ApplyOutcome::Parked.into(),
            reason: "POISONED".into(),
        },
        _ => ApplyAnswer {
            outcome: ApplyOutcome::Applied.into(),
            reason: String::new(),
        },
    }
}

#[tonic::async_trait]
impl ProfileService for Peer {
    async fn apply_events(
        &self,
        request: Request<ApplyEventsRequest>,
    ) -> Result<Response<ApplyEventsResponse>, Status> {
        self.is_up()?;
        let ApplyEventsRequest {
            lane,
            number,
            events,
            ..
        } = request.into_inner();
        let mut record = self.record.lock().unwrap();
        record.lanes_told_first.get_or_insert(0);
        if let Some(answers) = record.answers.get(&(lane.clone(), number)) {
            return Ok(Response::new(ApplyEventsResponse {
                answers: answers.clone(),
                repeated_batch: true,
            }));
        }
        let newest = record.newest.entry(lane.clone()).or_default();
        if number != *newest + 1 {
            return Err(Status::failed_precondition(format!(
                "batch {number} after {newest}"
            )));
        }
        *newest = number;
        let answers: Vec<_> = events.iter().map(answer).collect();
        for event in events {
            *record.applied.entry(event.event_id.clone()).or_default() += 1;
            record.events.push(event);
        }
        record.answers.insert((lane, number), answers.clone());
        if self.forgetful.load(Ordering::SeqCst) {
            return Err(Status::unavailable("the answer got lost"));
        }
        Ok(Response::new(ApplyEventsResponse {
            answers,
            repeated_batch: false,
        }))
    }

    async fn report_watermarks(
        &self,
        request: Request<ReportWatermarksRequest>,
    ) -> Result<Response<ReportWatermarksResponse>, Status> {
        self.is_up()?;
        let mut record = self.record.lock().unwrap();
        let lanes = request.into_inner().lanes;
        record.lanes_told_first.get_or_insert(lanes.len());
        for watermark in lanes {
            record.watermarks.insert(watermark.lane.clone(), watermark);
        }
        Ok(Response::new(ReportWatermarksResponse {}))
    }

    async fn get_profile(
        &self,
        _: Request<GetProfileRequest>,
    ) -> Result<Response<Profile>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }

    async fn batch_get_profiles(
        &self,
        _: Request<BatchGetProfilesRequest>,
    ) -> Result<Response<BatchGetProfilesResponse>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }

    async fn rebuild_states(
        &self,
        _: Request<RebuildStatesRequest>,
    ) -> Result<Response<api::longrunning::Operation>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }

    async fn list_customers(
        &self,
        _: Request<ListCustomersRequest>,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }
}

#[tonic::async_trait]
impl TenantService for Peer {
    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        self.is_up()?;
        let tenant_id = request.into_inner().tenant_id;
        if tenant_id == "nobody" {
            return Err(Status::not_found("no such tenant"));
        }
        let currency_code = if tenant_id.starts_with("china") {
            "CNY"
        } else if tenant_id.starts_with("usd") {
            "USD"
        } else {
            "GBP"
        }
        .into();
        let state = TenantState::Active.into();
        let time_zone = match tenant_id.starts_with("china") {
            true => "Asia/Shanghai".into(),
            false => "Europe/London".into(),
        };
        Ok(Response::new(Tenant {
            tenant_id,
            currency_code,
            time_zone,
            state,
            ..Tenant::default()
        }))
    }

    async fn create_tenant(
        &self,
        _: Request<CreateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }

    async fn list_tenants(
        &self,
        _: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }

    async fn update_tenant(
        &self,
        _: Request<UpdateTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }

    async fn delete_tenant(
        &self,
        _: Request<DeleteTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        Err(Status::unimplemented(
            "not part of the protocol with ingestion",
        ))
    }
}
