use crate::lanes::lanes_of;
use crate::source::tests::{definition, policy};
use crate::source::{BlockCause, Blocked, SourceRecord};
use crate::time::{DAY_MS, HOUR_MS};
use crate::window::Window;

use super::*;

const NOW: Timestamp = Timestamp::from_ms(10 * DAY_MS);

/// A source with one lane, whose windows of an hour are made by `each` of their numbers.
fn source(name: &str, policy: Policy, each: &[fn(&Window) -> Window]) -> SourceView {
    let mut definition = definition(name);
    definition.policy = policy;
    let record = SourceRecord {
        definition,
        version: 1,
        blocked: None,
        held_since: None,
        applied_at: NOW,
    };
    let mut lanes = Vec::new();
    for mut progress in lanes_of(&record.definition, Vec::new(), NOW) {
        let mut open = Vec::new();
        for (number, make) in each.iter().enumerate() {
            let from = Timestamp::from_ms(i64::try_from(number).unwrap() * HOUR_MS);
            let timeline = progress.timeline.clone();
            let id = crate::ids::WindowId { timeline, from };
            let window = Window::new(id, from.plus_ms(HOUR_MS), NOW).unwrap();
            progress.scheduled_through = window.to();
            open.push(make(&window));
        }
        lanes.push(LaneView::read(progress, open, Vec::new()));
    }
    SourceView { record, lanes }
}

fn ready(window: &Window) -> Window {
    window.clone()
}

fn dispatched(window: &Window) -> Window {
    let dispatch = crate::transition::Event::Dispatch {
        until: NOW.plus_ms(HOUR_MS),
        now: NOW,
    };
    window.apply(&dispatch).unwrap()
}

fn suspect(window: &Window) -> Window {
    window.clone().with(|form| form.deaths = 1)
}

fn slots_of(max_in_flight: u32, group_in_flight: u32) -> Policy {
    Policy {
        max_in_flight,
        group_in_flight,
        ..policy()
    }
}

fn paced(requests_per_minute: Option<u32>) -> Policy {
    Policy {
        requests_per_minute,
        ..slots_of(4, 4)
    }
}

#[test]
fn group_workers_are_bounded_by_policies_and_rates() {
    let of =
        |policies: &[Policy], shares_request_rate| GroupLimits::of(policies, shares_request_rate);
    let both = [slots_of(1, 2), slots_of(1, 5)];
    assert_eq!(of(&both, true).in_flight_max, 5);
    let slow = [paced(None), paced(Some(1))];
    assert_eq!(of(&slow, true).in_flight_max, 1);
    assert_eq!(of(&slow, false).in_flight_max, 4);
}

#[test]
fn ample_rate_is_divided_and_small_one_reserved() {
    let rate = |policies: &[&Policy], shares_request_rate| {
        let rate =
            GroupLimits::of(policies.iter().copied(), shares_request_rate).task_rate(policies[0]);
        (rate.requests_per_minute, rate.reserves_requests)
    };
    let (ample, small) = (paced(Some(4_000)), paced(Some(60)));
    assert_eq!(rate(&[&ample], true), (Some(1_000), false));
    assert_eq!(rate(&[&ample], false), (Some(4_000), false));
    assert_eq!(rate(&[&small], true), (Some(60), true));
    assert_eq!(rate(&[&ample, &small], true), (Some(4_000), true));
    assert_eq!(rate(&[&paced(None)], true), (None, false));
}

#[test]
fn endangered_lanes_come_first_and_failing_sources_last() {
    let kept = Policy {
        max_lookback_ms: Some(10 * DAY_MS),
        ..policy()
    };
    let fails = |window: &Window| {
        window.clone().with(|form| {
            form.setbacks = 1;
            form.not_before = Some(NOW.plus_ms(1));
        })
    };
    let views = [
        source("failing", policy(), &[fails]),
        source("later", policy(), &[ready]),
        source("endangered", kept, &[ready]),
        source("earlier", policy(), &[ready]),
    ];
    let order: Vec<_> = in_order(&views, NOW)
        .into_iter()
        .map(|(view, _)| view)
        .collect();
    assert_eq!(order, [2, 3, 1, 0], "earlier than later by name alone");
}

#[test]
fn room_is_the_least_of_source_and_group() {
    let limits = GroupLimits::of([&slots_of(4, 5)], false);
    let view = source("okta", slots_of(4, 5), &[dispatched, ready, ready]);
    assert_eq!(room(&view, 0, &limits, 1, NOW), 4);
    assert_eq!(room(&view, 0, &limits, 4, NOW), 2, "others have three");
    let room = Room {
        most: 4,
        allowance: 2,
        crowded: false,
        rate: limits.task_rate(&policy()),
    };
    assert_eq!(room.slots(1, 0), 2);
    assert_eq!(room.slots(3, 0), 1);
    assert_eq!(room.slots(1, 2), 0);
}

#[test]
fn probe_takes_one_slot_while_nothing_else_is_in_flight() {
    let limits = GroupLimits::of([&slots_of(4, 5)], false);
    let mut view = source("okta", slots_of(4, 5), &[ready, ready]);
    let since = NOW.minus_ms(DAY_MS);
    let blocked = Blocked::new("403".to_owned(), BlockCause::Refused, since, since);
    view.record.blocked = Some(blocked.clone());
    assert_eq!(room(&view, 0, &limits, 0, NOW), 1);
    let mut busy = source("okta", slots_of(4, 5), &[dispatched, ready]);
    busy.record.blocked = Some(blocked);
    assert_eq!(room(&busy, 0, &limits, 1, NOW), 0);
}

#[test]
fn next_window_is_oldest_ready_one_with_free_slot() {
    let next = |policy: Policy, each: &[fn(&Window) -> Window], admits_suspects| {
        let view = source("okta", policy, each);
        let next = view.next_window(NOW, admits_suspects);
        next.map(|window| window.id().from.as_ms() / HOUR_MS)
    };
    let waits = |window: &Window| {
        window
            .clone()
            .with(|form| form.not_before = Some(NOW.plus_ms(1)))
    };
    assert_eq!(next(slots_of(2, 2), &[waits, ready, ready], false), Some(1));
    assert_eq!(next(slots_of(2, 2), &[dispatched, ready], false), Some(1));
    assert_eq!(next(slots_of(1, 2), &[dispatched, ready], false), None);
    assert_eq!(next(slots_of(2, 1), &[dispatched, ready], false), None);
    assert_eq!(next(slots_of(2, 2), &[suspect, ready], false), Some(1));
    assert_eq!(next(slots_of(2, 2), &[suspect, ready], true), Some(0));
}
