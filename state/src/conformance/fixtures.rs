//! Values for the sentences of the contract.

use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::ids::{Owner, Timeline, WindowId};
use windlass_core::lease::Lease;
use windlass_core::limits;
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::{BlockCause, Blocked, Policy, SourceDefinition};
use windlass_core::time::{MINUTE_MS, Timestamp};
use windlass_core::transition::{Cause, Claim, Event, IllegalMove, Release};
use windlass_core::window::Window;

use crate::error::MoveError;
use crate::store::{Created, StateStore};

/// 2026-01-01T00:00:00Z plus `minute` minutes.
pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(1_767_225_600_000).plus_ms(minute * MINUTE_MS)
}

/// A block for `reason` that began at `minute`.
pub(super) fn blocked(reason: &str, minute: i64) -> Blocked {
    let now = at(minute);
    Blocked::new(reason.to_owned(), BlockCause::Refused, now, now)
}

/// The timeline of the path `source/generation/lane`.
pub(super) fn timeline(path: &str) -> Timeline {
    let id: WindowId = format!("{path}/{}", at(0)).parse().expect("a valid path");
    id.timeline
}

pub(super) fn okta() -> Timeline {
    timeline("okta/0123456789ab/live")
}

/// A ready window of ten minutes.
pub(super) fn ready(timeline: &Timeline, minute: i64) -> Window {
    let id = WindowId {
        timeline: timeline.clone(),
        from: at(minute),
    };
    Window::new(id, at(minute + 10), at(0)).expect("ten minutes are a span")
}

/// A ready window of ten minutes that `store` holds.
pub(super) async fn stored(store: &impl StateStore, timeline: &Timeline, minute: i64) -> Window {
    let window = ready(timeline, minute);
    assert_eq!(store.create(&window).await, Ok(Created::New));
    window
}

/// The stored window under the id of `window`.
pub(super) async fn current(store: &impl StateStore, window: &Window) -> Window {
    store
        .window(window.id())
        .await
        .expect("readable")
        .expect("created before")
}

/// A claim of `window` by the owner of that number.
pub(super) fn claim(window: &Window, owner: u128, now: Timestamp) -> Claim {
    let owner = Owner::from_random(owner);
    Claim {
        epoch: window.epoch(),
        owner,
        lease_until: now.plus_ms(15 * MINUTE_MS),
        now,
    }
}

/// A window that `store` holds, claimed by owner 1 at minute 1.
pub(super) async fn running(store: &impl StateStore, timeline: &Timeline, minute: i64) -> Lease {
    let window = stored(store, timeline, minute).await;
    store
        .claim(window.id(), &claim(&window, 1, at(1)))
        .await
        .expect("ready and due")
}

/// The next page of `lease`, at minute 2.
pub(super) fn page(lease: &Lease) -> Checkpoint {
    let from = lease.window().page();
    Checkpoint::from(PageMove {
        from,
        cursor: Some(Cursor {
            token: format!("after-{from}"),
            request: "5eed".to_owned(),
        }),
        totals: PageTotals {
            records: 10,
            bytes: 1_000,
            ..PageTotals::default()
        },
        ordered: true,
        remembered: true,
        sink_position: Some(format!("{{\"offset\":{}}}", (from + 1) * 1_000)),
        page_ms: 250,
        now: at(2),
    })
}

/// A release at minute 3 that never counts.
pub(super) fn yielded() -> Release {
    Release {
        cause: Cause::Yielded,
        not_before: None,
        error: None,
        now: at(3),
    }
}

pub(super) fn park(minute: i64) -> Event {
    Event::Park {
        reason: "gave up".to_owned(),
        now: at(minute),
    }
}

/// Asserts that a move lost, and returns the stored window and the reason.
pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, MoveError>) -> (Window, IllegalMove) {
    match result {
        Err(MoveError::Refused { current, why }) => (*current, why),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

pub(super) fn policy() -> Policy {
    Policy {
        unit_ms: 1_000,
        initial_ms: 10 * MINUTE_MS,
        min_ms: MINUTE_MS,
        max_ms: 360 * MINUTE_MS,
        every_ms: limits::EVERY_MS_DEFAULT,
        settle_ms: 0,
        max_lookback_ms: Some(90 * 24 * 60 * MINUTE_MS),
        max_in_flight: 4,
        max_open_windows: limits::OPEN_WINDOWS_DEFAULT,
        rate_group: "okta:acme".parse().expect("a valid group"),
        group_in_flight: 8,
        requests_per_minute: None,
        history_ms: limits::HISTORY_MS_DEFAULT,
        strict_order: None,
        sweeps_ms: Vec::new(),
        clock: None,
    }
}

/// The shard of every source in these sentences.
pub(super) fn shard() -> Shard {
    policy().rate_group.shard()
}

pub(super) fn definition(name: &str) -> SourceDefinition {
    SourceDefinition {
        name: name.parse().expect("a valid name"),
        connector: "okta".to_owned(),
        params: [("org".to_owned(), "acme \"quoted\" \u{e9}".to_owned())].into(),
        generation: okta().generation,
        secret: Some("env:OKTA_TOKEN".to_owned()),
        base_url: Some("https://acme.okta.example".to_owned()),
        token_url: None,
        file: Some("windlass.yaml".to_owned()),
        manifest_hash: "0123456789ab.ba9876543210".parse().ok(),
        start: at(0),
        end: None,
        sink: "lake".to_owned(),
        destination: [("kind".to_owned(), "firehose".to_owned())].into(),
        metadata: true,
        paused: false,
        policy: policy(),
    }
}

/// The progress of a timeline with windows created and passed up to these minutes.
pub(super) fn progress(timeline: &Timeline, open_from: i64, scheduled_through: i64) -> Progress {
    Progress {
        open_from: at(open_from),
        scheduled_through: at(scheduled_through),
        ..Progress::begin(timeline.clone(), at(0), None, &policy(), at(0))
    }
}
