//! The records of a page, piece by piece.

use bytes::Bytes;
use serde_json::value::RawValue;
use windlass_core::{Span, Timestamp};

use super::page::{Piece, Rest};
use super::{Connector, Record};
use crate::elements::following;
use crate::records::Found;

impl Connector {
    /// The next records of a page; `rest` becomes `None` with the last of them. `None` when no
    /// records are left.
    pub fn more(&self, rest: &mut Option<Rest>) -> Option<Piece> {
        let Rest { text, span, last } = rest.take()?;
        let (raws, left) = following(&text);
        let (piece, last) = self.piece(&text, &raws, span, last);
        *rest = left.map(|left| Rest {
            text: text.slice_ref(left),
            span,
            last,
        });
        Some(piece)
    }

    /// The records `raws` of `body`, and the time of the last record with a time. `last` is that
    /// time for the records before them.
    pub(super) fn piece(
        &self,
        body: &Bytes,
        raws: &[&RawValue],
        span: Span,
        mut last: Option<Timestamp>,
    ) -> (Piece, Option<Timestamp>) {
        let mut piece = Piece {
            records: Vec::with_capacity(raws.len()),
            trimmed: 0,
            in_order: true,
        };
        let mut picked = Found::default();
        for raw in raws {
            let record: Record = self.records.record(body, raw, &mut picked);
            piece.in_order &= self.records.is_after(last, record.time);
            last = record.time.or(last);
            if record
                .time
                .is_some_and(|time| self.bounds.is_neighbours(span, time))
            {
                piece.trimmed += 1;
            } else {
                piece.records.push(record);
            }
        }
        (piece, last)
    }
}
