//! Rules between the fields of a manifest.

use windlass_core::time::{DAY_MS, SECOND_MS};

use super::Manifest;
use super::check_records;
use super::fault::{Fault, fault};
use super::placeholders::{OWN, placeholders};
use super::request::{BoundFormat, Mode};
use crate::exchange::confidential_url;
use crate::paging;
use crate::yaml::did_you_mean;

pub(super) fn check(manifest: &Manifest) -> Result<(), Fault> {
    names(manifest)?;
    placeholders(manifest)?;
    base_url(manifest)?;
    hosts(manifest)?;
    manifest.auth.check()?;
    window(manifest)?;
    paging::check::check(&manifest.page)?;
    check_records::records(manifest)?;
    rate(manifest)?;
    errors(manifest)
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn names(manifest: &Manifest) -> Result<(), Fault> {
    if !is_word(&manifest.connector) {
        return Err(fault("connector", "must be of a-z, 0-9 and _", ""));
    }
    for (name, param) in &manifest.params {
        let field = format!("params.{name}");
        if !is_word(name) || OWN.contains(&name.as_str()) {
            return Err(fault(
                field,
                "must be of a-z, 0-9 and _, and not `from`, `to` or `page_size`",
                "",
            ));
        }
        if let Some(default) = &param.default
            && !param.values.is_empty()
            && !param.values.contains(default)
        {
            return Err(fault(
                field,
                "has a default that is not among its values",
                "",
            ));
        }
    }
    Ok(())
}

fn base_url(manifest: &Manifest) -> Result<(), Fault> {
    let sample = manifest
        .base_url
        .fill(|_| Some("placeholder"))
        .unwrap_or_default();
    confidential_url(&sample)
        .map(drop)
        .map_err(|problem| fault("base_url", problem, "write it like https://api.example.com"))
}

/// If the host of `base_url` is fixed, `hosts` must allow it.
fn hosts(manifest: &Manifest) -> Result<(), Fault> {
    let fixed = manifest.base_url.fill(|_| None).ok();
    let fixed = fixed.and_then(|text| text.parse().ok());
    if let Some(base_url) = fixed
        && !manifest.hosts.is_empty()
        && !manifest.hosts.iter().any(|rule| rule.allows(&base_url))
    {
        let hint = "leave `hosts` out where no parameter stands in base_url";
        return Err(fault("hosts", "does not allow the host of base_url", hint));
    }
    Ok(())
}

/// Longest unit: no vendor counts time in more than years, and a few units must fit the integer
/// type.
const UNIT_MS_MAX: i64 = 366 * DAY_MS;

fn window(manifest: &Manifest) -> Result<(), Fault> {
    let window = &manifest.window;
    if window.mode == Mode::Tail {
        let hint = "write `mode: window` if the API takes a start and an end";
        return Err(fault("window.mode", "`tail` is not in this build", hint));
    }
    let unit_ms = window.unit.0;
    let (least, word) = match window.format {
        BoundFormat::Rfc3339Ms | BoundFormat::ZonelessMs | BoundFormat::EpochMs => (1, "1ms"),
        BoundFormat::Rfc3339 | BoundFormat::Zoneless | BoundFormat::EpochS => (SECOND_MS, "1s"),
        BoundFormat::Date => (DAY_MS, "1d"),
    };
    if unit_ms < 1 || unit_ms % least != 0 {
        let hint = format!("write `unit: {word}`");
        return Err(fault(
            "window.unit",
            "is finer than `format` can write",
            &hint,
        ));
    }
    if unit_ms > UNIT_MS_MAX {
        return Err(fault("window.unit", "is longer than a year", ""));
    }
    let overrides = window.overrides.iter().enumerate();
    let spans = overrides
        .clone()
        .filter_map(|(i, it)| Some((format!("window.overrides[{i}].max_span"), it.max_span?)));
    let own = window
        .max_span
        .map(|span| ("window.max_span".to_owned(), span));
    for (field, span) in own.into_iter().chain(spans) {
        if span.0 < 3 * unit_ms {
            return Err(fault(field, "must be at least three units", ""));
        }
    }
    for (i, it) in overrides {
        if !manifest.params.contains_key(&it.param) {
            let hint = did_you_mean(&it.param, manifest.params.keys().map(String::as_str));
            let hint = hint.map_or_else(String::new, |word| format!("did you mean `{word}`?"));
            let problem = format!("`{}` is not a parameter", it.param);
            return Err(fault(
                format!("window.overrides[{i}].param"),
                problem,
                &hint,
            ));
        }
    }
    Ok(())
}

fn rate(manifest: &Manifest) -> Result<(), Fault> {
    let rate = &manifest.rate;
    for (field, value) in [
        ("rate.max_in_flight", rate.max_in_flight),
        ("rate.requests_per_minute", rate.requests_per_minute),
    ] {
        if value == Some(0) {
            let hint = "leave it out if the vendor documents no limit";
            return Err(fault(field, "must be at least 1", hint));
        }
    }
    Ok(())
}

fn errors(manifest: &Manifest) -> Result<(), Fault> {
    for (i, rule) in manifest.errors.iter().enumerate() {
        let field = format!("errors[{i}]");
        if rule.status.0.is_empty() {
            return Err(fault(
                field,
                "names no status",
                "write `status: 400` or a list",
            ));
        }
        if rule.path.is_some() && rule.header.is_some() {
            return Err(fault(
                field,
                "tests either `path` or `header`",
                "write two rules",
            ));
        }
        if (rule.path.is_some() || rule.header.is_some()) == rule.values.is_empty() {
            return Err(fault(
                field,
                "`in` goes with `path` or `header`",
                "list the values in `in`",
            ));
        }
        let tests = rule.path.is_some() || rule.header.is_some() || rule.text.is_some();
        if !tests
            && rule
                .status
                .0
                .iter()
                .any(|status| (200..300).contains(status))
        {
            return Err(fault(
                field,
                "would make every page an error",
                "add `path` and `in`",
            ));
        }
    }
    Ok(())
}
