//! The records of a response: a pure function of those published at an instant.

use windlass_core::Timestamp;

use super::events::Event;
use super::spec::{Rule, Shape, TokenKind, VendorSpec};
use super::token::{Place, Position};

/// A parsed request for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) feed: u32,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Start of the page; `None` for the first record.
    pub(super) position: Option<Position>,
}

/// The records of a page, and the position for the next one's token.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    pub(super) events: Vec<&'a Event>,
    pub(super) next: Option<Position>,
}

/// The records of a vendor, by time.
#[derive(Debug)]
pub(super) struct Listing {
    events: Vec<Event>,
}

impl Listing {
    pub(super) fn new(events: Vec<Event>) -> Self {
        debug_assert!(events.is_sorted_by_key(|event| event.time));
        Self { events }
    }

    /// The page for `ask`, at the vendor's `now`.
    pub(super) fn page(&self, spec: &VendorSpec, ask: &Ask, now: Timestamp) -> Listed<'_> {
        let (as_of, offset, after) = match ask.position {
            Some(Position::Offset { as_of, offset }) => (as_of, offset, None),
            Some(Position::After(place)) => (now, 0, Some(place)),
            None => (now, 0, None),
        };
        let mut entries: Vec<(Place, &Event)> = self.visible(spec, ask, as_of).collect();
        entries.retain(|(place, _)| after.is_none_or(|after| *place > after));
        entries.sort_unstable_by_key(|(place, _)| *place);
        let sent = entries.get(offset..).unwrap_or_default();
        let page = sent.get(..spec.page_size).unwrap_or(sent);
        let next = page.last().filter(|_| page.len() < sent.len());
        let next = next.map(|(place, _)| match spec.token {
            TokenKind::After => Position::After(*place),
            TokenKind::Snapshot => Position::Offset {
                as_of,
                offset: offset + page.len(),
            },
        });
        Listed {
            events: page.iter().map(|(_, event)| *event).collect(),
            next,
        }
    }

    /// An empty page whose token names the position that `ask` is already at.
    pub(super) fn nothing(spec: &VendorSpec, ask: &Ask, now: Timestamp) -> Listed<'static> {
        let begin = match spec.token {
            TokenKind::After => Position::After(Place::BEGIN),
            TokenKind::Snapshot => Position::Offset {
                as_of: now,
                offset: 0,
            },
        };
        Listed {
            events: Vec::new(),
            next: ask.position.or(Some(begin)),
        }
    }

    /// Number of records in a span.
    pub(super) fn count(&self, spec: &VendorSpec, ask: &Ask, now: Timestamp) -> usize {
        self.visible(spec, ask, now).count()
    }

    fn visible<'a>(
        &'a self,
        spec: &VendorSpec,
        ask: &Ask,
        as_of: Timestamp,
    ) -> impl Iterator<Item = (Place, &'a Event)> {
        let feed = ask.feed;
        let shape = spec.shape;
        let kept = spec
            .retention
            .map_or(Timestamp::MIN, |it| as_of.minus_ms(it.kept_ms));
        self.between(spec, ask.from, ask.to)
            .iter()
            .filter(move |event| {
                event.feed == feed && event.published_at <= as_of && event.time >= kept
            })
            .flat_map(move |event| {
                (0..event.copies).map(move |copy| (place(shape, event, copy), event))
            })
    }

    /// The records between the bounds, by the vendor's own rules.
    fn between(&self, spec: &VendorSpec, from: Timestamp, to: Timestamp) -> &[Event] {
        let first = self.events.partition_point(|event| {
            event.time < from || (event.time == from && spec.start == Rule::Exclusive)
        });
        let end = self.events.partition_point(|event| {
            event.time < to || (event.time == to && spec.end == Rule::Inclusive)
        });
        self.events.get(first..end).unwrap_or_default()
    }
}

fn place(shape: Shape, event: &Event, copy: u8) -> Place {
    let number = i64::from(event.number);
    let (rank, number) = match shape {
        Shape::Google | Shape::Slack => (-event.time.as_ms(), -number),
        Shape::Okta => (event.time.as_ms(), number),
        Shape::Unordered => (event.shuffled, number),
    };
    Place { rank, number, copy }
}
