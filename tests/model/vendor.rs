//! A vendor of a few records, which returns pages of a fixed size in a fixed order.

use windlass_core::source::Order;
use windlass_core::{Span, Timestamp};

/// One record of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    /// Instant of its event.
    pub(crate) time: Timestamp,
    /// The clock's step from which on the vendor returns it.
    pub(crate) published: u8,
}

/// The vendor. A record's number in `records` is its id.
#[derive(Debug, Clone)]
pub(crate) struct Vendor {
    /// The records in order of time.
    pub(crate) records: Vec<Record>,
    pub(crate) page_records: usize,
    pub(crate) order: Order,
}

/// One response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Ids, in the order in which they came.
    pub(crate) records: Vec<u8>,
    /// The token of the next page.
    pub(crate) next: Option<String>,
}

impl Vendor {
    /// The page of `span` after `token`, the id of the last record before it, at the clock's step
    /// `clock`.
    pub(crate) fn page(&self, span: Span, token: Option<&str>, clock: u8) -> Page {
        let last: Option<u8> = token.and_then(|token| token.parse().ok());
        let mut ids: Vec<u8> = self
            .numbered()
            .filter(|(_, record)| span.contains(record.time) && record.published <= clock)
            .map(|(id, _)| id)
            .collect();
        if self.order == Order::NewestFirst {
            ids.reverse();
        }
        ids.retain(|id| match (last, self.order) {
            (None, _) => true,
            (Some(last), Order::OldestFirst) => *id > last,
            (Some(last), Order::NewestFirst) => *id < last,
        });
        let more = ids.len() > self.page_records;
        ids.truncate(self.page_records);
        let next = ids.last().filter(|_| more).map(ToString::to_string);
        Page { records: ids, next }
    }

    /// Its records with their ids.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u8, &Record)> {
        (0_u8..).zip(&self.records)
    }

    /// Its records in `span`, with their ids.
    pub(crate) fn within(&self, span: Span) -> impl Iterator<Item = (u8, &Record)> {
        self.numbered()
            .filter(move |(_, record)| span.contains(record.time))
    }

    /// Instant of the record `id`.
    pub(crate) fn time(&self, id: u8) -> Timestamp {
        self.records[usize::from(id)].time
    }
}
