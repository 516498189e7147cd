//! A Lambda service on a loopback port: it runs real bootstraps as processes, keeps them warm,
//! kills them at their timeout, and injects the faults of the real service on purpose.
//!
//! Asynchronous events are never retried after an error, as with the functions' configuration
//! (`MaximumRetryAttempts` 0). An event without a free slot waits, up to its maximum age.

mod chaos;
mod environment;
mod function;
mod record;
mod run;
mod runtime_api;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use hyper::header::HeaderName;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::task::JoinSet;

pub use chaos::{Act, Chaos, Moment, Strike, Tally};
pub use function::Function;
pub use record::{FailedEvent, Invocation, LogLine, Outcome};

use function::Deployed;
use run::Event;

use super::calls::{Call, Calls, Signer};
use super::http::{HttpRequest, HttpResponse, Reaction, Server};
use super::refusals::Refusals;

/// Maximum time until all events come to rest. Ends a hanging test and decides nothing else.
const HANG_GUARD: std::time::Duration = std::time::Duration::from_mins(30);

/// Maximum timeout of an invocation, in milliseconds.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const LAMBDA_TIMEOUT_MS_MAX: u64 = 900_000;

/// A Lambda service. All its processes end on drop.
#[derive(Debug)]
pub struct LambdaService {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    calls: Calls,
    refusals: Refusals,
    functions: Mutex<BTreeMap<String, Arc<Deployed>>>,
    /// Pending events; aborted, and their processes killed, with the service.
    events: Mutex<JoinSet<()>>,
}

impl LambdaService {
    /// Listens on a free loopback port, without functions. Observed calls go to `calls`, which also
    /// time [`Moment::AfterCall`].
    pub async fn start(calls: Calls, refusals: Refusals) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            calls,
            refusals,
            functions: Mutex::default(),
            events: Mutex::new(JoinSet::new()),
        });
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.respond(request).await }
            }
        });
        Ok(Self {
            server: server.await?,
            shared,
        })
    }

    /// The start of its URLs, without a trailing slash.
    pub fn uri(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Adds a function, or replaces the one of that name; environments of the old one end.
    pub fn deploy(&self, function: Function) {
        let name = function.name.clone();
        let deployed = Arc::new(Deployed::new(function));
        self.shared.functions().insert(name, deployed);
    }

    fn function(&self, name: &str) -> anyhow::Result<Arc<Deployed>> {
        let function = self.shared.functions().get(name).cloned();
        function.with_context(|| format!("there is no function {name}"))
    }

    /// Replaces the fault plan of a function's events.
    pub fn set_chaos(&self, function: &str, chaos: Chaos) -> anyhow::Result<()> {
        self.function(function)?.set_chaos(chaos);
        Ok(())
    }

    /// Sets the timeout of a function's invocations in milliseconds, from the next one on.
    pub fn set_timeout_ms(&self, function: &str, timeout_ms: u64) -> anyhow::Result<()> {
        self.function(function)?.set_timeout_ms(timeout_ms);
        Ok(())
    }

    /// The timeout of the next invocation of a function, in milliseconds.
    pub fn timeout_ms(&self, function: &str) -> anyhow::Result<u64> {
        Ok(self.function(function)?.timeout_ms())
    }

    /// The counts of injected faults.
    pub fn tally(&self, function: &str) -> anyhow::Result<Tally> {
        Ok(self.function(function)?.tally())
    }

    /// Invokes a function and waits for its end.
    pub async fn invoke(&self, function: &str, payload: &Value) -> anyhow::Result<Invocation> {
        let deployed = self.function(function)?;
        let event = Event::new(Bytes::from(payload.to_string()), String::new());
        let slot = deployed.free_slot();
        let slot = slot.with_context(|| format!("{function} has no free slot"))?;
        Ok(run::invoke(deployed, slot, event, &self.shared.calls).await)
    }

    /// Accepts an event for a function, like an asynchronous invocation.
    pub fn send(&self, function: &str, payload: &Value) -> anyhow::Result<()> {
        let event = Event::new(Bytes::from(payload.to_string()), String::new());
        self.shared.accept(&self.function(function)?, &event);
        Ok(())
    }

    /// Waits until no event of any function is pending or running.
    pub async fn rest(&self) -> anyhow::Result<()> {
        let functions: Vec<_> = self.shared.functions().values().cloned().collect();
        for function in functions {
            let resting = tokio::time::timeout(HANG_GUARD, function.rest()).await;
            ensure!(
                resting.is_ok(),
                "{} does not come to rest",
                function.function.name
            );
        }
        Ok(())
    }

    /// The number of pending and running events of a function.
    pub fn pending(&self, function: &str) -> anyhow::Result<usize> {
        Ok(self.function(function)?.pending())
    }

    /// Every ended invocation of a function, in the order of their ends.
    pub fn invocations(&self, function: &str) -> anyhow::Result<Vec<Invocation>> {
        Ok(self.function(function)?.invocations())
    }

    /// The events that the on-failure destination of a function would have received.
    pub fn failed_events(&self, function: &str) -> anyhow::Result<Vec<FailedEvent>> {
        Ok(self.function(function)?.failed_events())
    }

    /// Every log line of a function's environments.
    pub fn logs(&self, function: &str) -> anyhow::Result<Vec<LogLine>> {
        Ok(self.function(function)?.logs())
    }

    /// The number of a function's environments that are stopped in the middle of an invocation.
    pub fn frozen(&self, function: &str) -> anyhow::Result<usize> {
        Ok(self.function(function)?.frozen())
    }

    /// Resumes every stopped environment of a function until its invocation ends, and returns the
    /// outcomes. As with the real service, they are not killed any more: their deadline passed
    /// while they were stopped.
    pub async fn thaw(&self, function: &str) -> anyhow::Result<Vec<Invocation>> {
        let function = self.function(function)?;
        let thawed = tokio::time::timeout(HANG_GUARD, run::thaw(&function)).await;
        thawed.context("a stopped environment went on and did not end")?
    }
}

impl Drop for LambdaService {
    fn drop(&mut self) {
        self.shared.events().abort_all();
        self.shared.functions().clear();
    }
}

impl Shared {
    fn functions(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Deployed>>> {
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn events(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Responds to the one supported operation:
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    async fn respond(&self, request: HttpRequest) -> Reaction {
        let name = match function_name(&request) {
            Ok(name) => name,
            Err(problem) => {
                return error(StatusCode::NOT_FOUND, "UnknownOperationException", &problem).into();
            }
        };
        let call = Call {
            caller: Signer::of(&request).access_key_id,
            action: "lambda:InvokeFunction".to_owned(),
            on: format!("function:{name}"),
            key: String::new(),
        };
        self.calls.record(call.clone());
        if let Some(mut refused) = self.refusals.respond(&call) {
            refused.status = StatusCode::FORBIDDEN;
            return refused.into();
        }
        let Some(function) = self.functions().get(&name).cloned() else {
            let message = format!("Function not found: {name}");
            return error(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message).into();
        };
        let event = Event::new(
            request.body.clone(),
            request.header("x-amzn-trace-id").to_owned(),
        );
        if request.header("x-amz-invocation-type") == "Event" {
            self.accept(&function, &event);
            return HttpResponse::empty(StatusCode::ACCEPTED).into();
        }
        let Some(slot) = function.free_slot() else {
            let message = "Rate Exceeded.";
            return error(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                message,
            )
            .into();
        };
        let invocation = run::invoke(function, slot, event, &self.calls).await;
        returned(&invocation).into()
    }

    /// Schedules the deliveries of an event: none, one or several.
    fn accept(&self, function: &Arc<Deployed>, event: &Event) {
        let fate = function.draw();
        let mut events = self.events();
        while events.try_join_next().is_some() {}
        for fate in fate {
            let event = event.with(fate);
            let pending = function.begin();
            events.spawn(run::deliver(
                Arc::clone(function),
                event,
                self.calls.clone(),
                pending,
            ));
        }
    }
}

/// The function's name in `/2015-03-31/functions/NAME-OR-ARN/invocations`, without a qualifier.
fn function_name(request: &HttpRequest) -> Result<String, String> {
    let path = request.uri.path();
    let name = path
        .strip_prefix("/2015-03-31/functions/")
        .and_then(|rest| rest.strip_suffix("/invocations"));
    let (Some(name), &Method::POST) = (name, &request.method) else {
        return Err(format!(
            "{} {path} is no operation of this fake",
            request.method
        ));
    };
    let decoded = percent_decode_str(name)
        .decode_utf8()
        .map_err(|error| error.to_string())?;
    let name = decoded
        .split_once(":function:")
        .map_or(&*decoded, |(_, name)| name);
    Ok(name.split(':').next().unwrap_or(name).to_owned())
}

fn error(status: StatusCode, kind: &str, message: &str) -> HttpResponse {
    HttpResponse::error(status, kind, message)
}

/// The response to a synchronous caller.
fn returned(invocation: &Invocation) -> HttpResponse {
    let failed = |body: Value| {
        let name = HeaderName::from_static("x-amz-function-error");
        HttpResponse::json(StatusCode::OK, &body)
            .with(name, "Unhandled".parse().expect("it is a header"))
    };
    match &invocation.outcome {
        Outcome::Returned(body) => HttpResponse {
            body: body.clone(),
            ..HttpResponse::empty(StatusCode::OK)
        },
        other => failed(other.as_error(&invocation.request_id)),
    }
}

impl Invocation {
    /// The return value of the function, or an error with the outcome.
    pub fn expect_success(&self) -> anyhow::Result<Value> {
        match &self.outcome {
            Outcome::Returned(body) => {
                serde_json::from_slice(body).context("the function returned no JSON")
            }
            other => bail!("{} ended badly: {other:?}", self.function),
        }
    }
}

#[cfg(test)]
#[path = "lambda_tests.rs"]
mod tests;
