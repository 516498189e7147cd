//! `windlass check`: validates a configuration before a pull, and fetches one live page of a source
//! on request.

use std::sync::Arc;

use serde_json::json;
use windlass_connectors::Next;
use windlass_connectors::connector::{Connector, Page};
use windlass_core::clock::{Clock, Entropy};
use windlass_core::creation::settled_edge;
use windlass_core::duration::Exact;
use windlass_core::retry::FailureClass;
use windlass_core::source::SourceDefinition;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::{Span, Timestamp};

use crate::config::Source;
use crate::exit_code::ExitCode;
use crate::local::LocalAdapterFactory;
use crate::output::{Output, grouped, second, time};
use crate::target::Target;

/// Validates the configuration; with a source, fetches one page from its vendor and shows its
/// shape. Never prints record contents.
pub(crate) async fn check(
    target: &Target,
    source: Option<&str>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = Arc::new(target.config()?);
    let now = SystemClock.now();
    let Some(name) = source else {
        let sources: Vec<_> = config.sources.values().map(describe).collect();
        output.result(&json!({ "ok": true, "sources": sources }), || {
            let mut text = String::new();
            for source in config.sources.values() {
                text.push_str(&line(source));
                text.extend(before_retention(source, now).map(|hint| format!("  {hint}\n")));
            }
            text.push_str(
                "the configuration is valid; `windlass check SOURCE` fetches one page from its \
                 vendor\n",
            );
            text
        })?;
        return Ok(ExitCode::Success);
    };
    let source = config.source(name)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let factory = LocalAdapterFactory::build(
        &config,
        Some(&source.definition.name),
        None,
        (&clock, &entropy),
    )
    .await?;
    if let Err(error) = factory.sinks().open(&source.definition.sink).await {
        return refused(name, &error, ExitCode::Blocked, output);
    }
    let client = factory.client(&source.definition.name).await?;
    let span = latest_span(source, clock.now())?;
    match client.fetch(span, None).await {
        Ok(mut page) => {
            let shape = Shape::of(client.connector(), &mut page);
            let json = json!({
                "ok": true,
                "asked": span,
                "records": shape.records,
                "with_id": shape.with_id,
                "with_time": shape.with_time,
                "bytes": page.body_bytes,
                "more_pages": page.next.token().is_some(),
                "end": page.next.end().map(ToString::to_string),
                "hints": shape.hints(),
            });
            output.result(&json, || {
                let mut text = shape.text(span, &page);
                text.extend(before_retention(source, now).map(|hint| format!("{hint}\n")));
                text
            })?;
            Ok(ExitCode::Success)
        }
        Err(failure) => {
            let code = if failure.class == FailureClass::Block {
                ExitCode::Blocked
            } else {
                ExitCode::Unexpected
            };
            refused(name, &failure, code, output)
        }
    }
}

/// Reports the `problem` of the source `name`, and returns `code`.
fn refused(
    name: &str,
    problem: &dyn std::fmt::Display,
    code: ExitCode,
    output: Output,
) -> anyhow::Result<ExitCode> {
    if output.is_json() {
        let json = json!({ "ok": false, "problem": problem.to_string() });
        output.result(&json, String::new)?;
    } else {
        Output::error(&format!("{name}: {problem}"));
    }
    Ok(code)
}

/// The latest settled window that a run would create.
fn latest_span(source: &Source, now: Timestamp) -> anyhow::Result<Span> {
    let definition = &source.definition;
    let edge = settled_edge(&definition.policy, now);
    let to = definition.end.map_or(edge, |end| end.min(edge));
    let from = to
        .minus_ms(definition.policy.initial_ms)
        .max(definition.start);
    Span::new(from, to).map_err(|_| {
        crate::exit_code::UsageError(format!(
            "source {}: no settled time to read yet: `start` is {}, and settled time ends at {}",
            definition.name,
            time(definition.start),
            second(to)
        ))
        .into()
    })
}

/// The time of `source` that its vendor no longer keeps; `None` without any.
fn before_retention(source: &Source, now: Timestamp) -> Option<String> {
    let SourceDefinition { start, policy, .. } = &source.definition;
    let kept_ms = policy.max_lookback_ms?;
    let from = now.minus_ms(kept_ms);
    (*start < from).then(|| {
        format!(
            "`start` {} is older than the vendor's retention, {}: time before {} is unavailable",
            time(*start),
            Exact(kept_ms),
            second(from)
        )
    })
}

fn describe(source: &Source) -> serde_json::Value {
    let definition = &source.definition;
    json!({
        "source": definition.name.as_str(),
        "connector": source.connector.name(),
        "origin": source.connector.origin().to_string(),
        "generation": definition.generation.as_str(),
        "start": definition.start,
        "end": definition.end,
        "settle_ms": definition.policy.settle_ms,
        "sink": definition.sink,
    })
}

fn line(source: &Source) -> String {
    let definition = &source.definition;
    format!(
        "{}: {} at {}, since {}, settles after {}, to `{}`\n",
        definition.name,
        source.connector.name(),
        source.connector.origin(),
        time(definition.start),
        Exact(definition.policy.settle_ms),
        definition.sink
    )
}

/// The common shape of a page's records, without any content.
#[derive(Debug, Clone, Copy)]
struct Shape {
    records: usize,
    /// Records with an id; `None` if the manifest declares none.
    with_id: Option<usize>,
    /// Records with a time; `None` if the manifest declares none.
    with_time: Option<usize>,
}

impl Shape {
    /// Counts the records of `page`, and removes them from it.
    fn of(connector: &Connector, page: &mut Page) -> Self {
        let mut shape = Self {
            records: 0,
            with_id: connector.reads_ids().then_some(0),
            with_time: connector.reads_times().then_some(0),
        };
        let mut records = std::mem::take(&mut page.records);
        loop {
            shape.records += records.len();
            for record in &records {
                let (id, time) = (record.id.is_some(), record.time.is_some());
                shape.with_id = shape.with_id.map(|count| count + usize::from(id));
                shape.with_time = shape.with_time.map(|count| count + usize::from(time));
            }
            match connector.more(&mut page.rest) {
                Some(piece) => records = piece.records,
                None => return shape,
            }
        }
    }

    /// Probable errors in the manifest, when no record has the expected fields.
    fn hints(self) -> Vec<&'static str> {
        let mut hints = Vec::new();
        if self.records > 0 && self.with_id == Some(0) {
            hints.push("no record has an id at `records.id`; correct its paths");
        }
        if self.records > 0 && self.with_time == Some(0) {
            hints.push("no record has a time at `records.time`; correct its path");
        }
        hints
    }

    fn text(self, span: Span, page: &Page) -> String {
        let of = |what: &str, count: Option<usize>| match count {
            Some(count) => format!("{count} with {what}"),
            None => format!("no {what} declared"),
        };
        let mut text = format!(
            "{} to {}: {} records ({}, {}), {} bytes; {}\n",
            time(span.from()),
            time(span.to()),
            grouped(self.records as u64),
            of("id", self.with_id),
            of("time", self.with_time),
            grouped(page.body_bytes),
            match &page.next {
                Next::Page(_) => "more pages follow".to_owned(),
                Next::End(end) => format!("last page: {end}"),
            },
        );
        for hint in self.hints() {
            text.push_str(&format!("{hint}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_path_without_match_is_named() {
        let shape = |records, with_id, with_time| Shape {
            records,
            with_id,
            with_time,
        };
        assert_eq!(shape(0, Some(0), Some(0)).hints(), [""; 0]);
        assert_eq!(shape(2, Some(1), Some(1)).hints(), [""; 0]);
        assert_eq!(shape(2, None, None).hints(), [""; 0]);
        let hints = shape(2, Some(0), Some(0)).hints().join("\n");
        assert!(hints.contains("`records.id`") && hints.contains("`records.time`"));
    }
}
