//! The delivery of a page: performs the steps that [`windlass_core::delivery`] orders.

use std::pin::pin;

use bytes::Bytes;
use windlass_connectors::connector::{Page, Record, Rest};
use windlass_core::checkpoint::{Cursor, PageTotals};
use windlass_core::delivery::{PageFacts, Step, first_step};
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::moves::Move;
use windlass_core::seen::pages_of;
use windlass_core::sweep::{keeps, keeps_ids};
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_sink::{Batch, WindowWriter};
use windlass_state::StateStore;

use crate::AdapterFactory;
use crate::end::Undelivered;
use crate::lines::{PageContext, lines};
use crate::pages::Run;
use crate::persist::NotWritten;
use crate::reading::{Fetched, Reading};
use crate::sweep::{Noted, Notes};

/// Largest line buffer that is reused for the next page. A larger one, for a single large record,
/// is freed before the next body arrives.
const BUFFER_KEPT_BYTES_MAX: usize = 2 * limits::RECORD_BYTES_AT_ONCE_MAX;

/// A page during its delivery: the current piece, the remaining records, and the totals so far.
pub(crate) struct Delivery<'a> {
    batch: Batch,
    /// The records after `batch`.
    rest: Option<Rest>,
    /// Position in the page of the first record after `batch`.
    next: usize,
    pub(crate) totals: PageTotals,
    notes: Notes<'a>,
    /// True while the records follow the order that the manifest declares.
    in_order: bool,
    fetched: Fetched<'a>,
    pulled_at: Timestamp,
}

impl Delivery<'_> {
    /// The line buffer, for reuse by the next page.
    pub(crate) fn into_buffer(mut self) -> Vec<u8> {
        self.take_buffer()
    }

    fn take_buffer(&mut self) -> Vec<u8> {
        // The sink has finished with the lines, unless it holds them.
        let lines = std::mem::take(&mut self.batch.lines).try_into_mut();
        let buffer = lines.map(Vec::from).unwrap_or_default();
        if buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
            return Vec::new();
        }
        buffer
    }
}

impl<S: StateStore, O: AdapterFactory> Run<'_, S, O> {
    /// Takes the records out of `page` and builds the lines of its first piece.
    pub(crate) fn delivery<'r>(
        &self,
        page: &mut Page,
        lease: &Lease,
        fetched: Fetched<'r>,
        reading: &'r mut Reading<'_>,
    ) -> Delivery<'r> {
        let window = lease.window();
        let notes = Notes {
            known: reading.known.as_deref_mut(),
            keeps: keeps(window, &self.source.definition.policy, fetched.at),
            noted: Noted::default(),
        };
        let buffer = std::mem::take(&mut reading.buffer);
        let mut delivery = Delivery {
            batch: Batch {
                window: window.id().clone(),
                page: window.page(),
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
            fetched,
            pulled_at: self.worker.now(),
        };
        // The lines are copies: the body is freed with its last records, before the next one
        // arrives.
        let records = std::mem::take(&mut page.records);
        self.piece(lease, &mut delivery, &records);
        delivery
    }

    /// Makes `records`, the next ones of the page, the current piece.
    fn piece(&self, lease: &Lease, delivery: &mut Delivery<'_>, records: &[Record]) {
        let buffer = delivery.take_buffer();
        // The slices of a delivered piece are freed before the next one is built.
        delivery.batch.rejects = Vec::new();
        let context = PageContext {
            window: lease.window(),
            connector: self.adapters.client.connector().name(),
            request_hash: delivery.fetched.request,
            metadata: self.source.definition.metadata,
            pulled_at: delivery.pulled_at,
        };
        let Delivery { notes, totals, .. } = delivery;
        let records_from = (delivery.next, records);
        delivery.batch = lines(records_from, &context, notes, totals, buffer);
        delivery.next += records.len();
    }

    /// Makes the next piece the current one; `false` when the page has no more records.
    async fn next_piece(&self, lease: &Lease, delivery: &mut Delivery<'_>) -> bool {
        let Some(piece) = self.adapters.client.more(&mut delivery.rest).await else {
            return false;
        };
        delivery.in_order &= piece.in_order;
        self.piece(lease, delivery, &piece.records);
        true
    }

    /// Delivers a page and moves the window past it, in the order of [`first_step`]. The window after
    /// the move. The last page, which completes the window, counts as [read](Fetched::at) by the trusted
    /// clock: history and retention are counted from then.
    pub(crate) async fn deliver<W: WindowWriter>(
        &self,
        lease: &Lease,
        writer: &mut W,
        page: &Page,
        delivery: &mut Delivery<'_>,
    ) -> Result<Window, Undelivered> {
        let began = self.worker.now();
        let holder = self.worker.holder();
        let window = lease.window();
        let mut moved = window.clone();
        // One grace period per page, shared by its pieces and its flush.
        let mut grace = pin!(self.stop_grace());
        let mut step = first_step(page.next.token().is_none());
        loop {
            step = match step {
                Step::Write(write) => {
                    // Called even with an empty batch: a sink that takes records back needs a
                    // position.
                    let written = self
                        .in_time(window, &mut grace, writer.write(&delivery.batch))
                        .await?;
                    delivery.totals.reject(writer.take_rejected());
                    if self.next_piece(lease, delivery).await {
                        write.piece_written()
                    } else {
                        write.page_written(written, writer.makes_final())
                    }
                }
                Step::Flush(flush) => {
                    flush.flushed(self.in_time(window, &mut grace, writer.flush()).await?)
                }
                Step::Sync(sync) => {
                    holder.insist(|| self.worker.store.sync()).await?;
                    sync.synced()
                }
                Step::Finish(finish) => {
                    self.in_time(window, &mut grace, writer.finish()).await?;
                    finish.finished()
                }
                Step::Remember(remember) => {
                    let whole = self.remember(lease, delivery).await?;
                    remember.remembered(whole)
                }
                Step::Checkpoint(commit) => {
                    let facts = self.facts(lease, page, delivery, began);
                    let checkpoint = commit.checkpoint(facts);
                    moved = holder.make(&Move::Checkpoint(lease, &checkpoint)).await?;
                    commit.committed()
                }
                Step::Complete(commit) => {
                    let facts = self.facts(lease, page, delivery, began);
                    let now = delivery.fetched.at.at();
                    let last = commit.checkpoint(PageFacts { now, ..facts });
                    let history_ms = self.source.definition.policy.history_ms;
                    let complete = Move::Complete(lease, &last, history_ms);
                    moved = holder.make(&complete).await?;
                    commit.committed()
                }
                Step::Done => {
                    self.log_rejects(&delivery.totals);
                    return Ok(moved);
                }
            };
        }
    }

    /// Logs the rejects of a page that was delivered with `totals`.
    fn log_rejects(&self, totals: &PageTotals) {
        let PageTotals {
            records, rejected, ..
        } = *totals;
        if rejected > 0 {
            tracing::warn!(
                sink = self.source.definition.sink,
                "{rejected} of {} records of the page became rejects; the rejects of the sink have \
                 each with its reason",
                records + rejected
            );
        }
    }

    /// Stores the digests of `delivery` for later sweeps. Returns true if they cover all of its
    /// records.
    async fn remember(
        &self,
        lease: &Lease,
        delivery: &mut Delivery<'_>,
    ) -> Result<bool, NotWritten> {
        let Delivery { totals, notes, .. } = delivery;
        let Notes { keeps, noted, .. } = notes;
        let window = lease.window();
        if !*keeps || !keeps_ids(window, noted.nameless) {
            return Ok(false);
        }
        let policy = &self.source.definition.policy;
        let digests = std::mem::take(&mut noted.digests);
        let store = &self.worker.store;
        let holder = self.worker.holder();
        for page in pages_of(window, digests, totals.oldest, policy, self.worker.now()) {
            holder.insist(|| store.remember(&page)).await?;
        }
        Ok(!noted.nameless)
    }

    /// The facts of `page`, whose delivery began at `began`.
    fn facts<'f>(
        &self,
        lease: &'f Lease,
        page: &Page,
        delivery: &Delivery<'_>,
        began: Timestamp,
    ) -> PageFacts<'f> {
        let now = self.worker.now();
        PageFacts {
            window: lease.window(),
            strict_order: self.source.definition.policy.strict_order,
            cursor: page.next.token().map(|token| Cursor {
                token: token.to_owned(),
                request: delivery.fetched.request.to_owned(),
            }),
            totals: delivery.totals,
            in_order: delivery.in_order,
            timeless: delivery.notes.noted.timeless,
            page_ms: delivery.fetched.took_ms + now.ms_since(began),
            now,
        }
    }
}
