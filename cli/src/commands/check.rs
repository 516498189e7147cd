//! `windlass check`: what is wrong with a configuration before anything is pulled, and one live
//! page of a source on request.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use windlass_connectors::connector::Page;
use windlass_core::carve::settled_edge;
use windlass_core::clock::{Clock, Entropy};
use windlass_core::retry::FailureClass;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::{Span, Timestamp};

use crate::config::{Config, Source};
use crate::exit_code::ExitCode;
use crate::local::LocalOutfit;
use crate::output::{Output, duration, grouped};

/// Validates the configuration; with a source, asks its vendor for one page and shows its shape.
/// Record contents are never printed.
pub(crate) async fn check(
    path: &Path,
    source: Option<&str>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    let Some(name) = source else {
        let sources: Vec<_> = config.sources.values().map(describe).collect();
        output.result(&json!({ "ok": true, "sources": sources }), || {
            let mut text = String::new();
            for source in config.sources.values() {
                text.push_str(&line(source));
            }
            text.push_str("the configuration is valid; `windlass check SOURCE` asks its vendor\n");
            text
        })?;
        return Ok(ExitCode::Success);
    };
    let source = config.source(name)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let outfit = LocalOutfit::build(&config, &clock, &entropy)?;
    let Some(client) = outfit.client(&source.definition.name) else {
        output.note(&format!("{name} is paused"));
        return Ok(ExitCode::Success);
    };
    let span = latest_span(source, clock.now())?;
    match client.fetch(span, None).await {
        Ok(page) => {
            let json = json!({
                "ok": true,
                "asked": span,
                "records": page.records.len(),
                "with_id": page.records.iter().filter(|record| record.id.is_some()).count(),
                "with_time": page.records.iter().filter(|record| record.time.is_some()).count(),
                "bytes": page.body_bytes,
                "more_pages": page.next.is_some(),
            });
            output.result(&json, || shape(span, &page))?;
            Ok(ExitCode::Success)
        }
        Err(failure) => {
            output.result(
                &json!({ "ok": false, "problem": failure.to_string() }),
                || format!("{name}: {failure}\n"),
            )?;
            let refused = failure.class == FailureClass::Block;
            Ok(if refused {
                ExitCode::Blocked
            } else {
                ExitCode::Unexpected
            })
        }
    }
}

/// The latest settled window that a run would carve.
fn latest_span(source: &Source, now: Timestamp) -> anyhow::Result<Span> {
    let definition = &source.definition;
    let edge = settled_edge(&definition.policy, now);
    let to = definition.end.map_or(edge, |end| end.min(edge));
    let from = to
        .minus_ms(definition.policy.initial_ms)
        .max(definition.start);
    Span::new(from, to).map_err(|_| {
        crate::exit_code::UsageError(format!(
            "{}: nothing is settled yet: start is {} and settled time ends at {to}",
            definition.name, definition.start
        ))
        .into()
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
        definition.start,
        duration(definition.policy.settle_ms),
        definition.sink
    )
}

fn shape(span: Span, page: &Page) -> String {
    let with_id = page
        .records
        .iter()
        .filter(|record| record.id.is_some())
        .count();
    let with_time = page
        .records
        .iter()
        .filter(|record| record.time.is_some())
        .count();
    format!(
        "asked for {} to {}: {} records ({with_id} with an id, {with_time} with a time) in {} bytes, {}\n",
        span.from(),
        span.to(),
        page.records.len(),
        grouped(page.body_bytes),
        if page.next.is_some() {
            "and there are more pages"
        } else {
            "and that is all"
        },
    )
}
