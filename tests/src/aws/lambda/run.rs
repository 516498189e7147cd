//! One invocation from acceptance to its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use windlass_core::clock::{Clock, Entropy};
use windlass_core::system::{SystemClock, SystemEntropy};

use super::chaos::{Act, Fate, When};
use super::environment::{Environment, Frozen};
use super::function::{Deployed, Pending};
use super::record::{FailedEvent, Invocation, Outcome};
use super::runtime_api::{Assignment, InvocationEnd};
use crate::aws::calls::Calls;
use crate::aws::signal::Signal;

/// An event to run.
#[derive(Debug, Clone)]
pub(super) struct Event {
    payload: Bytes,
    request_id: String,
    trace_id: String,
    fate: Fate,
}

impl Event {
    /// An event with a new request id. `trace_id` is the caller's, or empty.
    pub(super) fn new(payload: Bytes, trace_id: String) -> Self {
        let random = SystemEntropy.next_u128();
        let request_id = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            random >> 96,
            random >> 80 & 0xffff,
            random >> 64 & 0xffff,
            random >> 48 & 0xffff,
            random & 0xffff_ffff_ffff
        );
        let trace_id = if trace_id.is_empty() {
            format!("Root=1-00000000-{:024x};Sampled=0", random >> 32)
        } else {
            trace_id
        };
        Self {
            payload,
            request_id,
            trace_id,
            fate: Fate::default(),
        }
    }

    /// The same event with a fate.
    pub(super) fn with(&self, fate: Fate) -> Self {
        Self {
            fate,
            ..self.clone()
        }
    }

    fn failed(&self, condition: String) -> FailedEvent {
        FailedEvent {
            request_id: self.request_id.clone(),
            payload: self.payload.clone(),
            condition,
        }
    }
}

/// Runs an asynchronous event when a slot is free, unless it exceeds its maximum age before.
pub(super) async fn deliver(function: Arc<Deployed>, event: Event, calls: Calls, pending: Pending) {
    let age = Duration::from_millis(function.function.event_age_ms);
    let slot = tokio::time::timeout(age, async {
        SystemClock
            .sleep(i64::try_from(event.fate.delay_ms).unwrap_or(i64::MAX))
            .await;
        function.slot().await
    });
    if let Ok(Some(slot)) = slot.await {
        let failed = event.failed(String::new());
        let invocation = invoke(Arc::clone(&function), slot, event, &calls).await;
        if !matches!(invocation.outcome, Outcome::Returned(_) | Outcome::Frozen) {
            let condition = format!("{:?}", invocation.outcome);
            function.failed(FailedEvent {
                condition,
                ..failed
            });
        }
    } else {
        function.failed(event.failed("EventAgeExceeded".to_owned()));
    }
    drop(pending);
}

/// Runs one invocation in the slot to its end, in a warm environment if there is one.
pub(super) async fn invoke(
    function: Arc<Deployed>,
    slot: OwnedSemaphorePermit,
    event: Event,
    calls: &Calls,
) -> Invocation {
    let invocation = match environment(&function).await {
        Ok((environment, init)) => run(&function, environment, init, event, calls).await,
        Err(error) => Invocation {
            function: function.function.name.clone(),
            request_id: event.request_id,
            environment: 0,
            access_key_id: String::new(),
            payload: event.payload,
            duration: Duration::ZERO,
            init: None,
            max_rss_kb: None,
            outcome: Outcome::NotStarted(format!("{error:#}")),
        },
    };
    function.ended(invocation.clone());
    drop(slot);
    invocation
}

async fn environment(function: &Deployed) -> anyhow::Result<(Environment, Option<Duration>)> {
    while let Some(mut warm) = function.take_warm() {
        if warm.is_alive() {
            return Ok((warm, None));
        }
    }
    let (environment, init) = Environment::start(function).await?;
    Ok((environment, Some(init)))
}

/// The event that ends an invocation.
enum End {
    Reported(InvocationEnd),
    Exited(String),
    TimedOut,
    Struck(Act),
}

async fn run(
    function: &Deployed,
    mut environment: Environment,
    init: Option<Duration>,
    event: Event,
    calls: &Calls,
) -> Invocation {
    let timeout_ms = i64::try_from(function.timeout_ms()).unwrap_or(i64::MAX);
    let (sender, mut ended) = oneshot::channel();
    let fate = event.fate.clone();
    // A planned stop happens first, however slow the machine is, and the timeout passes afterwards.
    let is_to_freeze = matches!(fate.strike, Some((Act::Freeze, _)));
    let strike = strike_of(&fate, &environment.access_key_id, calls);
    let began = Instant::now();
    let mut invocation = Invocation {
        function: function.function.name.clone(),
        request_id: event.request_id.clone(),
        environment: environment.number,
        access_key_id: environment.access_key_id.clone(),
        payload: event.payload.clone(),
        duration: Duration::ZERO,
        init,
        max_rss_kb: None,
        outcome: Outcome::Frozen,
    };
    let assignment = Assignment {
        function: function.function.name.clone(),
        request_id: event.request_id,
        trace_id: event.trace_id,
        payload: event.payload,
        deadline_ms: SystemClock.now().as_ms().saturating_add(timeout_ms),
        without_response: fate.without_response,
        ended: sender,
    };
    environment.api.assign(assignment).await;
    let end = tokio::select! {
        ended_with = response(&mut ended) => End::Reported(ended_with),
        status = environment.exit() => End::Exited(status.map_or_else(|error| error.to_string(), |status| status.to_string())),
        () = SystemClock.sleep(timeout_ms), if !is_to_freeze => End::TimedOut,
        act = strike => End::Struck(act),
    };
    invocation.duration = began.elapsed();
    invocation.max_rss_kb = environment.max_rss_kb();
    invocation.outcome = match end {
        End::Reported(ended_with) => {
            function.keep_warm(environment);
            ended_with.into()
        }
        End::Exited(status) => Outcome::Exited(status),
        End::TimedOut => {
            environment.kill().await;
            Outcome::TimedOut
        }
        End::Struck(Act::Kill) => {
            environment.kill().await;
            Outcome::Killed
        }
        End::Struck(Act::Freeze) => freeze(function, environment, invocation.clone(), ended).await,
    };
    invocation
}

/// Stops the environment and keeps it for later.
async fn freeze(
    function: &Deployed,
    mut environment: Environment,
    invocation: Invocation,
    ended: oneshot::Receiver<InvocationEnd>,
) -> Outcome {
    if let Err(error) = environment.send(Signal::Stop) {
        environment.kill().await;
        return Outcome::Exited(format!("{error:#}"));
    }
    function.keep_frozen(Frozen {
        environment,
        invocation,
        ended,
    });
    Outcome::Frozen
}

/// Resumes all stopped environments until their invocations end.
pub(super) async fn thaw(function: &Deployed) -> anyhow::Result<Vec<Invocation>> {
    let mut thawed = Vec::new();
    for mut frozen in function.take_frozen() {
        frozen
            .environment
            .send(Signal::Continue)
            .context("cannot wake a stopped process")?;
        let outcome = tokio::select! {
            ended_with = response(&mut frozen.ended) => ended_with.into(),
            status = frozen.environment.exit() => Outcome::Exited(status?.to_string()),
        };
        let max_rss_kb = frozen.environment.max_rss_kb();
        let invocation = Invocation {
            max_rss_kb,
            outcome,
            ..frozen.invocation
        };
        function.ended(invocation.clone());
        thawed.push(invocation);
    }
    Ok(thawed)
}

/// The bootstrap's response; pending forever if the channel is closed.
async fn response(ended: &mut oneshot::Receiver<InvocationEnd>) -> InvocationEnd {
    match ended.await {
        Ok(ended_with) => ended_with,
        Err(_) => std::future::pending().await,
    }
}

/// Completes at the moment of the fault, with its kind; never, if there is none.
fn strike_of(fate: &Fate, caller: &str, calls: &Calls) -> impl Future<Output = Act> + use<> {
    let strike = fate.strike.clone();
    let (caller, calls) = (caller.to_owned(), calls.clone());
    // Calls of earlier invocations in the same environment do not count.
    let before = match &strike {
        Some((_, When::Call(action, _))) => calls.count(&caller, action),
        _ => 0,
    };
    async move {
        let Some((act, when)) = strike else {
            return std::future::pending().await;
        };
        match when {
            When::Ms(ms) => {
                let ms = i64::try_from(ms).unwrap_or(i64::MAX);
                SystemClock.sleep(ms).await;
            }
            When::Call(action, times) => calls.reached(&caller, &action, before + times).await,
        }
        act
    }
}

impl From<InvocationEnd> for Outcome {
    fn from(ended_with: InvocationEnd) -> Self {
        match ended_with {
            InvocationEnd::Response(body) => Self::Returned(body),
            InvocationEnd::Error(body) => Self::Failed(body),
        }
    }
}
