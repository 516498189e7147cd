//! Compilation of a manifest and a source's settings into a connector, or into the error in the
//! settings.

use std::collections::BTreeMap;

use windlass_core::RateGroup;
use windlass_core::ids::ManifestHash;
use windlass_core::source as core;

use super::bounds::Bounds;
use super::endpoint::{endpoint, host_setting};
use super::{Connector, RecordPlan, Rule, Signals};
use crate::auth::Source;
use crate::exchange::Origin;
use crate::manifest::Manifest;
use crate::manifest::request::FilterClock;
use crate::manifest::text::{Millis, Template};
use crate::paging::Paging;
use crate::records::Paths;
use crate::settings::{CompileError, Settings, wrong};
use crate::yaml::did_you_mean;

/// The manifest's defaults for one source; the source's own settings may differ within the vendor's
/// limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Resolution of the vendor's time bounds.
    pub unit_ms: i64,
    /// Width of the first window.
    pub initial_ms: i64,
    /// Minimum distance of a window's end from now; also the least value that a source may set.
    pub settle_ms: i64,
    /// Width of the widest window that the vendor accepts; `None` without a limit.
    pub max_span_ms: Option<i64>,
    /// Retention of the vendor's records; `None` without a limit.
    pub max_lookback_ms: Option<i64>,
    /// The sources that share the vendor's quota.
    pub rate_group: RateGroup,
    /// Maximum concurrent workers of the group.
    pub group_in_flight: u32,
    /// Request rate of the group; `None` if the manifest declares none.
    pub requests_per_minute: Option<u32>,
    /// True if one page may be prefetched.
    pub prefetch: bool,
    /// The order of records across the pages of a window; `None` if the vendor documents none.
    pub strict_order: Option<core::Order>,
    /// The hash of the manifest facts that a stored definition keeps.
    pub manifest_hash: ManifestHash,
    /// The ages at which settled time is read again for late-arriving records.
    pub sweeps_ms: Vec<i64>,
    /// True if sweeps are possible: records have vendor ids, and requests filter on the time that
    /// records show.
    pub can_sweep: bool,
}

/// Concurrent workers of a rate group when the manifest names no number.
const GROUP_IN_FLIGHT: u32 = 4;

impl Connector {
    /// Compiles `manifest` for a source with these settings.
    pub fn compile(manifest: &Manifest, settings: &Settings) -> Result<Self, CompileError> {
        let params = resolve_params(manifest, settings)?;
        let fill = |field: &str, template: &Template| {
            template
                .fill(|name| params.get(name).map(String::as_str))
                .map_err(|name| wrong(field, format!("uses the unknown parameter `{name}`")))
        };
        let endpoint = endpoint(manifest, settings, &params)?;
        let origin = Origin::from(&endpoint);
        let mut headers = Vec::new();
        for (name, value) in &manifest.request.headers {
            headers.push((name.clone(), fill(name, value)?));
        }
        let mut query = Vec::new();
        for (name, values) in &manifest.request.query {
            query.extend(values.0.iter().map(|value| (name.clone(), value.clone())));
        }
        let bounds = Bounds::new(&manifest.window);
        let group = match &manifest.rate.group {
            Some(group) => fill("rate.group", group)?,
            None => format!("{}:{}", manifest.connector, origin.host()),
        };
        let rate_group = group
            .parse()
            .map_err(|error| wrong("params", format!("rate group: {error}")))?;
        let source = Source {
            params: &params,
            settings,
        };
        let auth = manifest.auth.resolve(&source)?;
        let (paging, records, signals) = plan(manifest);
        Ok(Self {
            name: manifest.connector.clone(),
            defaults: defaults(manifest, &params, bounds, rate_group),
            params,
            origin,
            host_setting: host_setting(manifest, settings),
            auth,
            endpoint,
            headers,
            query,
            bounds,
            paging,
            records,
            signals,
        })
    }
}

fn resolve_params(
    manifest: &Manifest,
    settings: &Settings,
) -> Result<BTreeMap<String, String>, CompileError> {
    for name in settings.params.keys() {
        if !manifest.params.contains_key(name) {
            let known = manifest.params.keys().map(String::as_str);
            let hint = match did_you_mean(name, known.clone()) {
                Some(word) => format!("did you mean `{word}`?"),
                None if manifest.params.is_empty() => "it has no parameters".to_owned(),
                None => format!("its parameters: {}", known.collect::<Vec<_>>().join(", ")),
            };
            let problem = format!("unknown parameter of `{}`; {hint}", manifest.connector);
            return Err(wrong(format!("params.{name}"), problem));
        }
    }
    let mut params = BTreeMap::new();
    for (name, param) in &manifest.params {
        let field = format!("params.{name}");
        let value = settings.params.get(name).or(param.default.as_ref());
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Err(wrong(field, format!("missing: {}", param.about)));
        };
        if !param.values.is_empty() && !param.values.contains(value) {
            let problem = format!("`{value}` is not one of {}", param.values.join(", "));
            return Err(wrong(field, problem));
        }
        if value.chars().any(char::is_control) {
            return Err(wrong(field, "must not contain control characters"));
        }
        params.insert(name.clone(), value.clone());
    }
    Ok(params)
}

fn defaults(
    manifest: &Manifest,
    params: &BTreeMap<String, String>,
    bounds: Bounds,
    rate_group: RateGroup,
) -> Defaults {
    let window = &manifest.window;
    let param = |name: &str| params.get(name).map(String::as_str);
    let overridden = |of| window.overridden(param, of);
    let initial = overridden(|it| it.initial).unwrap_or(window.initial);
    let settle = overridden(|it| it.settle).unwrap_or(window.settle);
    let max_span = overridden(|it| it.max_span).or(window.max_span);
    let max_lookback = overridden(|it| it.max_lookback).or(window.max_lookback);
    let Millis(unit_ms) = window.unit;
    let aligned = |ms: i64| (ms - ms.rem_euclid(unit_ms)).max(unit_ms);
    let max_span_ms = max_span.map(|span| aligned(span.0 - bounds.padding_ms()));
    let initial_ms = aligned(initial.0);
    Defaults {
        unit_ms,
        initial_ms: max_span_ms.map_or(initial_ms, |max| initial_ms.min(max)),
        settle_ms: settle.0,
        max_span_ms,
        max_lookback_ms: max_lookback.map(|lookback| lookback.0),
        rate_group,
        group_in_flight: manifest.rate.max_in_flight.unwrap_or(GROUP_IN_FLIGHT),
        requests_per_minute: manifest.rate.requests_per_minute,
        prefetch: manifest.page.replayable,
        strict_order: manifest.records.strict_order(),
        manifest_hash: manifest.hash(params),
        sweeps_ms: window.sweeps.iter().map(|after| after.0).collect(),
        can_sweep: !manifest.records.id.is_empty() && window.clock == FilterClock::Event,
    }
}

/// Collects every path that one traversal of the body must find.
fn plan(manifest: &Manifest) -> (Paging, RecordPlan, Signals) {
    let mut body = Paths::default();
    body.elements(&manifest.records.path);
    let paging = Paging::new(&manifest.page, &mut body);
    let rules = manifest.errors.iter().map(|rule| Rule {
        rule: rule.clone(),
        slot: rule.path.as_ref().map(|path| body.add(path)),
    });
    let signals = Signals {
        rules: rules.collect(),
        code: manifest.error_body.code.as_ref().map(|path| body.add(path)),
        message: manifest
            .error_body
            .message
            .as_ref()
            .map(|path| body.add(path)),
        header: manifest.error_body.header.clone(),
        rate: manifest.rate.clone(),
    };
    let mut record = Paths::default();
    let records = RecordPlan {
        body,
        path: manifest.records.path.clone(),
        optional: manifest.records.optional,
        id: manifest
            .records
            .id
            .iter()
            .map(|path| record.add(path))
            .collect(),
        time: manifest
            .records
            .time
            .as_ref()
            .map(|time| (record.add(&time.path), time.format)),
        record,
        order: manifest.records.order,
    };
    (paging, records, signals)
}
