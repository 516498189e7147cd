use super::*;
use crate::ids::WindowId;
use crate::window::Window;

const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);

fn form(status: Status) -> WindowForm {
    let id: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let window = Window::new(id, NOW.plus_ms(3_600_000), NOW).unwrap();
    WindowForm::from(window.with(|form| form.status = status))
}

/// The error of a form in `status` after `edit`.
fn refused(status: Status, edit: impl FnOnce(&mut WindowForm)) -> String {
    let mut form = form(status);
    edit(&mut form);
    let error = Window::try_from(form).unwrap_err().to_string();
    let (_, problem) = error.split_once("00.000Z ").unwrap();
    problem.to_owned()
}

#[test]
fn window_of_every_status_round_trips() {
    for status in Status::ALL {
        let mut form = form(status);
        form.attempts = 1;
        form.runs = 2;
        form.page = 3;
        form.last_error = Some("HTTP 500".to_owned());
        if status != Status::Done {
            form.cursor = Some("t".to_owned());
            form.cursor_for = Some("r".to_owned());
            form.unsent_after = Some(1);
        }
        if matches!(status, Status::Ready | Status::Parked) {
            form.not_before = Some(NOW);
            form.split_at = Some(NOW.plus_ms(1));
            form.split_delivered = Delivered::Before;
        }
        let window = Window::try_from(form.clone()).unwrap();
        assert_eq!(window.status(), status);
        assert_eq!(window.last_error(), Some("HTTP 500"));
        assert_eq!(WindowForm::from(window), form);
    }
}

#[test]
fn missing_required_attribute_is_invalid() {
    use Status::{Dispatched, Done, Parked, Running};
    type Edit = fn(&mut WindowForm);
    for (status, attribute, remove) in [
        (Running, "owner", (|it| it.owner = None) as Edit),
        (Running, "lease_until", |it| it.lease_until = None),
        (Dispatched, "dispatched_until", |it| {
            it.dispatched_until = None;
        }),
        (Done, "done_at", |it| it.done_at = None),
        (Done, "expires_at", |it| it.expires_at = None),
        (Parked, "last_error", |it| it.last_error = None),
    ] {
        let expected = format!("is {status} without `{attribute}`");
        assert_eq!(refused(status, remove), expected);
    }
}

#[test]
fn attribute_foreign_to_status_is_invalid() {
    type Edit = fn(&mut WindowForm);
    let edits: [(&str, Edit, &[Status]); 8] = [
        (
            "owner",
            |it| it.owner = Some(Owner::from_random(1)),
            &[Status::Running],
        ),
        (
            "lease_until",
            |it| it.lease_until = Some(NOW),
            &[Status::Running],
        ),
        (
            "dispatched_until",
            |it| it.dispatched_until = Some(NOW),
            &[Status::Dispatched],
        ),
        (
            "cursor",
            |it| (it.cursor, it.cursor_for) = (Some("t".to_owned()), Some("r".to_owned())),
            &[
                Status::Ready,
                Status::Dispatched,
                Status::Running,
                Status::Parked,
            ],
        ),
        (
            "not_before",
            |it| it.not_before = Some(NOW),
            &[Status::Ready, Status::Parked],
        ),
        (
            "split_at",
            |it| it.split_at = Some(NOW.plus_ms(1)),
            &[Status::Ready, Status::Parked],
        ),
        ("done_at", |it| it.done_at = Some(NOW), &[Status::Done]),
        (
            "expires_at",
            |it| it.expires_at = Some(NOW),
            &[Status::Done],
        ),
    ];
    for (attribute, add, allowed) in edits {
        for status in Status::ALL {
            if !allowed.contains(&status) {
                let expected = format!("is {status} with `{attribute}`");
                assert_eq!(refused(status, add), expected);
            }
        }
    }
}

#[test]
fn half_cursor_or_split_is_invalid() {
    type Edit = fn(&mut WindowForm);
    let cursors = "has one of `cursor` and `cursor_for` without the other";
    for (edit, expected) in [
        ((|it| it.cursor = Some("t".to_owned())) as Edit, cursors),
        (|it| it.cursor_for = Some("r".to_owned()), cursors),
        (
            |it| it.unsent_after = Some(0),
            "has `unsent_after` without `cursor`",
        ),
        (
            |it| it.split_delivered = Delivered::After,
            "has `split_delivered` without `split_at`",
        ),
    ] {
        assert_eq!(refused(Status::Ready, edit), expected);
    }
}

#[test]
fn contradictory_numbers_and_times_are_invalid() {
    type Edit = fn(&mut WindowForm);
    for (edit, expected) in [
        (
            (|it| it.to = it.from) as Edit,
            "it does not end after it starts",
        ),
        (|it| it.epoch = 0, "`epoch` is 0"),
        (|it| it.attempts = 1, "more `attempts` than `runs`"),
        (|it| it.overruns = 1, "more `overruns` than `runs`"),
        (
            |it| it.restarts_forgiven = 1,
            "more `restarts_forgiven` than `restarts`",
        ),
        (
            |it| (it.cursor, it.cursor_for) = (Some("t".to_owned()), Some("r".to_owned())),
            "a `cursor` before the first `page`",
        ),
        (
            |it| {
                (it.cursor, it.cursor_for) = (Some("t".to_owned()), Some("r".to_owned()));
                (it.page, it.unsent_after) = (1, Some(1));
            },
            "`unsent_after` is of a later run",
        ),
        (
            |it| it.split_at = Some(it.from),
            "`split_at` is not inside the window",
        ),
        (
            |it| it.split_at = Some(it.to),
            "`split_at` is not inside the window",
        ),
        (
            |it| {
                it.lane = "sweep-1".parse().unwrap();
                it.split_at = Some(it.from.plus_ms(1));
            },
            "`split_at` in the window of a sweep",
        ),
        (
            |it| (it.oldest, it.newest) = (Some(it.to), Some(it.from)),
            "`oldest` is after `newest`",
        ),
        (
            |it| it.slowest_page_ms = -1,
            "`slowest_page_ms` is negative",
        ),
    ] {
        let expected = format!("contradicts itself: {expected}");
        assert_eq!(refused(Status::Ready, edit), expected);
    }
}

#[test]
fn every_stored_attribute_is_described_once() {
    let mut names = std::collections::BTreeSet::new();
    for attribute in WindowForm::ATTRIBUTES {
        assert!(names.insert(attribute.name), "{}", attribute.name);
        assert!(
            attribute.meaning.trim().ends_with('.'),
            "{}",
            attribute.name
        );
    }
    let json = serde_json::to_value(form(Status::Ready)).unwrap();
    let stored: Vec<_> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(stored, names.into_iter().collect::<Vec<_>>());
}

#[test]
fn presence_follows_type_and_default() {
    let of = |name: &str| {
        let found = WindowForm::ATTRIBUTES.iter().find(|it| it.name == name);
        found.unwrap().presence
    };
    assert_eq!(of("page"), Presence::Always);
    assert_eq!(of("cursor"), Presence::Optional);
    assert_eq!(of("overruns"), Presence::Sparse);
}
