//! The list of windows: grouped by lane and 80 columns wide on a terminal; elsewhere one line per
//! window that begins with its id, for `grep` and `xargs`.

use std::collections::BTreeMap;

use windlass_core::Timestamp;
use windlass_core::ids::{Lane, Timeline};
use windlass_core::window::{Status, Window};

use crate::output::{grouped, lines, second, span, table, wrapped};

/// Default number of columns of a terminal.
const WIDTH: usize = 80;
/// Indent of a line that belongs to the window above it.
const INDENT: &str = "  ";

/// `windows` for people.
pub(super) fn text(windows: &[Window], on_terminal: bool, now: Timestamp) -> String {
    match windows {
        [] => "no matching windows\n".to_owned(),
        _ if on_terminal => by_lane(windows, now),
        _ => line_by_line(windows, now),
    }
}

fn by_lane(windows: &[Window], now: Timestamp) -> String {
    let mut lanes: BTreeMap<&Timeline, Vec<&Window>> = BTreeMap::new();
    for window in windows {
        lanes.entry(&window.id().timeline).or_default().push(window);
    }
    let lanes = lanes
        .into_iter()
        .map(|(timeline, windows)| lane(timeline, &windows, now));
    lanes.collect::<Vec<_>>().join("\n")
}

fn lane(timeline: &Timeline, windows: &[&Window], now: Timestamp) -> String {
    // A sweep delivers only late-arriving records.
    let records = match timeline.lane {
        Lane::Sweep(_) => "late",
        Lane::Live | Lane::Backfill(_) => "records",
    };
    let header = ["width", "status", "pages", records, "runs", "took"];
    let mut text = format!("{timeline}/\n");
    text.push_str(&row("from", &header.map(str::to_owned)));
    for window in windows {
        text.push_str(&row(&window.id().from.to_string(), &cells(window)));
        if let Some(problem) = problem(window, now) {
            text.push_str(&format!("{INDENT}{}\n", window.id()));
            text.push_str(&wrapped(&problem, INDENT, WIDTH));
        }
    }
    text
}

fn row(first: &str, [width, status, pages, records, runs, took]: &[String; 6]) -> String {
    format!(
        "{first:<24}  {width:>7}  {status:<10}  {pages:>6}  {records:>10}  {runs:>4}  {took:>7}\n"
    )
}

fn line_by_line(windows: &[Window], now: Timestamp) -> String {
    let mut table = table([
        "window", "width", "status", "pages", "records", "runs", "took", "",
    ]);
    for window in windows {
        let [width, status, pages, records, runs, took] = cells(window);
        // One window, one line.
        let problem = problem(window, now).unwrap_or_default().replace('\n', " ");
        let id = window.id().to_string();
        table.add_row([id, width, status, pages, records, runs, took, problem]);
    }
    lines(&table)
}

/// Width, status, pages, records, runs, and duration.
fn cells(window: &Window) -> [String; 6] {
    let took = window
        .done_at()
        .map(|done| done.ms_since(window.created_at()));
    [
        span(window.to().ms_since(window.id().from)),
        window.status().to_string(),
        grouped(window.page()),
        grouped(window.records()),
        window.runs().to_string(),
        took.map_or_else(|| "-".to_owned(), span),
    ]
}

/// The wait or the failure of an unfinished window; `None` without any. A recovered window keeps
/// its last error, which no longer applies.
fn problem(window: &Window, now: Timestamp) -> Option<String> {
    if !window.is_unfinished() {
        return None;
    }
    let error = window.last_error();
    if window.status() == Status::Parked {
        let reason = format!("parked: {}", error.unwrap_or("no reason stored"));
        return Some(match window.tried_again_at() {
            Some(at) => format!("{reason}; next retry at {}", second(at)),
            None => reason,
        });
    }
    // A run in progress has not failed yet.
    let attempts = window
        .attempts()
        .saturating_sub(u32::from(window.status() == Status::Running));
    let fails = window.setbacks() > 0 || attempts > 0 || window.is_suspect();
    match (window.waits_until(now), error) {
        (Some(until), Some(error)) => Some(format!("waits until {}: {error}", second(until))),
        (Some(until), None) => Some(format!("waits until {}", second(until))),
        (None, Some(error)) if fails => Some(format!("last error: {error}")),
        (None, _) => None,
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
