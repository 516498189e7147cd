//! Arbitrary windows and their stored form.

use proptest::prelude::*;
use windlass_core::ids::{Lane, Owner, Timeline, WindowId};
use windlass_core::time::Timestamp;
use windlass_core::window::{Delivered, Status, Window, WindowForm};

use super::tests::attributes;
use super::*;

prop_compose! {
    fn any_time()(ms in Timestamp::MIN.as_ms()..=Timestamp::MAX.as_ms()) -> Timestamp {
        Timestamp::from_ms(ms)
    }
}

prop_compose! {
    fn any_id()(
        source in "[a-z0-9][a-z0-9-]{0,62}",
        generation in "[0-9a-f]{12}",
        lane in "live|sweep-(0|[1-9][0-9]?)|backfill-[a-z0-9][a-z0-9-]{0,20}",
        from in Timestamp::MIN.as_ms()..Timestamp::MAX.as_ms(),
    ) -> WindowId {
        let timeline = Timeline {
            source: source.parse().unwrap(),
            generation: generation.parse().unwrap(),
            lane: lane.parse().unwrap(),
        };
        WindowId { timeline, from: Timestamp::from_ms(from) }
    }
}

prop_compose! {
    pub(crate) fn any_window()(
        id in any_id(),
        width_ms in 1..i64::MAX,
        status in proptest::sample::select(&Status::ALL[..]),
        numbers in any::<[u64; 6]>(),
        counts in any::<[u32; 7]>(),
        unsent_after in any::<Option<u32>>(),
        times in proptest::array::uniform8(proptest::option::of(any_time())),
        stamps in proptest::array::uniform2(any_time()),
        owner in any::<Option<u128>>(),
        cursor in any::<Option<(String, String)>>(),
        texts in any::<[Option<String>; 2]>(),
        (ordered, remembered, adopted, slowest_page_ms) in any::<(bool, bool, bool, i64)>(),
        split_delivered in proptest::sample::select(
            &[Delivered::Nothing, Delivered::Before, Delivered::After][..]
        ),
    ) -> Window {
        let [epoch, page, records, bytes, rejected, known] = numbers;
        let [attempts, setbacks, restarts, restarts_forgiven, runs, overruns, deaths] = counts;
        let [lease_until, oldest, newest, not_before, split_at, done_at, expires_at, dispatched_until] = times;
        let [created_at, updated_at] = stamps;
        let [sink_position, last_error] = texts;
        let (cursor, cursor_for) = cursor.unzip();
        let to = id.from.plus_ms(width_ms);
        let owner = owner.map(Owner::from_random);
        let timeline = id.timeline.clone();
        let Timeline { source, generation, lane } = timeline;
        let form = WindowForm {
            source, generation, lane, from: id.from, to, status, epoch, owner, lease_until, dispatched_until,
            cursor, cursor_for, page, sink_position, records, bytes, rejected, known, oldest, newest, ordered,
            attempts, setbacks, restarts, restarts_forgiven, deaths, remembered, adopted, runs, overruns,
            unsent_after, not_before, split_at, split_delivered, slowest_page_ms, last_error, created_at,
            updated_at, done_at, expires_at,
        };
        Window::new(id, to, created_at).unwrap().with(|it| *it = mended(form))
    }
}

/// `form` with every contradictory number and time replaced by a consistent one.
fn mended(mut form: WindowForm) -> WindowForm {
    form.epoch = form.epoch.max(1);
    form.cursor = form.cursor.filter(|_| form.page > 0);
    let runs = form.runs;
    form.unsent_after = form.unsent_after.filter(|run| *run <= runs);
    let inside = |at: &Timestamp| form.from < *at && *at < form.to;
    let is_sweep = matches!(form.lane, Lane::Sweep(_));
    form.split_at = form.split_at.filter(|at| !is_sweep && inside(at));
    form.attempts = form.attempts.min(runs);
    form.overruns = form.overruns.min(runs);
    form.restarts_forgiven = form.restarts_forgiven.min(form.restarts);
    form.newest = form.newest.max(form.oldest);
    form.slowest_page_ms = form.slowest_page_ms.max(0);
    form
}

proptest! {
    #[test]
    fn any_window_round_trips_through_item(window in any_window()) {
        let text = serde_json::to_string(&window.to_attributes()).unwrap();
        prop_assert_eq!(Window::from_attributes("key", attributes(&text)), Ok(window));
    }
}
