//! A vendor that answers two pages and then nothing.

use std::future::pending;
use std::sync::Arc;

use secrecy::SecretString;
use windlass_connectors::exchange::{ApiRequest, ApiResponse};
use windlass_connectors::http::{Transport, TransportError};
use windlass_connectors::scripted::ScriptedTransport;
use windlass_connectors::{Client, Connector, Credentials, Manifest, Settings};
use windlass_core::clock::SeededEntropy;
use windlass_core::source::SourceRecord;

use super::fake_vendor::{MANIFEST, token, transport, well};
use super::harness::{Bench, CANARY, TestSink, only};
use crate::{Budget, Gear, Outcome, Outfit, OutfitError, Seams, Worker};

/// Never answers the request for page 2.
struct Hanging(ScriptedTransport);

impl Transport for Hanging {
    async fn send(&self, request: &ApiRequest) -> Result<ApiResponse, TransportError> {
        if token(request).as_deref() == Some("p2") {
            pending::<()>().await;
        }
        self.0.send(request).await
    }
}

struct HangingOutfit {
    client: Arc<Client<Hanging>>,
    sink: Arc<TestSink>,
}

impl Outfit for HangingOutfit {
    type Transport = Hanging;
    type Sink = TestSink;

    async fn outfit(&self, _: &SourceRecord) -> Result<Gear<Hanging, TestSink>, OutfitError> {
        Ok(Gear {
            client: Arc::clone(&self.client),
            sink: Arc::clone(&self.sink),
        })
    }
}

#[tokio::test]
async fn a_delivered_page_is_checkpointed_while_the_next_one_is_still_awaited() {
    let bench = Bench::new(|asked| well(asked.page, 4)).await;
    let manifest = Manifest::load("sample.yaml", MANIFEST).unwrap();
    let connector = Connector::compile(&manifest, &Settings::default()).unwrap();
    let secret = SecretString::from(CANARY);
    let credentials = Credentials::new(connector.auth(), Some(&secret)).unwrap();
    let hanging = Hanging(transport(|asked| well(asked.page, 4), bench.log.clone()));
    let entropy = Arc::new(SeededEntropy::new(1));
    let client = Client::new(
        connector,
        credentials,
        hanging,
        bench.clock.clone(),
        entropy.clone(),
    );
    let outfit = HangingOutfit {
        client: Arc::new(client),
        sink: Arc::new(bench.sink.clone()),
    };
    let seams = Seams {
        clock: bench.clock.clone(),
        entropy,
        stop: bench.stop.clone(),
        observer: None,
    };
    let worker = Worker::new(bench.store.clone(), outfit, seams);
    let task = bench.task().await;
    let stop_once_checkpointed = async {
        while bench.window().await.page < 2 {
            tokio::task::yield_now().await;
        }
        bench.stop.request();
    };
    let (report, ()) = tokio::join!(worker.run(&task, Budget::UNLIMITED), stop_once_checkpointed);
    let outcome = only(report);
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!(
        (window.page, window.cursor.unwrap().token.as_str()),
        (2, "p2")
    );
}
