//! The fetch of one page, with its retries within a run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tracing::Instrument;
use windlass_connectors::client::Client;
use windlass_connectors::connector::Page;
use windlass_connectors::exchange::Failure;
use windlass_connectors::http::Transport;
use windlass_core::limits;
use windlass_core::retry::{Attempt, Disposition, FailureClass, decide, full_jitter};
use windlass_core::window::Window;
use windlass_state::StateStore;

use crate::abandon::abandon;
use crate::permit::{NotNow, Permit};
use crate::token_use::TokenUse;
use crate::waits::{On, Waits};
use crate::{Deadline, Seams, spans};

/// The reason why there is no page.
#[derive(Debug)]
pub(crate) enum NoPage {
    /// The vendor or the network failed, after every retry that this run had.
    Failed {
        failure: Failure,
        disposition: Disposition,
    },
    /// The page had not arrived at the run's deadline.
    TooLate {
        failure: Failure,
        disposition: Disposition,
    },
    /// A stop was requested while the run waited, perhaps after failed tries; the last failure.
    Stopped(Option<String>),
    /// No request may be sent now.
    NotNow(NotNow),
}

/// Fetches pages of one window.
pub(crate) struct Fetcher<'a, S, T: Transport> {
    pub(crate) client: &'a Client<T>,
    pub(crate) seams: &'a Seams,
    pub(crate) permit: Permit<'a, S>,
    pub(crate) deadline: Deadline,
    /// True if a page token is replayable.
    pub(crate) replayable: bool,
    /// The page tokens that this run has sent.
    pub(crate) token_use: &'a TokenUse,
    /// The calls of this process that have not returned.
    pub(crate) waits: &'a Waits,
}

impl<S: StateStore, T: Transport> Fetcher<'_, S, T> {
    /// The page after `token` of `window`. Cancel-safe: only the vendor has seen the request.
    pub(crate) async fn fetch(
        &self,
        window: &Window,
        token: Option<&str>,
    ) -> Result<(Page, i64), NoPage> {
        let stored = window.cursor().map(|cursor| cursor.token.as_str());
        // The prefetched page, whose token is not stored yet.
        let is_ahead = token.is_some() && token != stored;
        let span = spans::page(window, window.page() + u64::from(is_ahead));
        self.fetch_in_time(window, token).instrument(span).await
    }

    async fn fetch_in_time(
        &self,
        window: &Window,
        token: Option<&str>,
    ) -> Result<(Page, i64), NoPage> {
        let started = self.seams.clock.now();
        let last_failure = Mutex::new(None);
        let tries = self.tries(window, token, &last_failure);
        tokio::select! {
            biased;
            page = tries => page.map(|page| (page, self.seams.clock.now().ms_since(started))),
            () = self.seams.stop.requested() => Err(NoPage::Stopped(take(&last_failure))),
            () = abandon(self.deadline, &*self.seams.clock) => Err(self.too_late(window, token)),
        }
    }

    fn too_late(&self, window: &Window, token: Option<&str>) -> NoPage {
        let failure = Failure::new(
            FailureClass::Outage,
            "no page arrived before the worker's deadline",
        );
        let class = self.class_of(&failure, token);
        let disposition = self.decide(window, class, &failure, None);
        NoPage::TooLate {
            failure,
            disposition,
        }
    }

    async fn tries(
        &self,
        window: &Window,
        token: Option<&str>,
        last_failure: &Mutex<Option<String>>,
    ) -> Result<Page, NoPage> {
        // At a request rate too slow to sleep through, a retry waits for the cooldown, as a page
        // does.
        let slow = self.permit.task.slow_interval_ms().is_some();
        let mut delays = delays().take(if slow { 0 } else { limits::PAGE_TRIES_MAX });
        loop {
            self.permit.wait().await.map_err(NoPage::NotNow)?;
            if token.is_some() && !self.replayable && self.seams.stop.is_requested() {
                // Its response would be dropped, and the token lost with it.
                return Err(NoPage::Stopped(take(last_failure)));
            }
            self.token_use.goes_out(token);
            let asked_at = self.seams.clock.now();
            let waiting = self
                .waits
                .begin(window.id(), On::Vendor, self.seams.clock.steady_ms());
            let fetched = self.client.fetch(window.span(), token).await;
            waiting.end(self.seams.clock.steady_ms());
            let failure = match fetched {
                Ok(mut page) => {
                    let origin = self.client.connector().origin();
                    self.permit
                        .record_page_clock(origin, &mut page, asked_at)
                        .await;
                    self.permit.record_quota(page.quota.as_ref());
                    return Ok(page);
                }
                Err(failure) => failure,
            };
            self.token_use.failed(&failure);
            let class = self.class_of(&failure, token);
            // Another try at a hanging vendor would hold the worker for as long again: the window
            // waits instead.
            let delay = if failure.timed_out {
                None
            } else {
                delays.next()
            };
            let disposition = self.decide(window, class, &failure, delay);
            let Disposition::Retry { after_ms } = disposition else {
                return Err(NoPage::Failed {
                    failure,
                    disposition,
                });
            };
            tracing::info!(after_ms, error = %failure, "page requested again");
            *last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.message);
            self.seams.clock.sleep(after_ms).await;
        }
    }

    fn class_of(&self, failure: &Failure, token: Option<&str>) -> FailureClass {
        if self.replayable {
            failure.class
        } else {
            self.token_use.class_of(failure, token)
        }
    }

    fn decide(
        &self,
        window: &Window,
        class: FailureClass,
        failure: &Failure,
        delay: Option<Duration>,
    ) -> Disposition {
        let now = self.seams.clock.now();
        let entropy = &self.seams.entropy;
        let attempt = Attempt {
            window,
            delay_ms: delay.map(|delay| full_jitter(to_ms(delay), entropy.next_u64())),
            wait_ms: failure.wait_ms,
            left_ms: self.deadline.left_ms(now, window.slowest_page_ms()),
            random: entropy.next_u64(),
            now,
        };
        decide(class, &attempt)
    }
}

fn take(message: &Mutex<Option<String>>) -> Option<String> {
    message
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}

/// The delays between tries: exponential backoff; the jitter comes from
/// [`Entropy`](windlass_core::Entropy).
fn delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(
            limits::RETRY_DELAY_MIN_MS.unsigned_abs(),
        ))
        .with_max_delay(Duration::from_millis(
            limits::RETRY_DELAY_MAX_MS.unsigned_abs(),
        ))
        .with_max_times(limits::PAGE_TRIES_MAX - 1)
        .build()
}

fn to_ms(delay: Duration) -> i64 {
    i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
}
