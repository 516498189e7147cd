//! A page on its way: to the sink, into what is remembered for sweeps, into the checkpoint. Each
//! only after the one before it.

use bytes::Bytes;
use windlass_connectors::connector::{Page, Record, Rest};
use windlass_core::breaks::{Break, broken};
use windlass_core::checkpoint::{Checkpoint, Cursor, PageTotals};
use windlass_core::ids::Lane;
use windlass_core::lease::Lease;
use windlass_core::moves::Move;
use windlass_core::seen::{SeenBy, SeenPage, place};
use windlass_core::source::Order;
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_core::{limits, sweep};
use windlass_sink::{Batch, SinkError, WindowWriter, Written};
use windlass_state::StateStore;

use crate::Outfit;
use crate::ends::End;
use crate::lines::{PageContext, lines};
use crate::pages::Run;
use crate::persist::NotWritten;
use crate::sweep::Notes;

/// Largest buffer of lines that is kept for the next page: one that a single large record needed is
/// not held beside the next body.
const BUFFER_KEPT_BYTES_MAX: usize = 2 * limits::RECORD_BYTES_AT_ONCE_MAX;

/// A page as it is delivered: the piece in hand, the rest of it, and the sums so far.
pub(crate) struct Delivery<'a> {
    batch: Batch,
    /// The records after `batch`.
    rest: Option<Rest>,
    /// The place in the page of the first record after `batch`.
    next: usize,
    pub(crate) totals: PageTotals,
    notes: Notes<'a>,
    /// Whether the records so far kept the order the manifest declares.
    in_order: bool,
    /// How long fetching it took.
    fetch_ms: i64,
    /// What the next token will belong to.
    request: &'a str,
    pulled_at: Timestamp,
}

impl Delivery<'_> {
    /// The memory of the lines, for the next ones.
    pub(crate) fn into_buffer(mut self) -> Vec<u8> {
        self.take_buffer()
    }

    fn take_buffer(&mut self) -> Vec<u8> {
        // The sink is done with them, unless it keeps them.
        let lines = std::mem::take(&mut self.batch.lines).try_into_mut();
        let buffer = lines.map(Vec::from).unwrap_or_default();
        if buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
            return Vec::new();
        }
        buffer
    }
}

/// What is known of a page once it is delivered.
#[derive(Debug, Default)]
struct Delivered {
    sink_position: Option<String>,
    remembered: bool,
    took_ms: i64,
}

/// A delivery that has begun.
#[derive(Debug, Clone, Copy)]
struct Begun {
    at: Timestamp,
    /// Whether its page is remembered already, which the proofs do on purpose.
    remembered: bool,
}

impl<S: StateStore, O: Outfit> Run<'_, S, O> {
    /// Takes the records out of `page` and makes lines of the first piece of them.
    pub(crate) fn delivery<'r>(
        &self,
        page: &mut Page,
        lease: &Lease,
        (request, fetch_ms): (&'r str, i64),
        notes: Notes<'r>,
        buffer: Vec<u8>,
    ) -> Delivery<'r> {
        let window = lease.window();
        let mut delivery = Delivery {
            batch: Batch {
                window: window.id.clone(),
                page: window.page,
                first: 0,
                lines: Bytes::from(buffer),
                ends: Vec::new(),
                rejects: Vec::new(),
            },
            rest: page.rest.take(),
            next: 0,
            totals: PageTotals::default(),
            notes,
            in_order: page.in_order,
            fetch_ms,
            request,
            pulled_at: self.worker.now(),
        };
        // The lines are copies: the body goes with the last records, before the next one comes.
        let records = std::mem::take(&mut page.records);
        self.piece(lease, &mut delivery, &records);
        delivery
    }

    /// Makes `records`, the next ones of the page, the piece in hand.
    fn piece(&self, lease: &Lease, delivery: &mut Delivery<'_>, records: &[Record]) {
        let buffer = delivery.take_buffer();
        // Slices of a piece that was delivered are all gone before the next one is made.
        delivery.batch.rejects = Vec::new();
        let context = PageContext {
            window: lease.window(),
            connector: self.gear.client.connector().name(),
            request_hash: delivery.request,
            metadata: self.source.definition.metadata,
            pulled_at: delivery.pulled_at,
        };
        let Delivery { notes, totals, .. } = delivery;
        let records_from = (delivery.next, records);
        delivery.batch = lines(records_from, &context, notes, totals, buffer);
        delivery.next += records.len();
    }

    /// Makes the next piece the one in hand; `false` when the page has no more records.
    async fn next_piece(&self, lease: &Lease, delivery: &mut Delivery<'_>) -> bool {
        let Some(piece) = self.gear.client.more(&mut delivery.rest).await else {
            return false;
        };
        delivery.in_order &= piece.in_order;
        self.piece(lease, delivery, &piece.records);
        true
    }

    /// Delivers a page and checkpoints it once every record of it is durable in the sink.
    pub(crate) async fn deliver<W: WindowWriter>(
        &self,
        lease: &Lease,
        writer: &mut W,
        page: &Page,
        delivery: &mut Delivery<'_>,
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
        delivery: &mut Delivery<'_>,
    ) -> Result<End, NotWritten> {
        let begun = self.begin(lease, delivery).await?;
        let written = match self.pieces(lease, writer, delivery).await {
            Ok(written) => written,
            Err(error) => return Ok(End::Sink(error)),
        };
        // The order that files rely on: page, then the window as the state knows it, then the final
        // name, then done. A file with a final name always belongs to a window that the state knows.
        if broken(Break::DoneBeforeFinal) {
            let early = self.checkpoint(lease, page, delivery, Delivered::default());
            let history_ms = self.source.definition.policy.history_ms;
            let holder = self.worker.holder();
            let complete = Move::Complete(lease, &early, history_ms);
            holder.make(&complete).await?;
        }
        if writer.makes_final() && !broken(Break::FinalBeforeDurable) {
            let store = &self.worker.store;
            self.worker.holder().insist(|| store.sync()).await?;
        }
        if let Err(error) = self.in_time(writer.finish()).await {
            return Ok(End::Sink(error));
        }
        let position = match written {
            Written::Durable(position) => position,
            // The finished output needs none.
            Written::Held => None,
        };
        let delivered = self.remembered(lease, delivery, begun, position).await?;
        let checkpoint = self.checkpoint(lease, page, delivery, delivered);
        let pause = self.pause_between_pages(page);
        Ok(End::Finished {
            last: Box::new(checkpoint),
            pause,
        })
    }

    /// Makes a page durable in the sink, and remembers what it brought.
    async fn write<W: WindowWriter>(
        &self,
        lease: &Lease,
        writer: &mut W,
        delivery: &mut Delivery<'_>,
    ) -> Result<Result<Delivered, SinkError>, NotWritten> {
        let begun = self.begin(lease, delivery).await?;
        let durable = match self.pieces(lease, writer, delivery).await {
            Ok(Written::Durable(position)) => Ok(position),
            Ok(Written::Held) => self.in_time(writer.flush()).await,
            Err(error) => Err(error),
        };
        match durable {
            Ok(position) => {
                let delivered = self.remembered(lease, delivery, begun, position);
                delivered.await.map(Ok)
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Writes a page to the sink, piece by piece.
    async fn pieces<W: WindowWriter>(
        &self,
        lease: &Lease,
        writer: &mut W,
        delivery: &mut Delivery<'_>,
    ) -> Result<Written, SinkError> {
        loop {
            // Called also when there is nothing to write: a sink that takes back needs a position.
            let written = self.in_time(writer.write(&delivery.batch)).await?;
            if !self.next_piece(lease, delivery).await {
                return Ok(written);
            }
        }
    }

    async fn begin(&self, lease: &Lease, delivery: &mut Delivery<'_>) -> Result<Begun, NotWritten> {
        let at = self.worker.now();
        let remembered =
            broken(Break::RememberBeforeDelivery) && self.remember(lease, delivery).await?;
        Ok(Begun { at, remembered })
    }

    /// Remembers what a page brought that is durable in the sink up to `sink_position`.
    async fn remembered(
        &self,
        lease: &Lease,
        delivery: &mut Delivery<'_>,
        begun: Begun,
        sink_position: Option<String>,
    ) -> Result<Delivered, NotWritten> {
        let remembered = if broken(Break::RememberBeforeDelivery) {
            begun.remembered
        } else {
            self.remember(lease, delivery).await?
        };
        Ok(Delivered {
            sink_position,
            remembered,
            took_ms: self.worker.now().ms_since(begun.at),
        })
    }

    /// Remembers what `delivery` has brought, for the sweeps to come; whether that is all of it.
    async fn remember(
        &self,
        lease: &Lease,
        delivery: &mut Delivery<'_>,
    ) -> Result<bool, NotWritten> {
        let Delivery { totals, notes, .. } = delivery;
        let Notes { keeps, noted, .. } = notes;
        let window = lease.window();
        // A live window that cannot be remembered as a whole is not swept.
        let is_swept = !noted.nameless || matches!(window.id.timeline.lane, Lane::Sweep(_));
        if !*keeps || !is_swept {
            return Ok(false);
        }
        let policy = &self.source.definition.policy;
        let expires_at = sweep::remembered_until(window, policy, self.worker.now());
        for (start, digests) in std::mem::take(&mut noted.digests) {
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
                digests,
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
            cursor: page.next.token().map(|token| Cursor {
                token: token.to_owned(),
                request: delivery.request.to_owned(),
            }),
            totals: delivery.totals,
            ordered: delivery.in_order
                && strict.is_none_or(|order| {
                    !delivery.notes.noted.timeless
                        && follows(&delivery.totals, lease.window(), order)
                }),
            remembered: delivered.remembered,
            sink_position: delivered.sink_position,
            page_ms: delivery.fetch_ms + delivered.took_ms,
            now: self.worker.now(),
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
#[path = "delivery_tests.rs"]
mod tests;
