//! Calls to the sink: their deadline, the grace period after a request to stop, and the end of a
//! run whose sink fails.

use std::future::Future;

use windlass_core::duration::Rounded;
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::retry::refusal_stands;
use windlass_core::source::BlockCause;
use windlass_core::transition::Cause;
use windlass_core::window::Window;
use windlass_sink::SinkError;
use windlass_state::StateStore;

use crate::abandon::abandon;
use crate::end::Undelivered;
use crate::pages::Run;
use crate::persist::NotWritten;
use crate::waits::On;
use crate::{AdapterFactory, Outcome, Seams};

impl<S: StateStore, O: AdapterFactory> Run<'_, S, O> {
    /// Awaits `call` to the sink until the run's deadline, or until the end of `grace`. A sink that
    /// never returns has an outage, and a window that is killed with it would become a suspect. The
    /// writer is not used again.
    pub(crate) async fn in_time<T>(
        &self,
        window: &Window,
        grace: &mut (impl Future<Output = ()> + Unpin),
        call: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, Undelivered> {
        let clock = &*self.worker.seams.clock;
        let sink = &self.source.definition.sink;
        let on = On::Sink(sink.clone());
        let waiting = self.worker.waits.begin(window.id(), on, clock.steady_ms());
        let done = tokio::select! {
            biased;
            done = call => done.map_err(Undelivered::Sink),
            () = abandon(self.deadline, clock) => Err(Undelivered::Sink(SinkError::Unavailable {
                sink: sink.clone(),
                problem: "the page was not acknowledged before the worker's deadline".to_owned(),
            })),
            () = grace => Err(Undelivered::Stopped),
        };
        waiting.end(clock.steady_ms());
        done
    }

    /// Completes [`limits::STOP_GRACE_MS`] after the request to stop.
    pub(crate) async fn stop_grace(&self) {
        let Seams { clock, stop, .. } = &self.worker.seams;
        stop.requested().await;
        clock.alarm(limits::STOP_NOTICE_MS).await;
        let definition = &self.source.definition;
        let grace = Rounded(limits::STOP_GRACE_MS);
        tracing::warn!(
            source = %definition.name,
            sink = %definition.sink,
            "shutdown waits up to {grace} for the sink to acknowledge a page; after that, the \
             next run delivers the page again"
        );
        clock
            .alarm(limits::STOP_GRACE_MS - limits::STOP_NOTICE_MS)
            .await;
    }

    /// Ends a run whose sink failed, by the class of the failure.
    pub(crate) async fn sink_failed(
        &self,
        lease: &Lease,
        error: &SinkError,
    ) -> Result<Outcome, NotWritten> {
        let why = error.to_string();
        let not_before = Some(self.after_setbacks(lease.window()));
        match error {
            SinkError::Full { .. } | SinkError::Unusable { .. } => {
                self.block(lease, BlockCause::Local, &why).await
            }
            SinkError::Denied { .. } if !refusal_stands(lease.window()) => {
                self.give_back(lease, Cause::Outage, not_before, &why).await
            }
            SinkError::Refused { .. } | SinkError::Denied { .. } => {
                self.block(lease, BlockCause::Refused, &why).await
            }
            SinkError::Lost { .. } => {
                self.give_back(lease, Cause::Restart, not_before, &why)
                    .await
            }
            // A wait that is long enough to store is kept as the destination asked. Shorter waits
            // did not help, so the backoff grows from run to run.
            SinkError::Throttled { wait_ms, .. } if *wait_ms > limits::RETRY_DELAY_MAX_MS => {
                let wait_ms = (*wait_ms).min(limits::WAIT_MS_MAX);
                let not_before = Some(self.worker.now().plus_ms(wait_ms));
                self.give_back(lease, Cause::Yielded, not_before, &why)
                    .await
            }
            SinkError::Throttled { .. } | SinkError::Unavailable { .. } => {
                self.give_back(lease, Cause::Outage, not_before, &why).await
            }
        }
    }
}
