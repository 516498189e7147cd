//! The manifest of a scenario's vendor.

use windlass_core::source::Order;

use super::log::LogSpec;

/// The manifest's text.
pub(super) fn manifest(spec: &LogSpec) -> String {
    let LogSpec {
        name,
        group,
        strict,
        page_size,
        settle_ms,
        max_in_flight,
        ..
    } = spec;
    let order = match spec.order {
        Order::OldestFirst => "oldest_first",
        Order::NewestFirst => "newest_first",
    };
    let lookback = spec
        .kept_ms
        .map_or(String::new(), |ms| format!("  max_lookback: {ms}ms\n"));
    let rate = spec
        .declared
        .map_or(String::new(), |it| format!("  requests_per_minute: {it}\n"));
    let deadline = spec.advertised.map_or("", |_| {
        "  remaining: X-Rate-Limit-Remaining
  reset: { header: X-Rate-Limit-Reset, format: epoch_seconds }
"
    });
    format!(
        "connector: {name}
title: the vendor of a scenario
docs: https://{name}.vendor.example/docs
base_url: https://{name}.vendor.example
params:
  feed: {{ about: which log, default: \"0\" }}
auth: {{ kind: header, headers: [{{ name: Authorization, prefix: \"SSWS \" }}] }}
request:
  path: /api/v1/logs
  query: {{ since: \"{{from}}\", until: \"{{to}}\", limit: {page_size}, feed: \"{{feed}}\" }}
window:
  mode: window
  clock: event
  format: rfc3339_ms
  unit: 1ms
  start_bound: inclusive
  end_bound: exclusive
  initial: 1h
  settle: {settle_ms}ms
{lookback}page:
  token: {{ link: next }}
  to: url
  end: [token_absent]
  size: {page_size}
  replayable: true
records:
  path: \".\"
  id: [uuid]
  time: {{ path: published, format: rfc3339 }}
  order: {order}
  strict: {strict}
rate:
  group: \"{group}\"
  max_in_flight: {max_in_flight}
{rate}{deadline}error_body: {{ code: errorCode, message: errorSummary }}
"
    )
}
