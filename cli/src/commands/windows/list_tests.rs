use super::*;
use crate::testing::at;

fn window(lane: &str, from: &str) -> Window {
    let id = format!("sample-login/0123456789ab/{lane}/{from}.000Z");
    let id: windlass_core::ids::WindowId = id.parse().unwrap();
    let to = id.from.plus_ms(3_600_000);
    Window::new(id, to, at(0)).unwrap()
}

/// One window of each kind of row.
fn ledger() -> Vec<Window> {
    let waiting = window("live", "2026-01-01T00:00:00").with(|form| {
        form.not_before = Some(at(70).plus_ms(417));
        form.last_error = Some("sample_vendor returned HTTP 500".to_owned());
        form.runs = 2;
        form.setbacks = 2;
    });
    let done = window("live", "2026-01-01T01:00:00").with(|form| {
        form.status = Status::Done;
        form.page = 17;
        form.records = 3_336;
        form.runs = 1;
        form.done_at = Some(at(0).plus_ms(723_000));
        // It has recovered.
        form.last_error = Some("sample_vendor returned HTTP 500".to_owned());
    });
    let parked = window("live", "2026-01-01T02:00:00").with(|form| {
        form.status = Status::Parked;
        form.page = 12_345;
        form.records = 12_345_678;
        form.runs = 1_234;
        form.last_error = Some(format!(
            "page 3 cannot be read: {}",
            "nothing but noise ".repeat(6)
        ));
    });
    let running = window("live", "2026-01-01T03:00:00").with(|form| {
        form.status = Status::Running;
        form.page = 2;
        form.records = 400;
        form.runs = 2;
        form.attempts = 1;
        form.last_error = Some("it went on after this".to_owned());
    });
    let failing = window("live", "2026-01-01T04:00:00").with(|form| {
        form.status = Status::Dispatched;
        form.runs = 1;
        form.attempts = 1;
        form.last_error = Some("the worker stopped without a word".to_owned());
        form.to = at(4 * 60).plus_ms(500);
    });
    let late = window("sweep-1", "2026-01-01T01:00:00").with(|form| {
        form.status = Status::Done;
        form.page = 17;
        form.records = 3;
        form.runs = 1;
        form.done_at = Some(at(0).plus_ms(20));
    });
    let shared =
        window("sweep-1", "2026-01-01T02:00:00").with(|form| form.not_before = Some(at(61)));
    vec![waiting, done, late, parked, shared, running, failing]
}

#[test]
fn terminal_list_groups_by_lane_within_80_columns() {
    let text = text(&ledger(), true, at(60));
    insta::assert_snapshot!(text);
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert_eq!(widest, Some(80));
}

#[test]
fn piped_list_has_one_window_per_line() {
    let windows = ledger();
    let text = text(&windows, false, at(60));
    insta::assert_snapshot!(text);
    let named: Vec<_> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .collect();
    let ids: Vec<_> = windows.iter().map(|it| it.id().to_string()).collect();
    assert_eq!(named, ids);
}

#[test]
fn empty_list_shows_message_without_header() {
    for on_terminal in [true, false] {
        assert_eq!(text(&[], on_terminal, at(0)), "no matching windows\n");
    }
}
