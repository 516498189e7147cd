//! The manifest of a simulated vendor: the declarations of its spec, in the manifest format.

use windlass_core::breaks::{Break, broken};

use super::spec::{Rule, Shape, VendorSpec};

/// The manifest's text.
pub(super) fn manifest(spec: &VendorSpec) -> String {
    [
        head(spec),
        request(spec),
        window(spec),
        page(spec),
        rate(spec),
        errors(spec).to_owned(),
    ]
    .concat()
}

fn head(spec: &VendorSpec) -> String {
    let VendorSpec { name, shape, .. } = spec;
    let auth = match shape {
        Shape::Google | Shape::Slack => "{ kind: bearer }",
        Shape::Okta => "{ kind: header, headers: [{ name: Authorization, prefix: \"SSWS \" }] }",
        Shape::Unordered => "{ kind: header, headers: [{ name: X-Api-Key }] }",
    };
    format!(
        "connector: {name}
title: a simulated vendor
docs: https://{name}.vendor.example/docs
base_url: https://{name}.vendor.example
params:
  feed: {{ about: which log, default: \"0\" }}
auth: {auth}
"
    )
}

fn request(spec: &VendorSpec) -> String {
    let (path, size) = (spec.path(), spec.page_size);
    let names = spec.names();
    let (from, to, limit) = (names.from, names.to, names.limit);
    format!(
        "request:
  path: {path}
  query: {{ {from}: \"{{from}}\", {to}: \"{{to}}\", {limit}: {size}, feed: \"{{feed}}\" }}
"
    )
}

fn window(spec: &VendorSpec) -> String {
    let format = match spec.shape {
        Shape::Google | Shape::Okta => "rfc3339_ms",
        Shape::Slack => "epoch_s",
        Shape::Unordered => "rfc3339",
    };
    let clock = if spec.arrival { "arrival" } else { "event" };
    let rule = |rule| match rule {
        _ if !spec.documented => "unknown",
        Rule::Inclusive => "inclusive",
        Rule::Exclusive => "exclusive",
    };
    let (start, end, unit_ms) = (rule(spec.start), rule(spec.end), spec.unit_ms);
    let (initial_ms, settle_ms) = (spec.initial_ms, spec.settle_ms);
    let mut text = format!(
        "window:
  mode: window
  clock: {clock}
  format: {format}
  unit: {unit_ms}ms
  start_bound: {start}
  end_bound: {end}
  initial: {initial_ms}ms
  settle: {settle_ms}ms
"
    );
    if let Some(max_span_ms) = spec.max_span_ms {
        text.push_str(&format!("  max_span: {max_span_ms}ms\n"));
    }
    if !spec.sweeps_ms.is_empty() {
        let sweeps: Vec<_> = spec.sweeps_ms.iter().map(|ms| format!("{ms}ms")).collect();
        text.push_str(&format!("  sweeps: [{}]\n", sweeps.join(", ")));
    }
    if let Some(retention) = spec.retention {
        text.push_str(&format!("  max_lookback: {}ms\n", retention.kept_ms));
    }
    text
}

fn page(spec: &VendorSpec) -> String {
    let (token, to, end) = match spec.shape {
        Shape::Google => (
            "body: nextPageToken",
            "{ query: pageToken }",
            "token_absent",
        ),
        Shape::Okta => ("link: next", "url", "token_absent"),
        Shape::Slack => (
            "body: response_metadata.next_cursor",
            "{ query: cursor }",
            "token_absent",
        ),
        Shape::Unordered => (
            "header: X-Next-Page",
            "{ query: page }",
            "{ flag_false: meta.more }",
        ),
    };
    let (records, order) = match spec.shape {
        Shape::Google => (
            "  path: items
  optional: true
  id: [id.time, id.uniqueQualifier]
  time: { path: id.time, format: rfc3339 }
",
            "newest_first",
        ),
        Shape::Okta => (
            "  path: \".\"
  id: [uuid]
  time: { path: published, format: rfc3339 }
",
            "oldest_first",
        ),
        Shape::Slack => (
            "  path: entries
  id: [id]
  time: { path: date_create, format: epoch_s }
",
            "newest_first",
        ),
        Shape::Unordered => (
            "  path: data
  id: [key]
  time: { path: at, format: rfc3339 }
",
            "unknown",
        ),
    };
    let replayable = !spec.single_use || broken(Break::SpentTokenReused);
    let (size, strict) = (spec.page_size, spec.strict);
    format!(
        "page:
  token: {{ {token} }}
  to: {to}
  end: [{end}]
  size: {size}
  replayable: {replayable}
records:
{records}  order: {order}
  strict: {strict}
"
    )
}

fn rate(spec: &VendorSpec) -> String {
    let (name, max) = (&spec.name, spec.max_in_flight);
    let mut text = format!("rate:\n  group: \"{name}:all\"\n  max_in_flight: {max}\n");
    if let Some(per_minute) = spec.rate_limit.and_then(|limit| limit.declared) {
        text.push_str(&format!("  requests_per_minute: {per_minute}\n"));
    }
    if let Some((remaining, reset)) = spec.quota_headers() {
        let format = if spec.shape == Shape::Okta {
            "epoch_seconds"
        } else {
            "seconds"
        };
        text.push_str(&format!(
            "  remaining: {remaining}\n  reset: {{ header: {reset}, format: {format} }}\n"
        ));
    }
    text
}

fn errors(spec: &VendorSpec) -> &'static str {
    match spec.shape {
        Shape::Google => {
            "error_body: { code: \"error.errors[0].reason\", message: error.message }
errors:
  - { status: 403, path: \"error.errors[0].reason\", in: [rateLimitExceeded, quotaExceeded], class: rate }
  - { status: 400, text: pageToken, class: restart }
  - { status: 403, class: block, advice: \"allow the account to read reports\" }
"
        }
        Shape::Okta => {
            "error_body: { code: errorCode, message: errorSummary }
errors:
  - { status: 500, path: errorCode, in: [E0000009], class: split }
  - { status: [403, 429], path: errorCode, in: [E0000047], class: rate }
  - { status: 400, path: errorCode, in: [E0000053], class: block, advice: \"the start is older than the log is kept\" }
"
        }
        Shape::Slack => {
            "error_body: { code: error }
errors:
  - { status: [200, 400, 403], path: error, in: [ratelimited], class: rate }
  - { status: [200, 400], path: error, in: [invalid_cursor], class: restart }
  - { status: [200, 500, 503], path: error, in: [internal_error, service_unavailable], class: outage }
  - { status: 200, path: ok, in: [\"false\"], class: block, advice: \"the token must be an owner's\" }
"
        }
        Shape::Unordered => {
            "error_body: { message: message }
errors:
  - { status: 413, class: split }
  - { status: [403, 429], header: X-RateLimit-Remaining, in: [\"0\"], class: rate }
"
        }
    }
}
