//! `windlass connectors`: the connectors, their parameters and secrets, and the defaults of their
//! sources.

use serde_json::{Value, json};
use windlass_connectors::manifest::Manifest;
use windlass_connectors::manifest::request::Override;
use windlass_connectors::manifest::text::Millis;
use windlass_connectors::registry::{self, RegistryError};
use windlass_core::duration::Exact;

use crate::exit_code::{ExitCode, UsageError};
use crate::manifests;
use crate::output::{Output, lines, table};

/// Lists the built-in connectors, or describes one.
pub(crate) fn connectors(name: Option<&str>, output: Output) -> anyhow::Result<ExitCode> {
    if let Some(name) = name {
        let manifest = find(name)?;
        output.result(&to_json(&manifest), || text(&manifest))?;
    } else {
        list(output)?;
    }
    Ok(ExitCode::Success)
}

fn find(name: &str) -> anyhow::Result<Manifest> {
    manifests::find(name).map_err(|error| match error {
        RegistryError::Invalid(error) => error.into(),
        other => UsageError(other.to_string()).into(),
    })
}

fn list(output: Output) -> anyhow::Result<()> {
    let manifests: Vec<Manifest> = registry::names().map(find).collect::<Result<_, _>>()?;
    let json = manifests
        .iter()
        .map(|manifest| json!({ "connector": manifest.connector, "title": manifest.title }))
        .collect();
    output.result(&json, || {
        let mut table = table(["connector", "pulls"]);
        for manifest in &manifests {
            table.add_row([manifest.connector.as_str(), manifest.title.as_str()]);
        }
        lines(&table)
    })
}

fn to_json(manifest: &Manifest) -> Value {
    let window = &manifest.window;
    let ms = |value: Option<Millis>| value.map(|Millis(ms)| ms);
    let param = |(name, param): (&String, &windlass_connectors::manifest::request::Param)| {
        json!({
            "name": name,
            "about": param.about,
            "default": param.default,
            "values": param.values,
        })
    };
    let other = |other: &Override| {
        json!({
            "param": other.param,
            "values": other.values,
            "initial_ms": ms(other.initial),
            "settle_ms": ms(other.settle),
            "max_span_ms": ms(other.max_span),
            "max_lookback_ms": ms(other.max_lookback),
        })
    };
    json!({
        "connector": manifest.connector,
        "title": manifest.title,
        "docs": manifest.docs,
        "secret": auth_word(manifest),
        "params": manifest.params.iter().map(param).collect::<Value>(),
        "initial_ms": window.initial.0,
        "settle_ms": window.settle.0,
        "max_span_ms": ms(window.max_span),
        "max_lookback_ms": ms(window.max_lookback),
        "sweeps_ms": window.sweeps.iter().map(|after| after.0).collect::<Value>(),
        "overrides": window.overrides.iter().map(other).collect::<Value>(),
        "requests_per_minute": manifest.rate.requests_per_minute,
        "max_in_flight": manifest.rate.max_in_flight,
    })
}

fn text(manifest: &Manifest) -> String {
    let mut text = format!(
        "{}: {}\n{}\nsecret: {}\n",
        manifest.connector,
        manifest.title,
        manifest.docs,
        auth_word(manifest)
    );
    for (name, param) in &manifest.params {
        let default = match &param.default {
            Some(default) => format!(" (default {default})"),
            None => " (needed)".to_owned(),
        };
        text.push_str(&format!("param {name}{default}: {}\n", param.about));
    }
    for line in timing(manifest) {
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// The manifest's window and rate settings, by the names of a source's settings.
fn timing(manifest: &Manifest) -> Vec<String> {
    let (window, rate) = (&manifest.window, &manifest.rate);
    let shown = |Millis(ms): Millis| Exact(ms).to_string();
    let sweeps: Vec<_> = window.sweeps.iter().copied().map(shown).collect();
    let kept = window.max_lookback.map_or_else(
        || "max_lookback: unknown; see the vendor's documentation".to_owned(),
        |kept| format!("max_lookback: {}, the vendor's retention", shown(kept)),
    );
    let mut lines = vec![
        format!("window.initial: {}", shown(window.initial)),
        format!("settle: {}", shown(window.settle)),
        format!("sweeps: [{}]", sweeps.join(", ")),
        kept,
    ];
    if let Some(span) = window.max_span {
        lines.push(format!(
            "max_span: {}, the maximum span of one request",
            shown(span)
        ));
    }
    lines.extend(window.overrides.iter().map(other));
    if let Some(requests) = rate.requests_per_minute {
        lines.push(format!("requests_per_minute: {requests}"));
    }
    if let Some(workers) = rate.max_in_flight {
        lines.push(format!("max_in_flight: {workers} in a rate group"));
    }
    lines
}

/// The settings that an override changes, with its parameter values.
fn other(other: &Override) -> String {
    let values = [
        ("window.initial", other.initial),
        ("settle", other.settle),
        ("max_lookback", other.max_lookback),
        ("max_span", other.max_span),
    ];
    let set = values.into_iter().filter_map(|(name, value)| {
        let Millis(ms) = value?;
        Some(format!("{name} {}", Exact(ms)))
    });
    format!(
        "with {} {}: {}",
        other.param,
        other.values.join(", "),
        set.collect::<Vec<_>>().join(", ")
    )
}

fn auth_word(manifest: &Manifest) -> String {
    match manifest.auth.secret() {
        None => "none".to_owned(),
        Some(secret) if manifest.auth.is_optional() => format!("{secret}, optional"),
        Some(secret) => secret.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connector_is_shown_with_source_defaults() {
        let manifest = find("google_reports").unwrap();
        insta::assert_snapshot!(text(&manifest));
        let json = to_json(&manifest);
        assert_eq!(json["settle_ms"], 600_000);
        assert_eq!(json["sweeps_ms"], json!([86_400_000, 259_200_000]));
        assert_eq!(json["overrides"][0]["initial_ms"], 600_000);
    }

    #[test]
    fn undeclared_manifest_fields_are_omitted() {
        let sample = include_str!("../demo/sample_vendor.yaml");
        let manifest = Manifest::load("sample_vendor.yaml", sample).unwrap();
        insta::assert_snapshot!(text(&manifest));
    }
}
