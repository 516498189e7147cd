use super::*;
use crate::checkpoint::{Cursor, PageMove, PageTotals};
use crate::ids::Owner;
use crate::time::Timestamp;
use crate::transition::Cause;

const NOW: Timestamp = Timestamp::from_ms(1_000);

fn ready() -> Window {
    let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    Window::new(id, Timestamp::MAX, NOW).unwrap()
}

fn claim_by(owner: u128) -> Claim {
    Claim {
        epoch: 1,
        owner: Owner::from_random(owner),
        lease_until: NOW.plus_ms(1_000),
        now: NOW,
    }
}

fn held_by(owner: u128) -> Lease {
    let (window, claim) = (ready(), claim_by(owner));
    let claimed = Move::Claim(window.id(), &claim).apply(&window).unwrap();
    Lease::held(claimed, &claim.owner).unwrap()
}

fn page(token: &str) -> Checkpoint {
    Checkpoint::from(PageMove {
        cursor: Some(Cursor {
            token: token.to_owned(),
            request: "r".to_owned(),
        }),
        ..PageMove::clone(&last())
    })
}

fn last() -> Checkpoint {
    Checkpoint::from(PageMove {
        from: 0,
        cursor: None,
        totals: PageTotals::default(),
        ordered: true,
        remembered: true,
        sink_position: None,
        page_ms: 20,
        now: NOW,
    })
}

fn yielded() -> Release {
    Release {
        cause: Cause::Yielded,
        not_before: None,
        error: None,
        now: NOW,
    }
}

#[test]
fn planner_cannot_make_worker_moves() {
    let window = ready();
    let why = IllegalMove::Edge {
        status: window.status(),
        event: "claim",
    };
    let claim = Event::Claim(claim_by(1));
    assert_eq!(Move::Decide(&window, &claim).apply(&window), Err(why));
}

#[test]
fn hand_edited_owner_ends_lease() {
    let lease = held_by(1);
    let edited = lease
        .window()
        .clone()
        .with(|form| form.owner = Some(Owner::from_random(2)));
    let release = yielded();
    let asked = Move::Release(&lease, &release);
    assert!(asked.apply(lease.window()).is_ok());
    assert!(asked.apply(&edited).is_err());
}

/// An applied move is distinguished from one that was not applied, and from another caller's move.
#[test]
fn move_is_recognized_after_lost_response() {
    let window = ready();
    let (mine, other) = (claim_by(1), claim_by(2));
    let asked = Move::Claim(window.id(), &mine);
    let theirs = Move::Claim(window.id(), &other).apply(&window).unwrap();
    assert!(asked.was_made(&asked.apply(&window).unwrap()));
    assert!(!asked.was_made(&theirs) && !asked.was_made(&window));

    let lease = held_by(1);
    let before = lease.window();
    let first = page("a");
    let asked = Move::Checkpoint(&lease, &first);
    let same_page = Move::Checkpoint(&lease, &page("b")).apply(before).unwrap();
    assert!(asked.was_made(&asked.apply(before).unwrap()));
    assert!(!asked.was_made(&same_page) && !asked.was_made(before));

    let (last, release) = (last(), yielded());
    let complete = Move::Complete(&lease, &last, 5);
    let release = Move::Release(&lease, &release);
    let (done, released) = (complete.apply(before), release.apply(before));
    let (done, released) = (done.unwrap(), released.unwrap());
    assert!(complete.was_made(&done) && release.was_made(&released));
    assert!(!complete.was_made(&released) && !release.was_made(&done));
    assert!(!complete.was_made(before) && !release.was_made(before));

    let dispatch = Event::Dispatch {
        until: NOW.plus_ms(10),
        now: NOW,
    };
    let asked = Move::Decide(&window, &dispatch);
    assert!(asked.was_made(&asked.apply(&window).unwrap()));
    assert!(!asked.was_made(&window));
}
