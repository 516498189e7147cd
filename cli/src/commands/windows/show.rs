//! One window in full, for people and for scripts.

use serde_json::{Value, json};
use windlass_core::Timestamp;
use windlass_core::ids::WindowId;
use windlass_core::window::Window;
use windlass_state::StateStore;

use crate::exit_code::{ExitCode, UsageError};
use crate::output::{Output, printable, time};
use crate::state::Purpose;
use crate::target::Target;

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

fn full(window: &Window) -> String {
    let mut text = String::new();
    for (name, field) in fields(window) {
        text.push_str(&format!("{name:<18} {}\n", field.text()));
    }
    text
}

pub(super) fn to_json(window: &Window) -> Value {
    let fields = fields(window).into_iter();
    fields
        .map(|(name, field)| (name.to_owned(), field.json()))
        .collect()
}

/// The type of a field.
enum Field {
    /// An instant, printed without zero milliseconds.
    At(Option<Timestamp>),
    Other(Value),
}

impl Field {
    fn json(self) -> Value {
        match self {
            Self::At(at) => json!(at),
            Self::Other(value) => value,
        }
    }

    fn text(self) -> String {
        match self {
            Self::At(Some(at)) => time(at),
            Self::At(None) | Self::Other(Value::Null) => "-".to_owned(),
            Self::Other(Value::String(text)) => printable(&text),
            Self::Other(other) => other.to_string(),
        }
    }
}

/// A window's fields in display order.
fn fields(window: &Window) -> Vec<(&'static str, Field)> {
    use Field::{At, Other};
    let cursor = window.cursor.as_ref();
    vec![
        ("window", Other(json!(window.id.to_string()))),
        ("from", At(Some(window.id.from))),
        ("to", At(Some(window.to))),
        ("status", Other(json!(window.status))),
        ("epoch", Other(json!(window.epoch))),
        ("owner", Other(json!(window.owner))),
        ("lease_until", At(window.lease_until)),
        ("page", Other(json!(window.page))),
        ("cursor", Other(json!(cursor.map(|cursor| &cursor.token)))),
        (
            "cursor_for",
            Other(json!(cursor.map(|cursor| &cursor.request))),
        ),
        ("sink_position", Other(json!(window.sink_position))),
        ("records", Other(json!(window.records))),
        ("bytes", Other(json!(window.bytes))),
        ("rejected", Other(json!(window.rejected))),
        ("known", Other(json!(window.known))),
        ("oldest", At(window.oldest)),
        ("newest", At(window.newest)),
        ("ordered", Other(json!(window.ordered))),
        ("remembered", Other(json!(window.remembered))),
        ("runs", Other(json!(window.runs))),
        ("overruns", Other(json!(window.overruns))),
        ("attempts", Other(json!(window.attempts))),
        ("deaths", Other(json!(window.deaths))),
        ("setbacks", Other(json!(window.setbacks))),
        ("restarts", Other(json!(window.restarts))),
        ("not_before", At(window.not_before)),
        ("split_at", At(window.split_at)),
        ("split_delivered", Other(json!(window.split_delivered))),
        ("slowest_page_ms", Other(json!(window.slowest_page_ms))),
        ("last_error", Other(json!(window.last_error))),
        ("created_at", At(Some(window.created_at))),
        ("updated_at", At(Some(window.updated_at))),
        ("done_at", At(window.done_at)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00.000Z";
        let to = "2026-01-01T01:00:00.500Z".parse().unwrap();
        Window::new(id.parse().unwrap(), to, Timestamp::from_ms(0)).unwrap()
    }

    #[test]
    fn a_window_is_shown_from_its_name_to_its_end() {
        let text = full(&window());
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(names[..4], ["window", "from", "to", "status"]);
        assert_eq!(names.last(), Some(&"done_at"));
    }

    #[test]
    fn people_read_no_milliseconds_that_are_not_there_and_scripts_always_do() {
        let text = full(&window());
        let lines: Vec<_> = text.lines().take(3).collect();
        assert_eq!(
            lines,
            [
                "window             okta/0123456789ab/live/2026-01-01T00:00:00.000Z",
                "from               2026-01-01T00:00:00Z",
                "to                 2026-01-01T01:00:00.500Z",
            ]
        );
        assert_eq!(to_json(&window())["from"], "2026-01-01T00:00:00.000Z");
        assert_eq!(to_json(&window())["done_at"], Value::Null);
    }
}
