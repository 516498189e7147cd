//! The end of a window's run: completed, released, restarted, split, blocked.

mod no_page;

use std::sync::atomic::Ordering;

use windlass_connectors::connector::Page;
use windlass_core::causes;
use windlass_core::checkpoint::PageTotals;
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::pacing::{Pause, PauseCause};
use windlass_core::retry::{restart_wait_ms, stored_backoff_ms};
use windlass_core::source::{BlockCause, BlockChange};
use windlass_core::time::Timestamp;
use windlass_core::transition::Cause;
use windlass_core::trust::Difference;
use windlass_core::wait::Cooldown;
use windlass_core::window::Window;
use windlass_state::StateStore;

use crate::block::Block;
use crate::end::End;
use crate::pages::Run;
use crate::persist::NotWritten;
use crate::{AdapterFactory, Outcome};

impl<S: StateStore, O: AdapterFactory> Run<'_, S, O> {
    /// Stores the end of the run.
    pub(crate) async fn conclude(&self, lease: &Lease, end: End) -> Result<Outcome, NotWritten> {
        match end {
            End::Finished {
                done,
                totals,
                pause,
            } => self.finished(&done, &totals, pause).await,
            End::NoPage(no_page) => self.no_page(lease, no_page).await,
            End::Sink(error) => self.sink_failed(lease, &error).await,
            End::TokenCycle(problem) => {
                let wait_ms = restart_wait_ms(lease.window().restarts());
                let not_before = Some(self.worker.now().plus_ms(wait_ms));
                self.begin_again(lease, not_before, problem).await
            }
            End::TooEarly { until, early } => {
                let why = early.describe(&self.source.definition.connector);
                self.give_back(lease, Cause::Yielded, Some(until), &why)
                    .await
            }
            End::Disputed(dispute) => {
                let why = Difference::from(dispute).describe(&self.source.definition.connector);
                let not_before = Some(self.after_setbacks(lease.window()));
                self.give_back(lease, Cause::Outage, not_before, &why).await
            }
            End::Pause(until, cause) => {
                let why = cause.reason();
                self.start_cooldown(until, why).await?;
                self.give_back(lease, Cause::Yielded, Some(until), why)
                    .await
            }
            End::Yield(why) => self.yield_now(lease, why).await,
            End::OutOfTime(why) => self.out_of_time(lease, why).await,
        }
    }

    /// The reason to end the run between two pages, if there is one.
    pub(crate) fn should_leave(&self, lease: &Lease, page: &Page) -> Option<End> {
        let now = self.worker.now();
        if let Some(pause) = self.pause_between_pages(page) {
            return Some(End::Pause(now.plus_ms(pause.ms), pause.cause));
        }
        if self.worker.seams.stop.is_requested() {
            return Some(End::Yield("shutdown requested"));
        }
        let has_time = self
            .deadline
            .has_time(now, lease.window().slowest_page_ms());
        (!has_time).then_some(End::OutOfTime("deadline reached"))
    }

    /// The pause of the rate group before its next request, if that is too long to sleep through.
    pub(crate) fn pause_between_pages(&self, page: &Page) -> Option<Pause> {
        // Reservations are spread over the quota and cannot exceed it.
        let workers = if self.task.reserves_requests {
            1
        } else {
            self.permit().workers_at_once()
        };
        let quota = page.quota.as_ref();
        let quota = quota.map(|quota| (quota.remaining, quota.reset_ms));
        Pause::before_next(quota, workers, self.task.slow_interval_ms())
    }

    async fn finished(
        &self,
        done: &Window,
        totals: &PageTotals,
        pause: Option<Pause>,
    ) -> Result<Outcome, NotWritten> {
        self.delivered(done, totals).await?;
        self.worker.log_once.forget(&done.id().timeline.source);
        match pause {
            // Without the cooldown, the next window would request its first page.
            Some(Pause { ms, cause }) => {
                let until = self.worker.now().plus_ms(ms);
                self.start_cooldown(until, cause.reason()).await?;
            }
            None => self.start_rate_cooldown().await?,
        }
        Ok(Outcome::Completed)
    }

    /// Starts a cooldown of the rate group if its request rate is too slow for a worker to sleep
    /// through.
    async fn start_rate_cooldown(&self) -> Result<(), NotWritten> {
        match self.task.slow_interval_ms() {
            Some(pause_ms) => {
                let until = self.worker.now().plus_ms(pause_ms);
                self.start_cooldown(until, PauseCause::Rate.reason()).await
            }
            None => Ok(()),
        }
    }

    async fn start_cooldown(&self, not_before: Timestamp, reason: &str) -> Result<(), NotWritten> {
        let group = self.source.definition.policy.rate_group.clone();
        let cooldown = Cooldown {
            group,
            not_before,
            reason: reason.to_owned(),
        };
        let store = &self.worker.store;
        let holder = self.worker.holder();
        let now = self.worker.now();
        holder
            .insist(|| store.start_cooldown(&cooldown, now))
            .await?;
        // The other runs of this process see the cooldown without a read.
        let cooldowns = &self.worker.permits.cooldowns;
        cooldowns.seen(&cooldown.group.clone(), Some(cooldown), now);
        Ok(())
    }

    /// Reports a durable page to the observer, and ends the block of a probed source.
    pub(crate) async fn delivered(
        &self,
        window: &Window,
        totals: &PageTotals,
    ) -> Result<(), NotWritten> {
        if let Some(observer) = &self.worker.seams.observer {
            observer.page(window, totals);
        }
        if self.probes.swap(false, Ordering::SeqCst) {
            self.worker
                .change_block(self.source, &BlockChange::Clear)
                .await?;
            let source = &self.source.definition.name;
            self.worker.log_once.forget(source);
            tracing::info!(%source, "source unblocked: a probe delivered a page");
        }
        Ok(())
    }

    /// The earliest next claim after one more setback.
    pub(crate) fn after_setbacks(&self, window: &Window) -> Timestamp {
        self.worker
            .now()
            .plus_ms(stored_backoff_ms(window.setbacks()))
    }

    /// Restarts the window at page one: only its undelivered part where that is known, and in two
    /// halves if the window has shown that it does not fit.
    pub(crate) async fn begin_again(
        &self,
        lease: &Lease,
        not_before: Option<Timestamp>,
        why: &str,
    ) -> Result<Outcome, NotWritten> {
        let cause = causes::begin_again(lease.window(), &self.source.definition.policy);
        self.give_back(lease, cause, not_before, why).await
    }

    /// Releases the window, and records a page token that is known to be unserved.
    pub(crate) async fn give_back(
        &self,
        lease: &Lease,
        cause: Cause,
        not_before: Option<Timestamp>,
        why: &str,
    ) -> Result<Outcome, NotWritten> {
        let cause = self.with_token(lease.window(), cause);
        self.worker.give_back(lease, cause, not_before, why).await
    }

    async fn yield_now(&self, lease: &Lease, why: &str) -> Result<Outcome, NotWritten> {
        self.give_back(lease, Cause::Yielded, None, why).await
    }

    pub(crate) async fn block(
        &self,
        lease: &Lease,
        cause: BlockCause,
        why: &str,
    ) -> Result<Outcome, NotWritten> {
        let blocked = self.source.blocked.as_ref();
        let blocked = blocked.filter(|_| self.probes.load(Ordering::SeqCst));
        let block = Block {
            source: self.source,
            cause,
            since: blocked.map(|blocked| blocked.since),
            why,
        };
        let released = self.with_token(lease.window(), Cause::Yielded);
        self.worker.block(lease, block, released).await
    }

    /// `cause`, with this run's use of the page token that `window` stores. Irrelevant for a
    /// replayable token.
    fn with_token(&self, window: &Window, cause: Cause) -> Cause {
        if self.is_replayable() || self.token_use.has_that_of(window) {
            cause
        } else {
            cause.unsent()
        }
    }

    /// Releases the window at the run's deadline; with a split if that has happened too often.
    async fn out_of_time(&self, lease: &Lease, why: &str) -> Result<Outcome, NotWritten> {
        let cause = causes::out_of_time(lease.window(), &self.source.definition.policy);
        self.give_back(lease, cause, None, why).await
    }

    /// Releases the window as failed: more records are delivered in its span than a sweep can
    /// compare.
    pub(crate) async fn too_much_to_know(&self, lease: &Lease) -> Result<Outcome, NotWritten> {
        let why = format!(
            "the sweep of this window would compare more than {} delivered records, the limit; \
             set a smaller `window.max` for later windows",
            limits::SEEN_DIGESTS_MAX
        );
        let not_before = Some(self.after_setbacks(lease.window()));
        self.give_back(lease, Cause::Failed, not_before, &why).await
    }
}
