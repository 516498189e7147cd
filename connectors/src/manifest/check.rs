//! Rules between the fields of a manifest.

use windlass_core::time::{DAY_MS, SECOND_MS};

use super::Manifest;
use super::check_records;
use super::errors::Status;
use super::fault::{Fault, fault};
use super::placeholders::{OWN, placeholders};
use super::request::{BoundFormat, Mode};
use crate::exchange::confidential_url;
use crate::paging;
use crate::yaml::did_you_mean;

pub(super) fn check(manifest: &Manifest) -> Result<(), Fault> {
    names(manifest)?;
    placeholders(manifest)?;
    headers(manifest)?;
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
        return Err(fault("connector", "must consist of a-z, 0-9 and _", ""));
    }
    for (name, param) in &manifest.params {
        let field = format!("params.{name}");
        if !is_word(name) || OWN.contains(&name.as_str()) {
            return Err(fault(
                field,
                "must consist of a-z, 0-9 and _, and not be `from`, `to` or `page_size`",
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

/// Header names that the HTTP client sets itself.
const HEADERS_OF_CLIENT: [&str; 4] = ["host", "content-length", "transfer-encoding", "connection"];

/// Returns whether `name` is a token of RFC 9110, section 5.6.2.
fn is_header_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

fn headers(manifest: &Manifest) -> Result<(), Fault> {
    for name in manifest.request.headers.keys() {
        let lower = name.to_ascii_lowercase();
        if !is_header_name(name) {
            let problem = format!("{name:?} is not a header name");
            return Err(fault(
                "request.headers",
                problem,
                "write it like `X-Api-Version`",
            ));
        }
        if HEADERS_OF_CLIENT.contains(&lower.as_str()) {
            let problem = format!("`{name}` is set by the HTTP client");
            return Err(fault("request.headers", problem, "remove it"));
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
        let hint = "remove `hosts`: `base_url` has no parameter";
        return Err(fault(
            "hosts",
            "does not allow the host of `base_url`",
            hint,
        ));
    }
    Ok(())
}

/// Longest unit: no vendor counts time in more than years, and a few units must fit the integer
/// type.
const UNIT_MS_MAX: i64 = 366 * DAY_MS;

fn window(manifest: &Manifest) -> Result<(), Fault> {
    let window = &manifest.window;
    if window.mode == Mode::Tail {
        let hint = "write `mode: window` if the API accepts a start and an end";
        return Err(fault("window.mode", "`tail` is not supported", hint));
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
            let hint = "remove it if the vendor documents no limit";
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
                "has no status",
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
                "`in` needs `path` or `header`, and they need `in`",
                "list the values in `in`",
            ));
        }
        let tests = rule.path.is_some() || rule.header.is_some() || rule.text.is_some();
        if !tests
            && let Some(Status(status)) = rule.status.0.iter().copied().find(|it| it.is_success())
        {
            return Err(fault(
                field,
                format!("makes every response with HTTP {status} an error"),
                "add a test: `path` or `header` with `in`, or `text`",
            ));
        }
    }
    Ok(())
}
