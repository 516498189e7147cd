use super::*;
use crate::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use crate::ids::Owner;
use crate::scavenge::{recover, scavenge};
use crate::source::tests::policy;
use crate::time::{DAY_MS, HOUR_MS, SECOND_MS};
use crate::transition::{Cause, Claim, Event, Release};
use crate::window::Status;

fn window() -> Window {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z";
    let now = Timestamp::from_ms(0);
    Window::new(id.parse().unwrap(), now.plus_ms(HOUR_MS), now).unwrap()
}

fn claimed(window: &Window, now: Timestamp) -> Window {
    let claim = Claim {
        epoch: window.epoch(),
        owner: Owner::from_random(1),
        lease_until: now.plus_ms(SECOND_MS),
        now,
    };
    window.apply(&Event::Claim(claim)).unwrap()
}

fn with_page(running: &Window, now: Timestamp) -> Window {
    let checkpoint = Checkpoint::from(PageMove {
        from: running.page(),
        cursor: Some(Cursor {
            token: "next".to_owned(),
            request: "r".to_owned(),
        }),
        totals: PageTotals::default(),
        ordered: true,
        remembered: false,
        sink_position: None,
        page_ms: 1,
        now,
    });
    running.apply(&Event::Checkpoint(checkpoint)).unwrap()
}

/// The window after a run that ended with its process, on this machine or on Lambda, and the first
/// instant of its next run.
fn after_death(window: &Window, is_local: bool, now: Timestamp) -> (Window, Timestamp) {
    let running = claimed(window, now);
    let event = if is_local {
        recover(&running, now).unwrap()
    } else {
        let later = now.plus_ms(2 * SECOND_MS);
        scavenge(&running, &policy(), later, Timestamp::MAX).unwrap()
    };
    let after = running.apply(&event).unwrap();
    let due = after.not_before().unwrap_or(now.plus_ms(2 * SECOND_MS));
    (after, due)
}

#[test]
fn first_death_makes_suspect_due_at_once() {
    for is_local in [true, false] {
        let (suspect, _) = after_death(&window(), is_local, Timestamp::from_ms(0));
        assert!(suspect.is_suspect() && !suspect.is_exhausted());
        assert_eq!(suspect.not_before(), None);
        let error = suspect.last_error();
        let expected = "the process died while this window was in flight without a page";
        assert_eq!(error, Some(expected));
        // A recovery does not count the run as an attempt, so it alone never parks the window.
        assert_eq!(suspect.attempts(), u32::from(!is_local));
    }
}

#[test]
fn suspect_backs_off_after_each_death() {
    let (mut window, mut now) = (window(), Timestamp::from_ms(0));
    let mut waits = Vec::new();
    for _ in 0..=limits::SUSPECT_DEATHS_MAX {
        let before = now;
        (window, now) = after_death(&window, true, now);
        waits.extend(
            window
                .not_before()
                .map(|at| at.ms_since(before) / SECOND_MS),
        );
    }
    assert_eq!(waits, [5, 20, 80, 320, 900]);
}

#[test]
fn five_deaths_alone_park_suspect() {
    for is_local in [true, false] {
        let (mut window, mut now) = (window(), Timestamp::from_ms(0));
        for death in 0..=limits::SUSPECT_DEATHS_MAX {
            assert_eq!(
                scavenge(&window, &policy(), now, Timestamp::MAX),
                None,
                "after {death}"
            );
            (window, now) = after_death(&window, is_local, now);
        }
        let event = scavenge(&window, &policy(), now, Timestamp::MAX).unwrap();
        let Event::Park { reason, .. } = &event else {
            panic!("{event:?}");
        };
        let expected = "the process died 5 times while this window was the only suspect, each \
                        time before its first page; it is retried daily";
        assert_eq!(reason, expected);
        assert_eq!(window.apply(&event).unwrap().status(), Status::Parked);
    }
}

/// A window that parked as a suspect at 0.
fn parked() -> Window {
    let now = Timestamp::from_ms(0);
    let convicted = window().with(|form| form.deaths = limits::SUSPECT_DEATHS_MAX + 1);
    let event = scavenge(&convicted, &policy(), now, Timestamp::MAX).unwrap();
    convicted.apply(&event).unwrap()
}

#[test]
fn parked_suspect_is_probed_daily() {
    let mut parked = parked();
    let mut now = Timestamp::from_ms(0);
    for _ in 0..3 {
        assert_eq!(parked.tried_again_at(), Some(now.plus_ms(DAY_MS)));
        let early = now.plus_ms(DAY_MS - 1);
        assert_eq!(scavenge(&parked, &policy(), early, Timestamp::MAX), None);
        now = now.plus_ms(DAY_MS);
        let event = scavenge(&parked, &policy(), now, Timestamp::MAX).unwrap();
        let ready = parked.apply(&event).unwrap();
        assert!(ready.is_due(now) && ready.is_suspect() && !ready.is_exhausted());
        assert_eq!(ready.tried_again_at(), None);
        let (dead, _) = after_death(&ready, true, now);
        let event = scavenge(&dead, &policy(), now, Timestamp::MAX).unwrap();
        parked = dead.apply(&event).unwrap();
        assert_eq!(parked.status(), Status::Parked);
    }
}

#[test]
fn implausible_wait_does_not_delay_probe() {
    let parked = parked().with(|form| form.not_before = Some(Timestamp::from_ms(200 * DAY_MS)));
    let event = scavenge(&parked, &policy(), Timestamp::from_ms(0), Timestamp::MAX);
    assert!(matches!(event, Some(Event::Probe { .. })), "{event:?}");
}

#[test]
fn only_parked_suspects_are_probed() {
    let now = Timestamp::from_ms(10 * DAY_MS);
    let exhausted = window().with(|form| form.attempts = limits::ATTEMPTS_MAX);
    let event = scavenge(&exhausted, &policy(), now, Timestamp::MAX).unwrap();
    let parked = exhausted.apply(&event).unwrap();
    assert_eq!(parked.tried_again_at(), None);
    assert_eq!(
        scavenge(&parked, &policy(), now.plus_ms(2 * DAY_MS), Timestamp::MAX),
        None
    );
    assert!(parked.apply(&Event::Probe { now }).is_err());
}

#[test]
fn page_acquits_suspect_release_does_not() {
    let now = Timestamp::from_ms(0);
    let (suspect, _) = after_death(&window(), true, now);
    let running = claimed(&suspect, now);
    assert_eq!(with_page(&running, now).deaths(), 0);
    for cause in [Cause::Yielded, Cause::Outage, Cause::OutOfTime(None)] {
        let release = Release {
            cause,
            not_before: None,
            error: None,
            now,
        };
        let released = running.apply(&Event::Release(release)).unwrap();
        assert_eq!(released.deaths(), 1, "{cause:?}");
    }
    let parked = parked();
    let retried = parked.apply(&Event::Retry { now }).unwrap();
    assert_eq!(retried.deaths(), 0);
}

#[test]
fn death_after_page_does_not_count() {
    let now = Timestamp::from_ms(0);
    let running = with_page(&claimed(&window(), now), now);
    let later = now.plus_ms(2 * SECOND_MS);
    for event in [
        recover(&running, later),
        scavenge(&running, &policy(), later, Timestamp::MAX),
    ] {
        let after = running.apply(&event.unwrap()).unwrap();
        assert_eq!((after.deaths(), after.attempts()), (0, 0));
    }
}

#[test]
fn unclaimed_dispatch_is_no_death() {
    let now = Timestamp::from_ms(0);
    let dispatch = Event::Dispatch { until: now, now };
    let dispatched = window().apply(&dispatch).unwrap();
    for event in [
        recover(&dispatched, now),
        scavenge(
            &dispatched,
            &policy(),
            now.plus_ms(SECOND_MS),
            Timestamp::MAX,
        ),
    ] {
        assert_eq!(dispatched.apply(&event.unwrap()).unwrap().deaths(), 0);
    }
}
