//! Seen pages: stored by page, and found by their place in time.

use windlass_core::ids::Lane;
use windlass_core::limits;
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::span::Span;

use super::fixtures::{at, okta};
use crate::store::StateStore;

/// Page `number` of the window at minute 0, whose place is `minute`.
fn page(minute: i64, number: u64, digests: &[u64]) -> SeenPage {
    let timeline = okta();
    SeenPage {
        by: SeenBy {
            source: timeline.source,
            generation: timeline.generation,
        },
        at: at(minute),
        from: at(0),
        lane: timeline.lane,
        page: number,
        pass: 0,
        digests: digests.to_vec(),
        expires_at: at(1_000),
    }
}

async fn remember(store: &impl StateStore, pages: &[&SeenPage]) {
    for page in pages {
        store.remember(page).await.expect("remembered");
    }
}

/// The pages that `by` delivered between these minutes.
async fn seen(store: &impl StateStore, by: &SeenBy, from: i64, to: i64) -> Vec<SeenPage> {
    let span = Span::new(at(from), at(to)).expect("a span");
    let seen = store.seen(by, span, usize::MAX).await;
    seen.expect("readable").expect("no limit")
}

pub async fn remembered_page_returns_until_replaced<S: StateStore>(store: S) {
    let first = page(3, 7, &[1, u64::MAX]);
    assert_eq!(seen(&store, &first.by, 0, 60).await, []);
    remember(&store, &[&first, &first]).await;
    assert_eq!(
        seen(&store, &first.by, 0, 60).await,
        std::slice::from_ref(&first)
    );
    let again = SeenPage {
        pass: 1,
        digests: vec![2, 3, 4],
        expires_at: at(2_000),
        ..first
    };
    remember(&store, &[&again]).await;
    assert_eq!(
        seen(&store, &again.by, 0, 60).await,
        std::slice::from_ref(&again)
    );
    let empty = SeenPage {
        digests: Vec::new(),
        ..again
    };
    remember(&store, &[&empty]).await;
    assert_eq!(
        seen(&store, &empty.by, 0, 60).await,
        std::slice::from_ref(&empty)
    );
}

pub async fn seen_pages_ascend_within_span<S: StateStore>(store: S) {
    let pages = [0, 10, 20, 30].map(|minute| page(minute, 3, &[minute.unsigned_abs()]));
    let [first, second, third, last] = &pages;
    remember(&store, &[last, second, first, third]).await;
    let by = &first.by;
    assert_eq!(seen(&store, by, 0, 60).await, pages);
    assert_eq!(seen(&store, by, 10, 30).await, pages[1..3]);
    assert_eq!(seen(&store, by, 11, 30).await, pages[2..3]);
    assert_eq!(seen(&store, by, 31, 60).await, []);
    let last_instant = SeenPage {
        at: at(30).minus_ms(1),
        ..third.clone()
    };
    remember(&store, &[&last_instant]).await;
    let expected = [third.clone(), last_instant];
    assert_eq!(seen(&store, by, 20, 30).await, expected);
}

pub async fn pages_of_other_source_or_generation_are_invisible<S: StateStore>(store: S) {
    let ours = page(5, 0, &[1]);
    let generation = SeenBy {
        generation: "ba9876543210".parse().expect("a valid generation"),
        ..ours.by.clone()
    };
    let source = SeenBy {
        source: "okta-eu".parse().expect("a valid name"),
        ..ours.by.clone()
    };
    let others = [generation, source].map(|by| SeenPage { by, ..ours.clone() });
    remember(&store, &[&others[0], &others[1]]).await;
    assert_eq!(seen(&store, &ours.by, 0, 60).await, []);
    remember(&store, &[&ours]).await;
    assert_eq!(seen(&store, &ours.by, 0, 60).await, [ours]);
    for other in others {
        assert_eq!(seen(&store, &other.by, 0, 60).await, [other]);
    }
}

pub async fn pages_of_other_windows_and_lanes_coexist<S: StateStore>(store: S) {
    let first = page(5, 0, &[1]);
    let number = SeenPage {
        page: 1,
        ..first.clone()
    };
    let window = SeenPage {
        from: at(1),
        ..first.clone()
    };
    let lane = SeenPage {
        lane: Lane::Sweep(1),
        ..first.clone()
    };
    let pages = [&first, &number, &window, &lane];
    remember(&store, &pages).await;
    let found = seen(&store, &first.by, 0, 60).await;
    assert_eq!(found.len(), pages.len());
    assert!(pages.iter().all(|page| found.contains(page)), "{found:?}");
}

pub async fn digests_beyond_limit_are_not_returned<S: StateStore>(store: S) {
    let pages = [page(5, 0, &[1, 2, 3]), page(6, 1, &[4, 5])];
    remember(&store, &[&pages[0], &pages[1]]).await;
    let by = &pages[0].by;
    let span = Span::new(at(0), at(60)).expect("a span");
    assert_eq!(store.seen(by, span, 4).await, Ok(None));
    assert_eq!(store.seen(by, span, 0).await, Ok(None));
    assert_eq!(store.seen(by, span, 5).await, Ok(Some(pages.to_vec())));
    let none = Span::new(at(60), at(70)).expect("a span");
    assert_eq!(store.seen(by, none, 0).await, Ok(Some(Vec::new())));
}

pub async fn large_page_returns_whole_and_is_replaceable<S: StateStore>(store: S) {
    let count = u64::try_from(limits::SEEN_DIGESTS_PER_ITEM).expect("a small number") * 2 + 1;
    let digests: Vec<_> = (0..count).collect();
    let large = page(5, 0, &digests);
    let next = page(5, 1, &[7]);
    remember(&store, &[&next, &large]).await;
    let found = seen(&store, &large.by, 0, 60).await;
    let of_page = found.iter().filter(|piece| piece.page == 0);
    let mut back: Vec<_> = of_page.flat_map(|piece| piece.digests.clone()).collect();
    back.sort_unstable();
    assert_eq!(back, digests);
    let small = page(5, 0, &[1, 2]);
    remember(&store, &[&small]).await;
    assert_eq!(seen(&store, &large.by, 0, 60).await, [small, next]);
}
