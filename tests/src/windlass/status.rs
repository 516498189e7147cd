//! What `windlass status --json` says, as far as tests ask.

use anyhow::Context;
use serde_json::Value;
use windlass_core::time::Timestamp;

/// One source's line of the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// Everything before it is delivered.
    pub complete_through: Timestamp,
    /// Parked windows.
    pub holes: u64,
    /// Why it does not run.
    pub blocked: Option<String>,
}

impl SourceStatus {
    /// Reads the entry of `source` from `{"sources": [{"source", "complete_through", "holes",
    /// "blocked"}, ...]}`. Other members are none of the tests' business.
    pub fn read(json: &str, source: &str) -> anyhow::Result<Self> {
        let status: Value = serde_json::from_str(json).context("the status is not JSON")?;
        let entries = status.get("sources").and_then(Value::as_array);
        let entry = entries
            .context("the status has no list `sources`")?
            .iter()
            .find(|entry| entry.get("source").and_then(Value::as_str) == Some(source))
            .with_context(|| format!("the status has no source {source}"))?;
        let complete_through = entry.get("complete_through").and_then(Value::as_str);
        Ok(Self {
            complete_through: complete_through.context("no complete_through")?.parse()?,
            holes: entry
                .get("holes")
                .and_then(Value::as_u64)
                .context("no number of holes")?,
            blocked: match entry.get("blocked") {
                None | Some(Value::Null) => None,
                Some(Value::String(reason)) => Some(reason.clone()),
                Some(other) => Some(other.to_string()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_a_source_is_found_by_name() {
        let json = r#"{"sources":[
            {"source":"a","complete_through":"2026-01-01T00:00:00.000Z","holes":0,"blocked":null},
            {"source":"b","complete_through":"2026-01-02T00:00:00.000Z","holes":2,
             "blocked":{"reason":"no","since":"2026-01-02T00:00:00.000Z"}}]}"#;
        let status = SourceStatus::read(json, "b").unwrap();
        assert_eq!(
            status.complete_through.to_string(),
            "2026-01-02T00:00:00.000Z"
        );
        assert_eq!(status.holes, 2);
        assert!(status.blocked.unwrap().contains("no"));
        assert_eq!(SourceStatus::read(json, "a").unwrap().blocked, None);
        assert!(SourceStatus::read(json, "c").is_err());
    }
}
