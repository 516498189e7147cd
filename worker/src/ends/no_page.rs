//! The end of a run whose page could not be fetched.

use windlass_connectors::exchange::Failure;
use windlass_core::causes;
use windlass_core::lease::Lease;
use windlass_core::retention;
use windlass_core::retry::Disposition;
use windlass_core::source::BlockCause;
use windlass_core::time::Timestamp;
use windlass_core::transition::Cause;
use windlass_core::window::Window;
use windlass_state::StateStore;

use crate::fetch::NoPage;
use crate::pages::Run;
use crate::permit::NotNow;
use crate::persist::NotWritten;
use crate::{AdapterFactory, Outcome};

impl<S: StateStore, O: AdapterFactory> Run<'_, S, O> {
    pub(super) async fn no_page(
        &self,
        lease: &Lease,
        no_page: NoPage,
    ) -> Result<Outcome, NotWritten> {
        let (failure, disposition) = match no_page {
            NoPage::TooLate { disposition, .. }
                if lease.window().attempts() == 0
                    && !matches!(disposition, Disposition::Restart { .. }) =>
            {
                // The run had pages before that, so the deadline ended it, not an outage.
                self.start_rate_cooldown().await?;
                return self.out_of_time(lease, "deadline reached").await;
            }
            NoPage::Failed {
                failure,
                disposition,
            }
            | NoPage::TooLate {
                failure,
                disposition,
            } => (failure, disposition),
            NoPage::NotNow(NotNow::Until(until, why)) => {
                return self
                    .give_back(lease, Cause::Yielded, Some(until), &why)
                    .await;
            }
            NoPage::NotNow(NotNow::State(not_written)) => return Err(not_written),
            NoPage::Stopped(None) => return self.yield_now(lease, "shutdown requested").await,
            NoPage::Stopped(Some(why)) => {
                return self.give_back(lease, Cause::Outage, None, &why).await;
            }
        };
        self.start_rate_cooldown().await?;
        let why = failure.to_string();
        let give_back = |cause, not_before| self.give_back(lease, cause, Some(not_before), &why);
        match disposition {
            Disposition::Block => match self.dropped_until(lease.window(), &failure) {
                Some(horizon) => {
                    self.record_failure_clock(&failure).await;
                    self.leave_out(lease, horizon, &why).await
                }
                None => self.block(lease, BlockCause::Refused, &why).await,
            },
            Disposition::Leave {
                not_before,
                cooldown,
            } => {
                let now = self.worker.now();
                let window = lease.window();
                let (cause, not_before) =
                    causes::left_alone(window, failure.wait_ms, not_before, now);
                if cooldown {
                    self.start_cooldown(not_before, &why).await?;
                }
                give_back(cause, not_before).await
            }
            Disposition::Fail { not_before } => give_back(Cause::Failed, not_before).await,
            Disposition::Restart { not_before } => {
                self.begin_again(lease, Some(not_before), &why).await
            }
            Disposition::Split => self.split(lease, &why).await,
            Disposition::Retry { after_ms } => {
                give_back(Cause::Outage, self.worker.now().plus_ms(after_ms)).await
            }
        }
    }

    /// The instant up to which the vendor has dropped a part of `window`, if `failure` can only
    /// mean that.
    fn dropped_until(&self, window: &Window, failure: &Failure) -> Option<Timestamp> {
        let policy = &self.source.definition.policy;
        let trusted = self.trusted(failure.served_at).ok()?;
        let is_refusal = matches!(failure.status, Some(400 | 404 | 410 | 416 | 422));
        retention::dropped_until(window, policy, trusted).filter(|_| is_refusal)
    }

    /// Stores the clock of a response that rejects time beyond the retention: later plans skip that
    /// time by this clock, and there may be no other response. Other errors can come from a proxy.
    async fn record_failure_clock(&self, failure: &Failure) {
        if let Some(served_at) = failure.served_at {
            let (origin, now) = (self.adapters.client.connector().origin(), self.worker.now());
            self.permit().record_clock(origin, served_at, now).await;
        }
    }

    /// Releases a window that begins before `horizon`. The ticks skip its dropped part, by the
    /// clock of the response; its remaining part becomes a window of its own.
    async fn leave_out(
        &self,
        lease: &Lease,
        horizon: Timestamp,
        why: &str,
    ) -> Result<Outcome, NotWritten> {
        let window = lease.window();
        let cause = causes::dropped(window, &self.source.definition.policy, horizon);
        let why = format!("{why}; the window begins before the vendor's retention");
        let not_before = (cause == Cause::Outage).then(|| self.after_setbacks(window));
        self.give_back(lease, cause, not_before, &why).await
    }

    /// Releases the window for a split in the middle, where that is possible.
    async fn split(&self, lease: &Lease, why: &str) -> Result<Outcome, NotWritten> {
        let window = lease.window();
        let cause = causes::too_large(window, &self.source.definition.policy);
        let not_before = (cause == Cause::Failed).then(|| self.after_setbacks(window));
        if window.is_splittable() {
            return self.give_back(lease, cause, not_before, why).await;
        }
        let why = format!(
            "{why}; windows of a sweep are not split, so late-arriving records of this window \
             stay undelivered while it is parked"
        );
        self.give_back(lease, cause, not_before, &why).await
    }
}
