//! Windows: read back exactly as created, in order, and never from another timeline.

use windlass_core::checkpoint::Cursor;
use windlass_core::ids::Owner;
use windlass_core::span::Span;
use windlass_core::time::Timestamp;
use windlass_core::window::Status;

use super::fixtures::{at, okta, ready, stored, timeline};
use crate::store::{Created, StateStore};

pub async fn window_returns_exactly_as_created<S: StateStore>(store: S) {
    let plain = ready(&okta(), 0);
    let whole = ready(&okta(), 10).with(|form| {
        form.status = Status::Running;
        form.epoch = 7;
        form.owner = Some(Owner::from_random(u128::MAX));
        form.lease_until = Some(Timestamp::MAX);
        form.set_cursor(Some(Cursor {
            token: "a\0\u{e9}\"\n#\u{1f512}".to_owned(),
            request: "0f".to_owned(),
        }));
        form.page = 3;
        form.sink_position = Some("{\"offset\":12}".to_owned());
        form.records = i64::MAX.unsigned_abs();
        form.bytes = 1;
        form.rejected = 2;
        form.oldest = Some(Timestamp::MIN);
        form.newest = Some(at(9).plus_ms(1));
        form.ordered = false;
        form.attempts = u32::MAX;
        form.deaths = 3;
        form.setbacks = 4;
        form.restarts = 6;
        form.restarts_forgiven = 5;
        form.runs = u32::MAX;
        form.unsent_after = Some(7);
        form.not_before = Some(at(11));
        form.slowest_page_ms = 9;
        form.last_error = Some(String::new());
    });
    for window in [plain, whole] {
        assert_eq!(store.window(window.id()).await, Ok(None));
        assert_eq!(store.create(&window).await, Ok(Created::New));
        assert_eq!(store.window(window.id()).await, Ok(Some(window.clone())));
        assert_eq!(
            store.open_windows(&okta(), window.id().from).await,
            Ok(vec![window])
        );
    }
}

pub async fn creating_over_existing_window_returns_it<S: StateStore>(store: S) {
    let there = stored(&store, &okta(), 0).await;
    let wider = there.clone().with(|form| form.to = at(60));
    let exists = Created::Exists(Box::new(there.clone()));
    assert_eq!(store.create(&wider).await, Ok(exists.clone()));
    assert_eq!(store.create(&there).await, Ok(exists));
    assert_eq!(store.window(there.id()).await, Ok(Some(there)));
}

pub async fn open_windows_ascend_from_instant<S: StateStore>(store: S) {
    let mut windows = Vec::new();
    for minute in [20, 0, -10, 10] {
        windows.push(stored(&store, &okta(), minute).await);
    }
    windows.sort_by_key(|window| window.id().from);
    assert_eq!(
        store.open_windows(&okta(), at(-10)).await.as_deref(),
        Ok(&windows[..])
    );
    assert_eq!(
        store.open_windows(&okta(), at(10)).await.as_deref(),
        Ok(&windows[2..])
    );
    let after = store.open_windows(&okta(), at(10).plus_ms(1)).await;
    assert_eq!(after.as_deref(), Ok(&windows[3..]));
    assert_eq!(store.open_windows(&okta(), at(21)).await, Ok(Vec::new()));
    assert_eq!(
        store.open_windows(&okta(), Timestamp::MIN).await,
        Ok(windows)
    );
}

pub async fn windows_at_returns_existing_once_ascending<S: StateStore>(store: S) {
    let (first, _, last) = (
        stored(&store, &okta(), 0).await,
        stored(&store, &okta(), 10).await,
        stored(&store, &okta(), 20).await,
    );
    let asked = [at(20), at(5), at(0), at(20)];
    assert_eq!(
        store.windows_at(&okta(), &asked).await,
        Ok(vec![first, last])
    );
    assert_eq!(store.windows_at(&okta(), &[]).await, Ok(Vec::new()));
}

pub async fn history_ascends_within_span_and_limit<S: StateStore>(store: S) {
    let mut windows = Vec::new();
    for minute in [0, 10, 20, 30] {
        windows.push(stored(&store, &okta(), minute).await);
    }
    let span = |from, to| Span::new(at(from), at(to)).expect("a span");
    let of = async |span, limit| store.history(&okta(), span, limit).await.expect("readable");
    assert_eq!(
        of(span(0, 30), 9).await,
        windows[..3],
        "the end of the span is outside"
    );
    assert_eq!(
        of(span(1, 31), 9).await,
        windows[1..],
        "a window belongs to where it starts"
    );
    assert_eq!(of(span(0, 40), 2).await, windows[..2]);
    assert_eq!(of(span(0, 40), 0).await, []);
    assert_eq!(of(span(0, 40), usize::MAX).await, windows);
}

pub async fn timelines_never_mix<S: StateStore>(store: S) {
    let paths = [
        "a/0123456789ab/live",
        "a/0123456789ac/live",
        "a/0123456789ab/sweep-1",
        "a/0123456789ab/sweep-10",
        "a/0123456789ab/backfill-live",
        "a-b/0123456789ab/live",
        "aa/0123456789ab/live",
    ];
    let mut all = Vec::new();
    for path in paths {
        all.push((timeline(path), stored(&store, &timeline(path), 0).await));
    }
    let span = Span::new(at(0), at(60)).expect("a span");
    for (timeline, window) in all {
        let own = Ok(vec![window]);
        assert_eq!(store.open_windows(&timeline, at(0)).await, own);
        assert_eq!(store.windows_at(&timeline, &[at(0)]).await, own);
        assert_eq!(store.history(&timeline, span, 9).await, own);
    }
}
