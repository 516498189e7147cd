//! The part of `windlass status --json` that tests use.

use anyhow::Context;
use serde_json::Value;
use windlass_core::time::Timestamp;

/// The entry of one source in the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// The state of the source.
    pub state: String,
    /// The watermark of the source.
    pub complete_through: Timestamp,
    /// Number of parked windows.
    pub holes: u64,
    /// The reason of the block; `None` unless it is blocked.
    pub problem: Option<String>,
}

impl SourceStatus {
    /// Parses the entry of `source` from
    /// `{"sources": [{"source", "state", "complete_through", "holes", "problem"}, ...]}`. Ignores
    /// other members.
    pub fn read(json: &str, source: &str) -> anyhow::Result<Self> {
        let status: Value = serde_json::from_str(json).context("the status is not JSON")?;
        let entry = status
            .get("sources")
            .and_then(Value::as_array)
            .context("the status has no list `sources`")?
            .iter()
            .find(|entry| entry.get("source").and_then(Value::as_str) == Some(source))
            .with_context(|| format!("the status has no source {source}"))?;
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            state: text("state").context("no state")?,
            complete_through: text("complete_through")
                .context("no complete_through")?
                .parse()?,
            holes: entry
                .get("holes")
                .and_then(Value::as_u64)
                .context("no number of holes")?,
            problem: text("problem"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_entry_is_found_by_name() {
        let json = r#"{"sources":[
            {"source":"a","state":"finished","complete_through":"2026-01-01T00:00:00.000Z",
             "holes":0,"problem":null},
            {"source":"b","state":"blocked","complete_through":"2026-01-02T00:00:00.000Z",
             "holes":2,"problem":"refused"}]}"#;
        let status = SourceStatus::read(json, "b").unwrap();
        assert_eq!(
            status.complete_through.to_string(),
            "2026-01-02T00:00:00.000Z"
        );
        assert_eq!((status.state.as_str(), status.holes), ("blocked", 2));
        assert_eq!(status.problem.as_deref(), Some("refused"));
        assert_eq!(SourceStatus::read(json, "a").unwrap().problem, None);
        assert!(SourceStatus::read(json, "c").is_err());
    }
}
