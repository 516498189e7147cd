//! A run that ends because a page could not be fetched.

use windlass_connectors::exchange::Failure;
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::retention;
use windlass_core::retry::{Disposition, stored_backoff_ms};
use windlass_core::source::BlockCause;
use windlass_core::transition::Cause;
use windlass_core::window::Window;
use windlass_state::StateStore;

use crate::fetch::NoPage;
use crate::pages::Run;
use crate::permit::NotNow;
use crate::persist::NotWritten;
use crate::{Outcome, Outfit};

impl<S: StateStore, O: Outfit> Run<'_, S, O> {
    pub(super) async fn no_page(
        &self,
        lease: &Lease,
        no_page: NoPage,
    ) -> Result<Outcome, NotWritten> {
        let (failure, disposition) = match no_page {
            NoPage::TooLate { disposition, .. }
                if lease.window().attempts == 0
                    && !matches!(disposition, Disposition::Restart { .. }) =>
            {
                // It had pages before that, so it is the time and not the vendor that was short.
                self.keep_slow_pace().await?;
                return self.out_of_time(lease, "out of time").await;
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
            NoPage::Stopped(None) => return self.yield_now(lease, "told to stop").await,
            NoPage::Stopped(Some(why)) => {
                return self.give_back(lease, Cause::Outage, None, &why).await;
            }
        };
        self.keep_slow_pace().await?;
        let why = failure.to_string();
        let give_back = |cause, not_before| self.give_back(lease, cause, Some(not_before), &why);
        match disposition {
            Disposition::Block if self.is_dropped(lease.window(), &failure) => {
                let why = format!("{why}; the window begins before the vendor's retention");
                let not_before = Some(self.after_setbacks(lease.window()));
                self.give_back(lease, Cause::Outage, not_before, &why).await
            }
            Disposition::Block => self.block(lease, BlockCause::Refused, &why).await,
            Disposition::Leave { not_before, gate } => {
                // A wait that is long enough to store is obeyed as the vendor put it. Without one,
                // or with shorter ones that did not help, waits grow from run to run.
                let asked = failure
                    .wait_ms
                    .is_some_and(|wait_ms| wait_ms > limits::RETRY_DELAY_MAX_MS);
                let (cause, not_before) = if asked {
                    (Cause::Yielded, not_before)
                } else {
                    let wait_ms = stored_backoff_ms(lease.window().setbacks) / 2;
                    let least = self.worker.now().plus_ms(wait_ms);
                    (Cause::Outage, not_before.max(least))
                };
                if gate {
                    self.close_gate(not_before, &why).await?;
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

    /// Whether `failure` may only mean that the vendor no longer keeps all of `window`: the next tick
    /// passes that over, by the clock that the response has shown.
    fn is_dropped(&self, window: &Window, failure: &Failure) -> bool {
        let policy = &self.source.definition.policy;
        let trusted = self.trusted(failure.served_at);
        matches!(failure.status, Some(400 | 404 | 410 | 416 | 422))
            && window.page == 0
            && trusted.is_ok_and(|trusted| retention::is_partly_dropped(window, policy, trusted))
    }

    /// Asks for a split in the middle. Only before the first page: without a strict order nobody
    /// knows which half the delivered pages belong to. A window of one unit cannot be split.
    async fn split(&self, lease: &Lease, why: &str) -> Result<Outcome, NotWritten> {
        let window = lease.window();
        let middle = window
            .span()
            .midpoint(self.source.definition.policy.unit_ms);
        let (cause, not_before) = match middle.filter(|_| window.cursor.is_none()) {
            Some(at) => (Cause::Split(at), None),
            None => (Cause::Failed, Some(self.after_setbacks(window))),
        };
        self.give_back(lease, cause, not_before, why).await
    }
}
