//! `windlass windows` and `windlass show`: the ledger, and one window in full.

use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::ids::WindowId;
use windlass_core::system::SystemClock;
use windlass_core::window::Window;
use windlass_core::{Span, Timestamp};
use windlass_orchestrator::read_source;
use windlass_state::StateStore;

use crate::args::WindowsArgs;
use crate::exit_code::{ExitCode, UsageError};
use crate::output::{Output, duration, grouped, lines, table, time};
use crate::state::Purpose;
use crate::target::Target;

/// Windows read from the ledger at once.
const READ_AT_ONCE: usize = 10_000;

/// Lists a source's windows.
pub(crate) async fn windows(
    target: &Target,
    args: &WindowsArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let found = target.state(Purpose::Look).await?;
    let record = found.source(&args.source).await?;
    let store = found.store;
    let span = Span::new(
        args.from.unwrap_or(Timestamp::MIN),
        args.to.unwrap_or(Timestamp::MAX),
    )
    .map_err(|error| UsageError(error.to_string()))?;
    let mut found = Vec::new();
    for lane in read_source(&store, record, SystemClock.now()).await?.lanes {
        let mut of_lane = Vec::new();
        let mut from = span.from();
        while let Ok(rest) = Span::new(from, span.to()) {
            let read = store
                .history(&lane.progress.timeline, rest, READ_AT_ONCE)
                .await?;
            let Some(last) = read.last() else { break };
            from = last.id.from.plus_ms(1);
            let wanted = |window: &Window| args.status.is_none_or(|status| window.status == status);
            of_lane.extend(read.into_iter().filter(wanted));
            of_lane = latest(of_lane, args.limit);
        }
        found.extend(of_lane);
    }
    let found = latest(found, args.limit);
    let json = Value::Array(found.iter().map(to_json).collect());
    output.result(&json, || list(&found))?;
    Ok(ExitCode::Success)
}

/// The `limit` of `windows` that start last, in the order of their starts, whatever their lanes.
fn latest(mut windows: Vec<Window>, limit: usize) -> Vec<Window> {
    windows.sort_by(|a, b| (a.id.from, &a.id.timeline).cmp(&(b.id.from, &b.id.timeline)));
    windows.drain(..windows.len().saturating_sub(limit));
    windows
}

/// Shows one window.
pub(crate) async fn show(target: &Target, id: &str, output: Output) -> anyhow::Result<ExitCode> {
    let id: WindowId = id.parse().map_err(|error| UsageError(format!("{error}")))?;
    let store = target.state(Purpose::Look).await?.store;
    let Some(window) = store.window(&id).await? else {
        return Err(UsageError(format!("there is no window {id}")).into());
    };
    output.result(&to_json(&window), || full(&window))?;
    Ok(ExitCode::Success)
}

fn list(windows: &[Window]) -> String {
    if windows.is_empty() {
        return "there are no such windows\n".to_owned();
    }
    let mut table = table([
        "window",
        "to",
        "status",
        "pages",
        "records",
        "tries",
        "took",
        "last error",
    ]);
    for window in windows {
        table.add_row([
            window.id.to_string(),
            time(window.to),
            window.status.to_string(),
            window.page.to_string(),
            grouped(window.records),
            window.runs.to_string(),
            window.done_at.map_or_else(
                || "-".to_owned(),
                |done| duration(done.ms_since(window.created_at)),
            ),
            window.last_error.clone().unwrap_or_default(),
        ]);
    }
    lines(&table)
}

fn full(window: &Window) -> String {
    let mut text = String::new();
    for (name, value) in fields(window) {
        let value = match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        text.push_str(&format!("{name:<18} {value}\n"));
    }
    text
}

fn to_json(window: &Window) -> Value {
    let fields = fields(window).into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// A window's fields in the order in which they are shown.
fn fields(window: &Window) -> Vec<(&'static str, Value)> {
    vec![
        ("window", json!(window.id.to_string())),
        ("from", json!(window.id.from)),
        ("to", json!(window.to)),
        ("status", json!(window.status)),
        ("epoch", json!(window.epoch)),
        ("owner", json!(window.owner)),
        ("lease_until", json!(window.lease_until)),
        ("page", json!(window.page)),
        (
            "cursor",
            json!(window.cursor.as_ref().map(|cursor| &cursor.token)),
        ),
        (
            "cursor_for",
            json!(window.cursor.as_ref().map(|cursor| &cursor.request)),
        ),
        ("sink_position", json!(window.sink_position)),
        ("records", json!(window.records)),
        ("bytes", json!(window.bytes)),
        ("rejected", json!(window.rejected)),
        ("known", json!(window.known)),
        ("oldest", json!(window.oldest)),
        ("newest", json!(window.newest)),
        ("ordered", json!(window.ordered)),
        ("remembered", json!(window.remembered)),
        ("runs", json!(window.runs)),
        ("overruns", json!(window.overruns)),
        ("attempts", json!(window.attempts)),
        ("setbacks", json!(window.setbacks)),
        ("restarts", json!(window.restarts)),
        ("not_before", json!(window.not_before)),
        ("split_at", json!(window.split_at)),
        ("split_delivered", json!(window.split_delivered)),
        ("slowest_page_ms", json!(window.slowest_page_ms)),
        ("last_error", json!(window.last_error)),
        ("created_at", json!(window.created_at)),
        ("updated_at", json!(window.updated_at)),
        ("done_at", json!(window.done_at)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_shown_from_its_name_to_its_end() {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00.000Z";
        let window = Window::new(id.parse().unwrap(), Timestamp::MAX, Timestamp::MIN).unwrap();
        let text = full(&window);
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(names[..4], ["window", "from", "to", "status"]);
        assert_eq!(names.last(), Some(&"done_at"));
    }

    #[test]
    fn a_list_without_windows_says_so_instead_of_showing_a_header_alone() {
        assert_eq!(list(&[]), "there are no such windows\n");
    }

    #[test]
    fn the_latest_windows_are_the_ones_that_start_last_in_whatever_lane() {
        let window = |lane: &str, day: u8| {
            let id = format!("okta/0123456789ab/{lane}/2026-01-{day:02}T00:00:00.000Z");
            Window::new(id.parse().unwrap(), Timestamp::MAX, Timestamp::MIN).unwrap()
        };
        let windows = vec![
            window("live", 3),
            window("live", 4),
            window("backfill-older", 1),
            window("backfill-older", 2),
        ];
        let days = |limit| -> Vec<String> {
            latest(windows.clone(), limit)
                .iter()
                .map(|window| window.id.from.to_string()[8..10].to_owned())
                .collect()
        };
        assert_eq!(days(4), ["01", "02", "03", "04"]);
        assert_eq!(days(2), ["03", "04"]);
        assert!(days(0).is_empty());
    }
}
