//! A page on its way: to the sink, into what is remembered for sweeps, into the checkpoint. Each
//! only after the one before it.

use std::future::Future;

use windlass_connectors::connector::Page;
use windlass_core::breaks::{Break, broken};
use windlass_core::checkpoint::{Checkpoint, Cursor, PageTotals};
use windlass_core::ids::Lane;
use windlass_core::lease::Lease;
use windlass_core::seen::{SeenBy, SeenPage, place};
use windlass_core::source::Order;
use windlass_core::sweep;
use windlass_core::window::Window;
use windlass_sink::{Batch, SinkError, WindowWriter};
use windlass_state::StateStore;

use crate::Outfit;
use crate::ends::End;
use crate::pages::Run;
use crate::persist::NotWritten;
use crate::sweep::Noted;

/// A page as it is delivered.
pub(crate) struct Delivery<'a> {
    pub(crate) batch: Batch,
    pub(crate) totals: PageTotals,
    pub(crate) noted: Noted,
    /// Whether some sweep will read the window again.
    pub(crate) keeps: bool,
    /// How long fetching it took.
    pub(crate) fetch_ms: i64,
    /// What the next token will belong to.
    pub(crate) request: &'a str,
}

/// What is known of a page once it is delivered.
#[derive(Debug, Default)]
struct Delivered {
    sink_position: Option<String>,
    remembered: bool,
    took_ms: i64,
}

impl<S: StateStore, O: Outfit> Run<'_, S, O> {
    /// Delivers a page and checkpoints it once the sink has acknowledged every record of it.
    pub(crate) async fn deliver<W: WindowWriter>(
        &self,
        lease: &Lease,
        writer: &mut W,
        page: &Page,
        delivery: &Delivery<'_>,
    ) -> Result<Result<Lease, SinkError>, NotWritten> {
        let holder = self.worker.holder();
        if broken(Break::CheckpointBeforeDelivery) {
            let early = self.checkpoint(lease, page, delivery, Delivered::default());
            let next = holder.checkpoint(lease, &early).await?;
            let delivered = self.write(lease, writer, delivery).await?;
            return Ok(delivered.map(|_| next));
        }
        let delivered = match self.write(lease, writer, delivery).await? {
            Ok(delivered) => delivered,
            Err(error) => return Ok(Err(error)),
        };
        let checkpoint = self.checkpoint(lease, page, delivery, delivered);
        holder.checkpoint(lease, &checkpoint).await.map(Ok)
    }

    /// Delivers the last page and makes the window's output final.
    pub(crate) async fn last<W: WindowWriter>(
        &self,
        lease: &Lease,
        writer: &mut W,
        page: &Page,
        delivery: &Delivery<'_>,
    ) -> Result<End, NotWritten> {
        let delivered = match self.write(lease, writer, delivery).await? {
            Ok(delivered) => delivered,
            Err(error) => return Ok(End::Sink(error)),
        };
        if let Err(error) = self.in_time(writer.finish()).await {
            return Ok(End::Sink(error));
        }
        let checkpoint = self.checkpoint(lease, page, delivery, delivered);
        let pause = self.pause_between_pages(page);
        Ok(End::Finished {
            last: checkpoint,
            pause,
        })
    }

    /// Writes a page to the sink, and remembers what that has acknowledged.
    async fn write<W: WindowWriter>(
        &self,
        lease: &Lease,
        writer: &mut W,
        delivery: &Delivery<'_>,
    ) -> Result<Result<Delivered, SinkError>, NotWritten> {
        let started = self.worker.now();
        let too_early = broken(Break::RememberBeforeDelivery);
        let mut remembered = too_early && self.remember(lease, delivery).await?;
        // Called also when there is nothing to write: a sink that takes back needs a position.
        let sink_position = match self.in_time(writer.write(&delivery.batch)).await {
            Ok(sink_position) => sink_position,
            Err(error) => return Ok(Err(error)),
        };
        if !too_early {
            remembered = self.remember(lease, delivery).await?;
        }
        Ok(Ok(Delivered {
            sink_position,
            remembered,
            took_ms: self.worker.now().ms_since(started),
        }))
    }

    /// Remembers what `delivery` has brought, for the sweeps to come; whether that is all of it.
    async fn remember(&self, lease: &Lease, delivery: &Delivery<'_>) -> Result<bool, NotWritten> {
        let Delivery {
            totals,
            noted,
            keeps,
            ..
        } = delivery;
        let window = lease.window();
        // A live window that cannot be remembered as a whole is not swept.
        let is_swept = !noted.nameless || matches!(window.id.timeline.lane, Lane::Sweep(_));
        if !keeps || !is_swept {
            return Ok(false);
        }
        let policy = &self.source.definition.policy;
        let expires_at = sweep::remembered_until(window, policy, self.worker.now());
        for (start, digests) in &noted.digests {
            let page = SeenPage {
                by: SeenBy {
                    source: window.id.timeline.source.clone(),
                    generation: window.id.timeline.generation.clone(),
                },
                at: start.unwrap_or_else(|| place(window, totals.oldest, policy.unit_ms)),
                from: window.id.from,
                lane: window.id.timeline.lane.clone(),
                page: window.page,
                pass: window.restarts,
                digests: digests.clone(),
                expires_at,
            };
            let store = &self.worker.store;
            let holder = self.worker.holder();
            holder.insist(|| store.remember(&page)).await?;
        }
        Ok(!noted.nameless)
    }

    /// The move that makes `page` durable, now that it is delivered.
    fn checkpoint(
        &self,
        lease: &Lease,
        page: &Page,
        delivery: &Delivery<'_>,
        delivered: Delivered,
    ) -> Checkpoint {
        let strict = self.source.definition.policy.strict_order;
        Checkpoint {
            from: lease.window().page,
            cursor: page.next.clone().map(|token| Cursor {
                token,
                request: delivery.request.to_owned(),
            }),
            totals: delivery.totals,
            ordered: page.in_order
                && strict.is_none_or(|order| {
                    !delivery.noted.timeless && follows(&delivery.totals, lease.window(), order)
                }),
            remembered: delivered.remembered,
            sink_position: delivered.sink_position,
            page_ms: delivery.fetch_ms + delivered.took_ms,
            now: self.worker.now(),
        }
    }

    /// What `call` to the sink comes to, unless the run's time is up before: a sink that takes for
    /// ever is unwell, and a window that is killed with it would be taken for the culprit. The
    /// writer is not used again.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        tokio::select! {
            biased;
            done = call => done,
            () = self.budget.out_of_time(&*self.worker.seams.clock) => Err(SinkError::Unavailable {
                sink: self.source.definition.sink.clone(),
                problem: "it had not taken the page when the worker's time was up".to_owned(),
            }),
        }
    }
}

/// Whether a page of `totals` comes after what `window` has delivered, in `order`.
fn follows(totals: &PageTotals, window: &Window, order: Order) -> bool {
    match order {
        Order::OldestFirst => totals
            .oldest
            .is_none_or(|oldest| Some(oldest) >= window.newest),
        Order::NewestFirst => match (totals.newest, window.oldest) {
            (Some(newest), Some(oldest)) => newest <= oldest,
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::time::Timestamp;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn a_page_follows_when_it_begins_where_the_pages_so_far_end_or_after_it() {
        let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let fresh = Window::new(id, Timestamp::MAX, Timestamp::from_ms(0)).unwrap();
        let begun = Window {
            oldest: Some(at(20)),
            newest: Some(at(30)),
            ..fresh.clone()
        };
        let page = |oldest, newest| PageTotals {
            oldest,
            newest,
            ..PageTotals::default()
        };
        let follows_begun = |oldest, newest, order| follows(&page(oldest, newest), &begun, order);
        assert!(follows_begun(
            Some(at(30)),
            Some(at(40)),
            Order::OldestFirst
        ));
        assert!(!follows_begun(
            Some(at(29)),
            Some(at(40)),
            Order::OldestFirst
        ));
        assert!(follows_begun(
            Some(at(10)),
            Some(at(20)),
            Order::NewestFirst
        ));
        assert!(!follows_begun(
            Some(at(10)),
            Some(at(21)),
            Order::NewestFirst
        ));
        for order in [Order::OldestFirst, Order::NewestFirst] {
            assert!(follows(&page(Some(at(1)), Some(at(2))), &fresh, order));
            assert!(follows_begun(None, None, order), "an empty page");
        }
    }
}
