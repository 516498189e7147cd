//! How often a record may be delivered twice: what stops, restarts and splits account for.

use windlass_core::window::Delivered;
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

/// Deliveries that may happen again because `before` became `after`: those of one time unit where a
/// window is split behind them, and those of the whole pass where it begins again.
pub(crate) fn forgiven(scene: &Scene, delivered: u32, before: &Window, after: &Window) -> i8 {
    if after.restarts > before.restarts {
        return count(usize::try_from(before.records).unwrap_or(usize::MAX));
    }
    let Some(at) = after.split_at.filter(|_| before.split_at.is_none()) else {
        return 0;
    };
    let unit_ms = scene.policy.unit_ms;
    let unit = match after.split_delivered {
        Delivered::Nothing => return 0,
        Delivered::Before => Span::new(at, at.plus_ms(unit_ms)),
        Delivered::After => Span::new(at.minus_ms(unit_ms), at),
    };
    let unit = unit.expect("a unit is not empty");
    let within = scene.vendor.within(unit);
    count(within.filter(|(id, _)| delivered & (1 << id) != 0).count())
}

/// As many deliveries.
pub(crate) fn count(records: usize) -> i8 {
    i8::try_from(records).expect("a scene has few records")
}
