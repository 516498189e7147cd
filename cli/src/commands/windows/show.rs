//! One window in full, for people and for scripts.

use serde_json::{Value, json};
use windlass_core::ids::WindowId;
use windlass_core::source::Blocked;
use windlass_core::window::{Window, WindowForm};
use windlass_state::StateStore;

use crate::exit_code::{ExitCode, UsageError};
use crate::output::{Output, printable, second, time};
use crate::state::Purpose;
use crate::target::Target;

/// Shows one window.
pub(crate) async fn show(target: &Target, id: &str, output: Output) -> anyhow::Result<ExitCode> {
    let id: WindowId = id.parse().map_err(|error| UsageError(format!("{error}")))?;
    let store = target.state(Purpose::Look).await?.store;
    let Some(window) = store.window(&id).await? else {
        return Err(UsageError(format!("unknown window {id}")).into());
    };
    let blocked = if window.is_unfinished() {
        let record = store.named(&id.timeline.source).await?;
        record.and_then(|it| it.blocked)
    } else {
        None
    };
    output.result(&to_json(&window), || {
        full(&window) + &block(blocked.as_ref())
    })?;
    Ok(ExitCode::Success)
}

/// The block of the window's source as a further line; empty if it runs.
fn block(blocked: Option<&Blocked>) -> String {
    let line = |it: &Blocked| {
        let (since, reason) = (second(it.since), printable(&it.reason));
        format!("{:<18} since {since}: {reason}\n", "source blocked")
    };
    blocked.map(line).unwrap_or_default()
}

/// The attributes as text, each on a line of its own.
fn full(window: &Window) -> String {
    let form = to_json(window);
    let mut text = format!("{:<18} {}\n", "window", window.id());
    for attribute in WindowForm::ATTRIBUTES {
        let value = form.get(attribute.name).unwrap_or(&Value::Null);
        text.push_str(&format!(
            "{:<18} {}\n",
            attribute.name,
            plain(value, attribute.is_time())
        ));
    }
    text
}

/// The stored form, with the name of the window and with empty attributes as `null`.
pub(super) fn to_json(window: &Window) -> Value {
    let mut form = json!(WindowForm::from(window.clone()));
    form["window"] = json!(window.id().to_string());
    form
}

/// `value` without quotes, and an instant without the milliseconds that it does not have.
fn plain(value: &Value, is_time: bool) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if is_time => text.parse().map_or_else(|_| text.clone(), time),
        Value::String(text) => printable(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::Timestamp;
    use windlass_core::source::BlockCause;

    use super::*;

    fn window() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00.000Z";
        let to = "2026-01-01T01:00:00.500Z".parse().unwrap();
        Window::new(id.parse().unwrap(), to, Timestamp::from_ms(0)).unwrap()
    }

    #[test]
    fn window_is_shown_whole() {
        let text = full(&window());
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        let attributes = WindowForm::ATTRIBUTES.iter().map(|it| it.name);
        let expected: Vec<_> = ["window"].into_iter().chain(attributes).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn only_text_omits_zero_milliseconds() {
        let text = full(&window());
        for line in [
            "window             okta/0123456789ab/live/2026-01-01T00:00:00.000Z",
            "from               2026-01-01T00:00:00Z",
            "to                 2026-01-01T01:00:00.500Z",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in:\n{text}"
            );
        }
        assert_eq!(to_json(&window())["from"], "2026-01-01T00:00:00.000Z");
        assert_eq!(to_json(&window())["done_at"], Value::Null);
    }

    #[test]
    fn blocked_source_is_shown_with_its_reason() {
        let since = Timestamp::from_ms(1_767_225_600_000);
        let reason = "sink `lake` is full: free some space".to_owned();
        let blocked = Blocked::new(reason, BlockCause::Local, since, since);
        assert_eq!(
            block(Some(&blocked)),
            "source blocked     since 2026-01-01T00:00:00Z: sink `lake` is full: free some space\n"
        );
        assert_eq!(block(None), "");
    }
}
