//! What a page delivered, remembered as digests of its records' ids, for sweeps.

mod known;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub use self::known::{Known, span_to_compare};
use crate::ids::{Generation, Lane, SourceName};
use crate::source::Policy;
use crate::sweep;
use crate::time::{MINUTE_MS, Timestamp};
use crate::window::Window;

/// Whose records: sweeps compare across the lanes of one generation of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenBy {
    /// The source.
    pub source: SourceName,
    /// Its generation.
    pub generation: Generation,
}

/// The ids that one page delivered. Stored after the sink has acknowledged the page and before it
/// is checkpointed: what is in here is delivered, and a page that is delivered again replaces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenPage {
    /// Whose.
    pub by: SeenBy,
    /// Where the page's records lie: its earliest record time, brought inside its window. Tells
    /// which pages a sweep needs.
    pub at: Timestamp,
    /// Start of the window that delivered it.
    pub from: Timestamp,
    /// The lane of that window.
    pub lane: Lane,
    /// The page's number in that window.
    pub page: u64,
    /// Which pass of the window: how often it had begun again. Only the last pass of a window
    /// counts, for a sink may have taken back what an earlier one delivered.
    pub pass: u32,
    /// Digests of its records' ids; see [`digest`].
    pub digests: Vec<u64>,
    /// When no sweep needs it any more.
    pub expires_at: Timestamp,
}

/// The pages that remember what `window` has delivered with the page that it is about to be moved past:
/// `digests` by where they are remembered, or at the `oldest` record of the page.
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

/// The pass of a page that was read from a file which this state did not write: no sink takes it back.
pub const PASS_OF_A_FILE: u32 = u32::MAX;
/// Number of the first page of such a file. Pages that a window delivers have lower numbers.
pub const PAGE_OF_A_FILE: u64 = 1 << 32;
/// The records of such a file are remembered by the stretch of this length that they lie in, in
/// milliseconds, so that a part of its window finds its own.
pub const STRETCH_OF_A_FILE_MS: i64 = MINUTE_MS;

/// The pages that remember the records of a file, given the digest of each id and the record's time.
/// `window` is the one that was made for the file.
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

/// What is remembered of a record: the first 8 bytes of the SHA-256 of its id. Two of a million ids
/// share one with a chance of about one in forty million, and then one late record would be taken
/// for delivered.
pub fn digest(id: &str) -> u64 {
    let hash = Sha256::digest(id.as_bytes());
    hash.iter()
        .take(8)
        .fold(0, |digest, byte| (digest << 8) | u64::from(*byte))
}

/// Where a page whose earliest record is `oldest` lies within `window`.
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
    fn a_digest_depends_on_every_byte_of_the_id() {
        assert_eq!(digest("a"), 0xca97_8112_ca1b_bdca);
        assert_ne!(digest("a"), digest("b"));
        assert_ne!(digest(""), digest("\0"));
    }

    #[test]
    fn each_stretch_of_a_file_is_remembered_in_a_page_of_its_own() {
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
    fn a_page_lies_inside_its_window_whatever_its_records_say() {
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
