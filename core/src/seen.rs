//! Seen pages: the digests of delivered record ids, for sweeps.

mod known;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub use self::known::{Known, span_to_compare};
use crate::ids::{Generation, Lane, SourceName};
use crate::source::Policy;
use crate::sweep;
use crate::time::{MINUTE_MS, Timestamp};
use crate::window::Window;

/// The owner of seen pages: sweeps compare across the lanes of one generation of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenBy {
    /// The source of the records.
    pub source: SourceName,
    /// The generation of that source.
    pub generation: Generation,
}

/// The ids that one page delivered. Stored after the sink has acknowledged the page and before its
/// checkpoint: every id in it is delivered, and a page that is delivered again replaces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenPage {
    /// The source and generation of the records.
    pub by: SeenBy,
    /// The page's place in time: its earliest record time, clamped to its window. It selects the
    /// pages that a sweep needs.
    pub at: Timestamp,
    /// Start of the window that delivered the page.
    pub from: Timestamp,
    /// The lane of that window.
    pub lane: Lane,
    /// The page's number in that window.
    pub page: u64,
    /// Number of restarts of the window before this page. Only pages since the last restart count,
    /// because a sink may have removed earlier ones.
    pub pass: u32,
    /// Digests of the record ids; see [`digest`].
    pub digests: Vec<u64>,
    /// The instant from which no sweep needs the page.
    pub expires_at: Timestamp,
}

/// The seen pages for the page that `window` is about to pass. `digests` are keyed by their place;
/// those without one go to the `oldest` record time of the page.
pub fn pages_of(
    window: &Window,
    digests: BTreeMap<Option<Timestamp>, Vec<u64>>,
    oldest: Option<Timestamp>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<SeenPage> {
    let expires_at = sweep::remembered_until(window, policy, now);
    let pages = digests.into_iter().map(|(start, digests)| SeenPage {
        by: SeenBy {
            source: window.id().timeline.source.clone(),
            generation: window.id().timeline.generation.clone(),
        },
        at: start.unwrap_or_else(|| place(window, oldest, policy.unit_ms)),
        from: window.id().from,
        lane: window.id().timeline.lane.clone(),
        page: window.page(),
        pass: window.restarts(),
        digests,
        expires_at,
    });
    pages.collect()
}

/// The `pass` of pages from a file that this state did not write: no sink removes their records.
pub const PASS_OF_A_FILE: u32 = u32::MAX;
/// Number of the first page of such a file. Pages that a window delivers have lower numbers.
pub const PAGE_OF_A_FILE: u64 = 1 << 32;
/// Length of the stretches in which the records of such a file are stored, in milliseconds, so that
/// a part of its window finds its own records.
pub const STRETCH_OF_A_FILE_MS: i64 = MINUTE_MS;

/// The seen pages of a file, from the digest of each id and the record's time. `window` is the one
/// that was created for the file.
pub fn pages_of_a_file(
    window: &Window,
    records: &[(u64, Option<Timestamp>)],
    unit_ms: i64,
    expires_at: Timestamp,
) -> Vec<SeenPage> {
    let stretch_ms = STRETCH_OF_A_FILE_MS.max(unit_ms);
    let mut stretches: BTreeMap<Timestamp, Vec<u64>> = BTreeMap::new();
    for (digest, time) in records {
        let begin = time.map(|time| time.floor_to(stretch_ms));
        let at = place(window, begin, unit_ms);
        stretches.entry(at).or_default().push(*digest);
    }
    let pages = (PAGE_OF_A_FILE..).zip(stretches);
    let pages = pages.map(|(page, (at, mut digests))| {
        digests.sort_unstable();
        digests.dedup();
        SeenPage {
            by: SeenBy {
                source: window.id().timeline.source.clone(),
                generation: window.id().timeline.generation.clone(),
            },
            at,
            from: window.id().from,
            lane: window.id().timeline.lane.clone(),
            page,
            pass: PASS_OF_A_FILE,
            digests,
            expires_at,
        }
    });
    pages.collect()
}

/// The digest of a record's id: the first 8 bytes of its SHA-256. Two of a million ids share one
/// with a chance of about one in forty million, and then one late-arriving record would count as
/// delivered.
pub fn digest(id: &str) -> u64 {
    let hash = Sha256::digest(id.as_bytes());
    hash.iter()
        .take(8)
        .fold(0, |digest, byte| (digest << 8) | u64::from(*byte))
}

/// The place of a page within `window`; `oldest` is its earliest record time.
fn place(window: &Window, oldest: Option<Timestamp>, unit_ms: i64) -> Timestamp {
    let last = window
        .to()
        .minus_ms(1)
        .floor_to(unit_ms)
        .max(window.id().from);
    oldest.map_or(window.id().from, |oldest| {
        oldest.floor_to(unit_ms).clamp(window.id().from, last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_depends_on_every_byte() {
        assert_eq!(digest("a"), 0xca97_8112_ca1b_bdca);
        assert_ne!(digest("a"), digest("b"));
        assert_ne!(digest(""), digest("\0"));
    }

    #[test]
    fn each_stretch_of_file_gets_own_page() {
        let at = Timestamp::from_ms;
        let id = "okta/0123456789ab/live/1970-01-01T00:00:10Z"
            .parse()
            .unwrap();
        let window = Window::new(id, at(200_000), at(0)).unwrap();
        let records = [
            (9, Some(at(20_000))),
            (7, Some(at(59_999))),
            (8, Some(at(60_000))),
            (1, None),
        ];
        let pages = pages_of_a_file(&window, &records, 1, at(1));
        let seen: Vec<_> = pages
            .iter()
            .map(|page| (page.at.as_ms(), page.digests.clone()))
            .collect();
        assert_eq!(seen, [(10_000, vec![1, 7, 9]), (60_000, vec![8])]);
        assert_eq!(pages[1].page, PAGE_OF_A_FILE + 1);
        assert!(pages.iter().all(|page| page.pass == PASS_OF_A_FILE));
    }

    #[test]
    fn page_place_stays_inside_window() {
        let id = "okta/0123456789ab/live/1970-01-01T00:00:10Z"
            .parse()
            .unwrap();
        let at = Timestamp::from_ms;
        let window = Window::new(id, at(20_000), at(0)).unwrap();
        let place = |oldest| place(&window, oldest, 1_000).as_ms();
        assert_eq!(place(None), 10_000);
        assert_eq!(place(Some(at(12_345))), 12_000);
        assert_eq!(place(Some(at(9_999))), 10_000);
        assert_eq!(place(Some(at(99_999))), 19_000);
        assert_eq!(super::place(&window, Some(at(99_999)), 1), at(19_999));
        // Finer than the unit, which a manifest may have made coarser since.
        let fine = window.with(|form| {
            form.to = at(10_900);
            form.set_id(
                "okta/0123456789ab/live/1970-01-01T00:00:10.500Z"
                    .parse()
                    .unwrap(),
            );
        });
        let place = |oldest| super::place(&fine, oldest, 1_000).as_ms();
        assert_eq!(place(Some(at(10_700))), 10_500);
        assert_eq!(place(Some(at(99_999))), 10_500);
    }
}
