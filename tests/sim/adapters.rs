//! The clients and sinks of simulated workers: the production client on a vendor in this process,
//! and the production sink on a stream in this process or a model of files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use windlass_connectors::{
    ApiRequest, ApiResponse, Client, Connector, Credentials, Transport, TransportError,
};
use windlass_core::clock::{Clock, Entropy};
use windlass_core::ids::{RateGroup, SourceName};
use windlass_core::source::SourceRecord;
use windlass_worker::{AdapterError, AdapterFactory, Adapters};

use crate::files::SimSink;
use crate::mortal::Abort;
use crate::op::What;
use crate::true_time;
use crate::vendor::{Vendor, VendorTransport};
use crate::world::{World, lock};

/// The connectors, vendors and the sink of a world.
#[derive(Debug)]
pub(crate) struct Services {
    /// The connector and the vendor of each source.
    pub(crate) vendors: BTreeMap<SourceName, (Connector, Arc<Vendor>)>,
    /// Receives violations of a cooldown.
    pub(crate) world: Arc<World>,
    /// The destination of all records.
    pub(crate) sink: Arc<SimSink>,
}

type SimAdapters = Adapters<WatchedTransport, SimSink>;

/// A vendor's transport that checks the cooldown of its rate group (promise P5).
#[derive(Debug, Clone)]
pub(crate) struct WatchedTransport {
    inner: VendorTransport,
    group: RateGroup,
    world: Arc<World>,
    vendor: Arc<Vendor>,
    abort: Abort,
}

impl WatchedTransport {
    /// Returns true if `request` is for a page that kills its reader.
    fn is_poisoned(&self, request: &ApiRequest) -> bool {
        let name = &self.vendor.spec().name;
        let poisoned_ms = self.world.on(|what| match what {
            // The name of the n-th vendor ends with its number.
            What::PoisonedPage { vendor, at_ms } => {
                name.ends_with(&vendor.to_string()).then_some(*at_ms)
            }
            _ => None,
        });
        let at = poisoned_ms.map(|at_ms| true_time::WORLD_EPOCH.plus_ms(at_ms));
        at.is_some_and(|at| self.vendor.asks_for(request, at))
    }
}

impl Transport for WatchedTransport {
    async fn send(&self, request: &ApiRequest) -> Result<ApiResponse, TransportError> {
        if let Some(closed_ms) = self.world.closed_too_long_ms(&self.group) {
            self.world.violate(format_args!(
                "{} was asked {closed_ms} ms into the cooldown of its rate group",
                self.group
            ));
        }
        let response = self.inner.send(request).await?;
        if self.is_poisoned(request) {
            self.world.count("page_poisoned");
            self.abort.now().await;
        }
        Ok(response)
    }
}

/// The adapter factory of one environment: it keeps clients for its life.
#[derive(Debug)]
pub(crate) struct SimAdapterFactory {
    services: Arc<Services>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    abort: Abort,
    adapters: Mutex<BTreeMap<SourceName, SimAdapters>>,
}

impl SimAdapterFactory {
    /// The adapter factory of an environment with this clock and this randomness, which `abort` ends.
    pub(crate) fn new(
        services: Arc<Services>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        abort: Abort,
    ) -> Self {
        Self {
            services,
            clock,
            entropy,
            abort,
            adapters: Mutex::default(),
        }
    }
}

impl AdapterFactory for SimAdapterFactory {
    type Transport = WatchedTransport;
    type Sink = SimSink;

    async fn adapters(&self, source: &SourceRecord) -> Result<SimAdapters, AdapterError> {
        let name = &source.definition.name;
        if let Some(adapters) = lock(&self.adapters).get(name) {
            return Ok(adapters.clone());
        }
        let Some((connector, vendor)) = self.services.vendors.get(name) else {
            return Err(AdapterError::Refused(format!("no source {name}")));
        };
        let secret = SecretString::from(vendor.secret());
        let credentials = Credentials::new(connector.auth(), Some(&secret))
            .map_err(|error| AdapterError::Refused(error.to_string()))?;
        let client = Client::new(
            connector.clone(),
            credentials,
            WatchedTransport {
                inner: vendor.transport(),
                group: source.definition.policy.rate_group.clone(),
                world: Arc::clone(&self.services.world),
                vendor: Arc::clone(vendor),
                abort: self.abort.clone(),
            },
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        );
        let adapters = Adapters {
            client: Arc::new(client),
            sink: Arc::clone(&self.services.sink),
        };
        lock(&self.adapters).insert(name.clone(), adapters.clone());
        Ok(adapters)
    }
}
