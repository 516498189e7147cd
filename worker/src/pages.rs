//! The pages of one window: the whole loop, in the order of its effects.

use std::pin::pin;
use std::sync::atomic::AtomicBool;

use futures_util::future::join;
use tracing::Instrument;
use windlass_connectors::connector::Page;
use windlass_core::checkpoint::PageTotals;
use windlass_core::creation::unsettled_ms;
use windlass_core::ids::Lane;
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::seen::Known;
use windlass_core::source::SourceRecord;
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_core::token_cycle::CycleDetector;
use windlass_core::transition::Cause;
use windlass_core::trust::{Dispute, Early, Trusted};
use windlass_core::window::Window;
use windlass_sink::{Sink, WindowWriter};
use windlass_state::StateStore;

use crate::end::{End, Undelivered};
use crate::fetch::{Fetcher, NoPage};
use crate::permit::Permit;
use crate::persist::NotWritten;
use crate::reading::{Fetched, Reading};
use crate::sweep;
use crate::token_use::TokenUse;
use crate::{AdapterFactory, Adapters, Deadline, Outcome, Worker, spans};

/// One window's run, with all its dependencies.
pub(crate) struct Run<'a, S, O: AdapterFactory> {
    pub(crate) worker: &'a Worker<S, O>,
    pub(crate) source: &'a SourceRecord,
    pub(crate) adapters: &'a Adapters<O::Transport, O::Sink>,
    pub(crate) task: &'a Task,
    pub(crate) deadline: Deadline,
    /// The page tokens that this run has sent.
    pub(crate) token_use: TokenUse,
    /// True if the source is blocked and this run probes it.
    pub(crate) probes: AtomicBool,
}

impl<S: StateStore, O: AdapterFactory> Run<'_, S, O> {
    /// Reads the pages of the window. Returns the outcome.
    pub(crate) async fn pages(&self, lease: Lease) -> Result<Outcome, NotWritten> {
        let connector = self.adapters.client.connector();
        let request = connector.request_hash(lease.window().span());
        let cursor = lease.window().cursor();
        match cursor {
            Some(cursor) if cursor.request != request => {
                let why = "its page token belongs to another request";
                return self
                    .worker
                    .give_back(&lease, Cause::Restart, None, why)
                    .await;
            }
            // If the token was served before, the vendor would return the page after it.
            Some(_) if !self.is_replayable() && !lease.window().token_is_unsent() => {
                let why = "its page token works only once and may have been sent before";
                return self.begin_again(&lease, None, why).await;
            }
            _ => {}
        }
        let window = lease.window();
        let mut known = if window.adopted() || matches!(window.id().timeline.lane, Lane::Sweep(_)) {
            match self.known(&lease).await? {
                Some(known) => Some(known),
                None => return self.too_much_to_know(&lease).await,
            }
        } else {
            None
        };
        let opened = {
            let mut grace = pin!(self.stop_grace());
            let open = self.adapters.sink.open(lease.window());
            self.in_time(lease.window(), &mut grace, open).await
        };
        let (lease, end) = match opened {
            Ok(writer) => self.read(lease, writer, &request, known.as_mut()).await?,
            Err(undelivered) => (lease, undelivered.end()?),
        };
        // The writer is dropped by now: the next owner of the window can open it at once.
        self.conclude(&lease, end).await
    }

    /// fetch page n+1 while page n is delivered -> checkpoint n -> ... -> complete
    async fn read<W: WindowWriter>(
        &self,
        mut lease: Lease,
        mut writer: W,
        request: &str,
        known: Option<&mut Known>,
    ) -> Result<(Lease, End), NotWritten> {
        let cursor = lease.window().cursor().cloned();
        let token = cursor.map(|cursor| cursor.token);
        let fetcher = self.fetcher();
        let mut cycles = CycleDetector::starting_at(token.as_deref());
        let buffer = Vec::new();
        let mut reading = Reading { known, buffer };
        let mut fetched = fetcher.fetch(lease.window(), token.as_deref()).await;
        for _ in 0..limits::PAGES_PER_RUN_MAX {
            let (mut page, took_ms) = match fetched {
                Ok(page) => page,
                Err(no_page) => return Ok((lease, End::NoPage(no_page))),
            };
            let at = match self.admit(&lease, &page, &mut cycles) {
                Ok(at) => at,
                Err(end) => return Ok((lease, end)),
            };
            let this = Fetched {
                request,
                took_ms,
                at,
            };
            let mut delivery = self.delivery(&mut page, &lease, this, &mut reading);
            let span = spans::page(lease.window(), lease.window().page());
            let deliver = self.deliver(&lease, &mut writer, &page, &mut delivery);
            let deliver = deliver.instrument(span);
            if page.next.token().is_none() {
                let delivered = deliver.await;
                let end = self.last_page(delivered, delivery.totals, &page)?;
                return Ok((lease, end));
            }
            // Joined, and neither cancels the other: a failed prefetch must not abort a delivery,
            // and a slow one must not keep a delivered page from its checkpoint.
            let (delivered, next) = join(deliver, self.ahead(&fetcher, &lease, &page)).await;
            let moved = match delivered {
                Ok(moved) => moved,
                Err(undelivered) => return Ok((lease, undelivered.end()?)),
            };
            lease = Lease::held(moved, lease.owner()).ok_or(NotWritten::Fenced)?;
            self.delivered(lease.window(), &delivery.totals).await?;
            let buffer = delivery.into_buffer();
            reading.buffer = buffer;
            if let Some(end) = self.should_leave(&lease, &page) {
                return Ok((lease, end.unless_stopped_after_failures(next)));
            }
            fetched = match next {
                Some(next) => next,
                None => fetcher.fetch(lease.window(), page.next.token()).await,
            };
        }
        Ok((lease, End::OutOfTime("page limit of one run reached")))
    }

    /// The end of a run whose last page is `delivered`, or is not.
    fn last_page(
        &self,
        delivered: Result<Window, Undelivered>,
        totals: PageTotals,
        page: &Page,
    ) -> Result<End, NotWritten> {
        match delivered {
            Ok(done) => Ok(End::Finished {
                done: Box::new(done),
                totals,
                pause: self.pause_between_pages(page),
            }),
            Err(undelivered) => undelivered.end(),
        }
    }

    /// Returns true if the vendor's page tokens are replayable.
    pub(crate) fn is_replayable(&self) -> bool {
        self.adapters.client.connector().defaults().prefetch
    }

    /// The instant at which `page` was read. The run ends before `page` is delivered when it may not
    /// be: the vendor has not filled the window yet, or its page tokens lead back.
    fn admit(
        &self,
        lease: &Lease,
        page: &Page,
        cycles: &mut CycleDetector,
    ) -> Result<Trusted, End> {
        let trusted = self.filled(lease, page)?;
        match cycles.closes(page.next.token()) {
            Some(why) => Err(End::TokenCycle(why)),
            None => Ok(trusted),
        }
    }

    /// The page after `page`, if it may be fetched before `page` is delivered.
    async fn ahead(
        &self,
        fetcher: &Fetcher<'_, S, O::Transport>,
        lease: &Lease,
        page: &Page,
    ) -> Option<Result<(Page, i64), NoPage>> {
        if !self.may_prefetch(lease, page) {
            return None;
        }
        Some(fetcher.fetch(lease.window(), page.next.token()).await)
    }

    fn fetcher(&self) -> Fetcher<'_, S, O::Transport> {
        Fetcher {
            client: &self.adapters.client,
            seams: &self.worker.seams,
            permit: self.permit(),
            deadline: self.deadline,
            replayable: self.is_replayable(),
            token_use: &self.token_use,
            waits: &self.worker.waits,
        }
    }

    /// The permit of this run's requests to its vendor.
    pub(crate) fn permit(&self) -> Permit<'_, S> {
        self.worker.permit(self.task, self.source, self.deadline)
    }

    /// The delivered records in the span of a sweep's or an adopted window; `None` when they are
    /// too many to compare.
    async fn known(&self, lease: &Lease) -> Result<Option<Known>, NotWritten> {
        let unit_ms = self.source.definition.policy.unit_ms;
        sweep::known(&self.worker.holder(), lease.window(), unit_ms).await
    }

    /// The instant that decides whether the window is complete, or the dispute of the clocks.
    pub(crate) fn trusted(&self, served_at: Option<Timestamp>) -> Result<Trusted, Dispute> {
        self.permit().jury.judge(self.worker.now(), served_at)
    }

    /// The instant at which `page` was read. An unfilled window is not closed: a page is delivered
    /// only after the window's end plus settle, and only once the clocks agree that it has passed.
    fn filled(&self, lease: &Lease, page: &Page) -> Result<Trusted, End> {
        let trusted = self.trusted(page.served_at).map_err(End::Disputed)?;
        let policy = &self.source.definition.policy;
        match unsettled_ms(lease.window(), policy, trusted) {
            None => Ok(trusted),
            Some(short_ms) => {
                let wait_ms = short_ms.min(limits::WAIT_MS_MAX);
                let ours = self.worker.now();
                let until = ours.plus_ms(wait_ms);
                let early = Early {
                    settles_at: trusted.at().plus_ms(short_ms),
                    trusted: trusted.at(),
                    ours,
                    vendor: page.served_at,
                };
                Err(End::TooEarly { until, early })
            }
        }
    }

    fn may_prefetch(&self, lease: &Lease, page: &Page) -> bool {
        page.next.token().is_some()
            && self.is_replayable()
            && page.body_bytes <= limits::PREFETCH_BODY_BYTES_MAX
            && !self.worker.seams.stop.is_requested()
            && self.pause_between_pages(page).is_none()
            && page.quota.as_ref().is_none_or(|quota| quota.remaining > 0)
            && self
                .deadline
                .has_time(self.worker.now(), lease.window().slowest_page_ms())
    }
}
