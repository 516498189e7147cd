//! Overruns, splits at the frontier, and windows that end unread.

use super::*;
use crate::checkpoint::PageMove;

fn at_frontier(at_ms: i64, delivered: Delivered) -> SplitPoint {
    SplitPoint {
        at: at(at_ms),
        delivered,
    }
}

/// A running window that has checkpointed a page since its claim.
fn advanced() -> Window {
    let claimed = window().apply(&claim(1)).unwrap();
    claimed.apply(&Event::Checkpoint(page(0))).unwrap()
}

#[test]
fn overrun_needs_page_since_claim() {
    let expire = Event::Expire {
        split: None,
        now: at(40),
    };
    let claimed = window().apply(&claim(1)).unwrap();
    for end in [release(Cause::OutOfTime(None)), expire] {
        assert_eq!(claimed.apply(&end).unwrap().overruns(), 0, "{end:?}");
        assert_eq!(advanced().apply(&end).unwrap().overruns(), 1, "{end:?}");
    }
    for other in [Cause::Yielded, Cause::Outage, Cause::Failed, Cause::Restart] {
        assert_eq!(advanced().apply(&release(other)).unwrap().overruns(), 0);
    }
}

#[test]
fn out_of_time_window_keeps_cursor_awaiting_split() {
    let split = at_frontier(500, Delivered::Before);
    let waiting = advanced()
        .apply(&release(Cause::OutOfTime(Some(split))))
        .unwrap();
    assert_eq!(waiting.split().map(|split| split.at), Some(at(500)));
    assert_eq!(
        waiting.split().map(|split| split.delivered),
        Some(Delivered::Before)
    );
    assert!(waiting.cursor().is_some() && waiting.records() == 10);
    assert_eq!(
        waiting.apply(&claim(waiting.epoch())),
        Err(IllegalMove::NotDue)
    );
}

#[test]
fn disordered_window_is_not_split_on_expiry() {
    let expire = Event::Expire {
        split: Some(at_frontier(500, Delivered::Before)),
        now: at(40),
    };
    assert_eq!(
        advanced()
            .apply(&expire)
            .unwrap()
            .split()
            .map(|split| split.at),
        Some(at(500))
    );
    let disordered = advanced().with(|form| form.ordered = false);
    assert_eq!(disordered.apply(&expire).unwrap().split(), None);
}

#[test]
fn rejected_token_with_frontier_counts_no_restart() {
    let split = at_frontier(500, Delivered::After);
    let waiting = advanced().apply(&release(Cause::Reenter(split))).unwrap();
    assert_eq!((waiting.restarts(), waiting.records()), (0, 10));
    assert_eq!(
        waiting.split().map(|split| split.delivered),
        Some(Delivered::After)
    );
    for outside in [0, 1_000_000] {
        let split = at_frontier(outside, Delivered::Before);
        let refused = advanced().apply(&release(Cause::Reenter(split)));
        assert!(matches!(refused, Err(IllegalMove::OutOfSpan { .. })));
    }
}

#[test]
fn shrinking_resets_cursor_and_counts() {
    let waiting = advanced()
        .with(|form| form.overruns = 4)
        .apply(&release(Cause::Reenter(at_frontier(500, Delivered::After))))
        .unwrap();
    let shrink = Event::Shrink {
        to: at(250),
        now: at(50),
    };
    let shrunk = waiting.apply(&shrink).unwrap();
    assert_eq!(
        (shrunk.cursor(), shrunk.sink_position(), shrunk.oldest()),
        (None, None, None)
    );
    assert_eq!(
        (shrunk.records(), shrunk.overruns(), shrunk.page()),
        (0, 0, 1)
    );
    assert!(shrunk.split().is_none() && shrunk.to() == at(250));
}

#[test]
fn only_delivered_part_is_closed() {
    let close = |to| Event::Close {
        to: at(to),
        history_ms: 5,
        now: at(50),
    };
    let idle = advanced().apply(&release(Cause::Yielded)).unwrap();
    let refused = Err(IllegalMove::NotDelivered { at: at(500) });
    assert_eq!(idle.apply(&close(500)), refused);
    for delivered in [Delivered::Nothing, Delivered::After] {
        let waiting = idle.clone().with(|form| {
            form.split_at = Some(at(500));
            form.split_delivered = delivered;
        });
        assert_eq!(waiting.apply(&close(500)), refused, "{delivered:?}");
    }
    let waiting = idle.with(|form| {
        form.split_at = Some(at(500));
        form.split_delivered = Delivered::Before;
    });
    assert!(matches!(
        waiting.apply(&close(501)),
        Err(IllegalMove::NotDelivered { .. })
    ));
    let closed = waiting.apply(&close(500)).unwrap();
    assert_eq!((closed.status(), closed.to()), (Status::Done, at(500)));
    assert_eq!(
        (
            closed.records(),
            closed.cursor(),
            closed.split().map(|split| split.at)
        ),
        (10, None, None)
    );
    assert_eq!(closed.expires_at(), Some(at(55)));
}

#[test]
fn window_with_page_does_not_lapse() {
    let lapse = Event::Lapse {
        history_ms: 5,
        now: at(50),
    };
    let lapsed = window().apply(&lapse).unwrap();
    assert_eq!(lapsed.status(), Status::Done);
    assert!(lapsed.last_error().is_some());
    let begun = advanced().apply(&release(Cause::Yielded)).unwrap();
    assert_eq!(begun.apply(&lapse), Err(IllegalMove::Begun));
    let restarted = advanced().apply(&release(Cause::Restart)).unwrap();
    assert_eq!(restarted.apply(&lapse), Err(IllegalMove::Begun));
}

#[test]
fn unremembered_page_hides_window_until_restart() {
    let unknown = Checkpoint::from(PageMove {
        remembered: false,
        ..PageMove::clone(&page(0))
    });
    let claimed = window().apply(&claim(1)).unwrap();
    let advanced = claimed.apply(&Event::Checkpoint(unknown)).unwrap();
    assert!(!advanced.remembered());
    let advanced = advanced.apply(&Event::Checkpoint(page(1))).unwrap();
    assert!(!advanced.remembered(), "one page is enough");
    assert!(
        advanced
            .apply(&release(Cause::Restart))
            .unwrap()
            .remembered()
    );
}

#[test]
fn slow_page_time_decays() {
    let mut window = window().apply(&claim(1)).unwrap();
    let mut slowest_ms = Vec::new();
    for (number, page_ms) in [32_000, 20, 20, 20].into_iter().enumerate() {
        let checkpoint = Checkpoint::from(PageMove {
            page_ms,
            ..PageMove::clone(&page(u64::try_from(number).unwrap()))
        });
        window = window.apply(&Event::Checkpoint(checkpoint)).unwrap();
        slowest_ms.push(window.slowest_page_ms());
    }
    assert_eq!(slowest_ms, [32_000, 16_000, 8_000, 4_000]);
}
