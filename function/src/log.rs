//! The log of a function: JSON lines with a `level`, as its log configuration expects.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The log filter if `WINDLASS_LOG` is not set.
const FILTER: &str = "info";

/// Starts the log, filtered by `WINDLASS_LOG`: `info` if it is not set. An invalid filter is
/// logged, and `info` applies.
pub(crate) fn start() {
    let asked = std::env::var("WINDLASS_LOG").unwrap_or_default();
    let asked = if asked.is_empty() { FILTER } else { &asked };
    let filter = EnvFilter::try_new(asked);
    let problem = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(FILTER));
    let lines = json_lines(filter, std::io::stdout);
    // Fails only after an earlier start, whose log then stays.
    if tracing::subscriber::set_global_default(lines).is_err() {
        tracing::warn!("the log was already started");
    }
    if let Some(problem) = problem {
        tracing::warn!(asked, problem, "WINDLASS_LOG is not a log filter");
    }
}

/// A log of JSON lines, each with the innermost of its spans under `span`.
pub fn json_lines<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

#[cfg(test)]
mod tests {
    use crate::testing::LogLines;

    #[test]
    fn line_has_level_fields_and_innermost_span() {
        let lines = LogLines::default();
        let log = lines.start("info");
        let outer = tracing::error_span!("outer", number = 1);
        outer.in_scope(|| {
            let inner = tracing::error_span!("inner", number = 2);
            inner.in_scope(|| tracing::info!(pages = 3, "done"));
            tracing::debug!("left out");
        });
        drop(log);
        let lines = lines.take();
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(
            (&line["level"], &line["message"]),
            (&"INFO".into(), &"done".into())
        );
        assert_eq!(line["pages"], 3);
        let inner = serde_json::json!({ "name": "inner", "number": 2 });
        assert_eq!(line["span"], inner);
    }
}
