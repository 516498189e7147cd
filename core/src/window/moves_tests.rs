use super::*;
use crate::checkpoint::{Cursor, PageMove, PageTotals};
use crate::ids::Owner;
use crate::invariant::check_move;
use crate::limits;
use crate::transition::{Cause, Release};

#[path = "moves/split_tests.rs"]
mod splits;
#[path = "moves/unsent_tests.rs"]
mod unsent;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn window() -> Window {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z"
        .parse()
        .unwrap();
    Window::new(id, at(1_000_000), at(0)).unwrap()
}

fn claim(epoch: u64) -> Event {
    let owner = Owner::from_random(7);
    Event::Claim(Claim {
        epoch,
        owner,
        lease_until: at(500_000),
        now: at(10),
    })
}

fn page(from: u64) -> Checkpoint {
    Checkpoint::from(PageMove {
        from,
        cursor: Some(Cursor {
            token: format!("t{}", from + 1),
            request: "r".to_owned(),
        }),
        totals: PageTotals {
            records: 10,
            bytes: 100,
            rejected: 1,
            known: 0,
            oldest: Some(at(5)),
            newest: Some(at(9)),
        },
        ordered: true,
        remembered: true,
        sink_position: Some(format!("r0:{from}:0")),
        page_ms: 20,
        now: at(20),
    })
}

fn release(cause: Cause) -> Event {
    Event::Release(Release {
        cause,
        not_before: None,
        error: None,
        now: at(30),
    })
}

fn one_of_each() -> Vec<Event> {
    vec![
        Event::Dispatch {
            until: at(100),
            now: at(10),
        },
        claim(1),
        Event::Checkpoint(page(0)),
        Event::Complete {
            last: page(0),
            history_ms: limits::HISTORY_MS_MIN,
        },
        release(Cause::Yielded),
        Event::Expire {
            split: None,
            now: at(10),
        },
        Event::Recover { now: at(10) },
        Event::Park {
            reason: "hole".to_owned(),
            now: at(10),
        },
        Event::Shrink {
            to: at(500),
            now: at(10),
        },
        Event::Close {
            to: at(500),
            history_ms: limits::HISTORY_MS_MIN,
            now: at(10),
        },
        Event::Lapse {
            history_ms: limits::HISTORY_MS_MIN,
            now: at(10),
        },
        Event::Retry { now: at(10) },
    ]
}

/// A window of `status` that fits `event`: a closing window must wait for its split.
fn fit(status: Status, event: &Event) -> Window {
    let mut window = in_status(status);
    if let Event::Close { to, .. } = event {
        window.edit(|form| {
            form.split_at = Some(*to);
            form.split_delivered = Delivered::Before;
        });
    }
    window
}

/// A window of each status at epoch 1 and page 0, so that every event of `one_of_each` fits it.
fn in_status(status: Status) -> Window {
    let mut window = window().with(|form| form.status = status);
    if status == Status::Running {
        window.edit(|form| {
            form.owner = Some(Owner::from_random(7));
            form.lease_until = Some(at(500_000));
        });
    }
    if status == Status::Done {
        window.edit(|form| form.done_at = Some(at(1)));
    }
    window
}

#[test]
fn moves_match_documented_state_diagram() {
    let mut edges = Vec::new();
    for status in Status::ALL {
        for event in one_of_each() {
            if let Ok(next) = fit(status, &event).apply(&event) {
                edges.push(format!("{status} --> {}: {}", next.status(), event.name()));
            }
        }
    }
    edges.sort();
    let diagram = include_str!("../../../docs/DATA_MODEL.md");
    let mut drawn: Vec<String> = diagram
        .lines()
        .map(str::trim)
        .filter(|line| line.contains(" --> ") && line.contains(": ") && !line.contains("[*]"))
        .map(str::to_owned)
        .collect();
    drawn.sort();
    assert_eq!(
        edges, drawn,
        "docs/DATA_MODEL.md draws other moves than the code makes"
    );
}

#[test]
fn legal_moves_keep_invariants() {
    for status in Status::ALL {
        for event in one_of_each() {
            let before = fit(status, &event);
            if let Ok(after) = before.apply(&event) {
                check_move(&before, &after).unwrap();
            }
        }
    }
}

#[test]
fn claim_with_old_epoch_fails() {
    let dispatched = window()
        .apply(&Event::Dispatch {
            until: at(100),
            now: at(1),
        })
        .unwrap();
    let refused = dispatched.apply(&claim(1));
    assert_eq!(
        refused,
        Err(IllegalMove::Epoch {
            given: 1,
            current: 2
        })
    );
    assert_eq!(
        dispatched.apply(&claim(2)).unwrap().status(),
        Status::Running
    );
}

#[test]
fn claim_needs_due_window_without_split() {
    let waiting = window().with(|form| form.not_before = Some(at(11)));
    assert_eq!(waiting.apply(&claim(1)), Err(IllegalMove::NotDue));
    let due = window().with(|form| form.not_before = Some(at(10)));
    assert!(due.apply(&claim(1)).is_ok());
    let splitting = window().with(|form| form.split_at = Some(at(500)));
    assert_eq!(splitting.apply(&claim(1)), Err(IllegalMove::NotDue));
}

#[test]
fn checkpoint_applies_only_to_current_page() {
    let running = in_status(Status::Running);
    let second = running.apply(&Event::Checkpoint(page(0))).unwrap();
    assert_eq!(
        (second.page(), second.records(), second.attempts()),
        (1, 10, 0)
    );
    assert_eq!(
        second.apply(&Event::Checkpoint(page(0))),
        Err(IllegalMove::Page {
            given: 0,
            current: 1
        })
    );
    assert_eq!(
        second.epoch(),
        running.epoch(),
        "a checkpoint keeps the epoch"
    );
}

#[test]
fn checkpoint_without_cursor_must_complete() {
    let last = Checkpoint::from(PageMove {
        cursor: None,
        ..PageMove::clone(&page(0))
    });
    let running = in_status(Status::Running);
    assert_eq!(
        running.apply(&Event::Checkpoint(last.clone())),
        Err(IllegalMove::NoCursor)
    );
    let done = running
        .apply(&Event::Complete {
            last,
            history_ms: 5,
        })
        .unwrap();
    assert_eq!((done.status(), done.page()), (Status::Done, 1));
    assert_eq!(done.expires_at(), Some(at(25)));
}

#[test]
fn created_at_never_exceeds_done_at() {
    let ahead = in_status(Status::Running).with(|form| form.created_at = at(4_000));
    let complete = Event::Complete {
        last: page(0),
        history_ms: 5,
    };
    let done = ahead.apply(&complete).unwrap();
    assert_eq!(Some(done.created_at()), done.done_at());
}

#[test]
fn only_crashes_and_page_errors_count_as_attempts() {
    let claimed = window().apply(&claim(1)).unwrap();
    assert_eq!(claimed.attempts(), 1);
    assert_eq!(
        claimed
            .apply(&Event::Expire {
                split: None,
                now: at(40)
            })
            .unwrap()
            .attempts(),
        1
    );
    assert_eq!(
        claimed.apply(&release(Cause::Failed)).unwrap().attempts(),
        1
    );
    assert_eq!(
        claimed
            .apply(&Event::Recover { now: at(40) })
            .unwrap()
            .attempts(),
        0
    );
    for excused in [
        Cause::Yielded,
        Cause::Outage,
        Cause::Restart,
        Cause::Split(at(500)),
    ] {
        assert_eq!(
            claimed.apply(&release(excused)).unwrap().attempts(),
            0,
            "{excused:?}"
        );
    }
    let advanced = claimed.apply(&Event::Checkpoint(page(0))).unwrap();
    assert_eq!(
        advanced.apply(&release(Cause::Failed)).unwrap().attempts(),
        0
    );
    assert_eq!(
        advanced
            .apply(&Event::Expire {
                split: None,
                now: at(40)
            })
            .unwrap()
            .attempts(),
        0
    );
}

#[test]
fn restart_resets_counts_but_not_page() {
    let running = in_status(Status::Running)
        .apply(&Event::Checkpoint(page(0)))
        .unwrap();
    let again = running.apply(&release(Cause::Restart)).unwrap();
    assert_eq!((again.page(), again.records(), again.restarts()), (1, 0, 1));
    assert_eq!(
        (again.cursor(), again.sink_position(), again.oldest()),
        (None, None, None)
    );
}

#[test]
fn split_point_must_lie_inside() {
    let running = in_status(Status::Running);
    for outside in [at(0), at(1_000_000), at(2_000_000)] {
        assert!(matches!(
            running.apply(&release(Cause::Split(outside))),
            Err(IllegalMove::OutOfSpan { .. })
        ));
    }
    let split = running.apply(&release(Cause::Split(at(500)))).unwrap();
    assert_eq!(split.split().map(|split| split.at), Some(at(500)));
    let shrunk = split
        .apply(&Event::Shrink {
            to: at(500),
            now: at(50),
        })
        .unwrap();
    assert_eq!(
        (shrunk.to(), shrunk.split().map(|split| split.at)),
        (at(500), None)
    );
}

#[test]
fn retry_forgives_exhaustion() {
    let exhausted = window().with(|form| {
        form.attempts = limits::ATTEMPTS_MAX;
        form.restarts = 9;
    });
    assert!(exhausted.is_exhausted());
    let parked = exhausted
        .apply(&Event::Park {
            reason: "why".to_owned(),
            now: at(1),
        })
        .unwrap();
    assert_eq!(parked.last_error(), Some("why"));
    let retried = parked.apply(&Event::Retry { now: at(2) }).unwrap();
    assert!(!retried.is_exhausted());
    assert_eq!(
        retried.restarts(),
        9,
        "the count that names output parts never goes back"
    );
}
