//! The access of the SDK to the stream: an HTTP client without a network.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use super::Stream;
use super::fault::StreamFault;
use super::service::ServiceResponse;
use crate::clock::wait_ms;
use crate::true_time;

/// The only call to the stream, as named in a header.
const PUT_RECORDS: &str = "Firehose_20150804.PutRecordBatch";
/// Duration of a slow response in milliseconds: within the timeout.
const SLOW_MS: std::ops::Range<i64> = 1_000..9_000;

/// Sends every request to one stream.
#[derive(Debug, Clone)]
pub(super) struct Network(Arc<Stream>);

impl Network {
    pub(super) fn to(stream: Arc<Stream>) -> Self {
        Self(stream)
    }
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let stream = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move { stream.exchange(request).await })
    }
}

/// Lines that were taken before their caller has the response. If dropped first, the caller never
/// gets it, because it was killed or timed out.
struct Unacknowledged<'a> {
    stream: &'a Stream,
    lines: u64,
}

impl Drop for Unacknowledged<'_> {
    fn drop(&mut self) {
        self.stream.state().unacknowledged += self.lines;
    }
}

impl Stream {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let latency_ms = {
            let latency = self.spec.latency_ms.clone();
            self.state().latency.i64(latency)
        };
        let there_ms = latency_ms / 2;
        wait_ms(there_ms).await;
        let fault = self.state().faults.draw(true_time::now());
        if fault == Some(StreamFault::HangupBefore) {
            return Err(hangup());
        }
        let response = self.carry_out(&request, fault);
        let mut unacknowledged = Unacknowledged {
            stream: self,
            lines: response.lines,
        };
        match fault {
            Some(StreamFault::HangupAfter) => return Err(hangup()),
            Some(StreamFault::Silence) => std::future::pending().await,
            Some(StreamFault::Slow) => {
                let slow_ms = self.state().faults.rng().i64(SLOW_MS);
                wait_ms(slow_ms).await;
            }
            _ => {}
        }
        wait_ms(latency_ms - there_ms).await;
        if fault != Some(StreamFault::ShortResponse) {
            unacknowledged.lines = 0;
        }
        http_response(response)
    }

    fn carry_out(&self, request: &HttpRequest, fault: Option<StreamFault>) -> ServiceResponse {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = request.body().bytes();
        if body.is_none() {
            let problem = format!("a {} without a body in memory", request.method());
            self.state().violation(problem);
        }
        let body = body.unwrap_or_default();
        match (request.method(), target) {
            ("POST", PUT_RECORDS) => self.put_records(body, fault, true_time::now()),
            ("PUT", "") => self.put_object(request.uri(), body, fault),
            (method, target) => {
                self.state().violation(format!("a {method} of {target}"));
                ServiceResponse {
                    status: 404,
                    body: String::new(),
                    lines: 0,
                }
            }
        }
    }
}

fn hangup() -> ConnectorError {
    ConnectorError::io("the connection was reset".into())
}

fn http_response(response: ServiceResponse) -> Result<HttpResponse, ConnectorError> {
    let status = response
        .status
        .try_into()
        .map_err(|_| ConnectorError::other("no such status".into(), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(response.body)))
}
