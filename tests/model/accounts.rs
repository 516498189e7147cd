//! The allowed repetitions of a record, given stops, restarts and splits.

use windlass_core::frontier::frontier;
use windlass_core::window::{Delivered, SplitPoint};
use windlass_core::{Span, Window};

use crate::scenes::Scene;
use crate::state::State;

/// Counts the delivery of `records`.
pub(crate) fn deliver(state: &mut State, records: &[u8]) {
    for id in records {
        let bit = 1 << id;
        if state.delivered & bit != 0 {
            state.margin -= 1;
        }
        state.delivered |= bit;
    }
}

/// Deliveries that may repeat because `before` became `after`: those of one time unit where a
/// window is split behind them, and those of the whole read where it restarts.
///
/// A tick that takes back a lease splits the window as it was when the tick read it. Records that a
/// worker checkpointed in between, after its lease had expired, are then delivered again too.
pub(crate) fn forgiven(scene: &Scene, delivered: u32, before: &Window, after: &Window) -> i8 {
    if after.restarts() > before.restarts() {
        return count(usize::try_from(before.records()).unwrap_or(usize::MAX));
    }
    let Some(SplitPoint {
        at,
        delivered: part,
    }) = after.split().filter(|_| before.split().is_none())
    else {
        return 0;
    };
    let is_fresh = frontier(before, &scene.policy).is_some_and(|split| split.at == at);
    let unit_ms = scene.policy.unit_ms;
    let again = match (part, is_fresh) {
        (Delivered::Nothing, _) => return 0,
        (Delivered::Before, true) => Span::new(at, at.plus_ms(unit_ms)),
        (Delivered::Before, false) => Span::new(at, before.to()),
        (Delivered::After, true) => Span::new(at.minus_ms(unit_ms), at),
        (Delivered::After, false) => Span::new(before.id().from, at),
    };
    let again = again.expect("a split lies inside its window");
    let within = scene.vendor.within(again);
    count(within.filter(|(id, _)| delivered & (1 << id) != 0).count())
}

/// The number of `records` as a count of deliveries.
pub(crate) fn count(records: usize) -> i8 {
    i8::try_from(records).expect("a scene has few records")
}
