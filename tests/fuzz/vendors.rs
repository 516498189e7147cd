//! Connectors for the fed responses: the built-in ones, and some with other manifest fields.

use std::collections::BTreeMap;

use windlass_connectors::connector::{Connector, Settings};
use windlass_connectors::manifest::Manifest;
use windlass_connectors::manifest::text::JsonPath;
use windlass_connectors::paging::{Style, Target};
use windlass_connectors::registry;
use windlass_core::{Span, Timestamp};

/// A secret that appears in page tokens and must not appear in any message.
pub(crate) const SECRET: &str = "S3CRETpagetoken";
/// The same with a sign that links escape, plain and as in a link.
pub(crate) const SIGNED_SECRET: [&str; 2] = ["S3CRET/pagetoken", "S3CRET%2Fpagetoken"];

/// A connector and its manifest's page section.
#[derive(Debug)]
pub(crate) struct Vendor {
    pub(crate) connector: Connector,
    /// Path of its records.
    pub(crate) path: JsonPath,
    /// True if a page may lack them.
    pub(crate) optional: bool,
    /// The use of a token in its requests.
    pub(crate) asked: Asked,
}

/// The use of a token in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// No token.
    Never,
    /// The token is the URL.
    Url,
    /// The token is the value of the last parameter.
    Query,
    /// A part of the token is the value of the last parameter.
    Offset,
}

/// Built-in connectors with parameters that they need.
const BUILT_IN: [(&str, &[(&str, &str)]); 6] = [
    ("github_advisories", &[]),
    ("github_audit_log", &[("org", "acme")]),
    (
        "google_reports",
        &[
            ("application", "login"),
            ("admin_email", "admin@example.com"),
        ],
    ),
    ("nvd_cves", &[]),
    ("okta_system_log", &[("domain", "acme.okta.com")]),
    ("slack_audit_logs", &[]),
];

/// Page sections that no built-in manifest has.
const PAGES: [&str; 5] = [
    "{ token: { header: X-Next }, to: { query: after }, end: [token_absent, page_empty] }",
    "{ token: { body: data.next }, to: url, end: [token_unchanged, token_absent] }",
    "{ token: { body: next }, to: { query: p }, repeat: nothing, size: 3, end: [page_short, \
     { flag_false: more }] }",
    "{ end: [page_empty, { flag_false: data.more }] }",
    "{ token: { page_number: { first: 0, pages: data.pages } }, to: { query: page }, \
     end: [pages_reached, page_empty] }",
];

/// A manifest with `page` as its page section, bounds written as `format` with `unit`, and times of
/// records written as `time`.
pub(crate) fn sample(page: &str, format: &str, unit: &str, time: &str) -> String {
    format!(
        "connector: sample\n\
         title: A sample\n\
         docs: https://example.com/docs\n\
         base_url: https://api.example.com\n\
         auth: {{ kind: none }}\n\
         request:\n  \
           path: /v1/events\n  \
           query: {{ since: \"{{from}}\", until: \"{{to}}\" }}\n\
         window:\n  \
           mode: window\n  clock: event\n  format: {format}\n  unit: {unit}\n  \
           start_bound: inclusive\n  end_bound: exclusive\n  initial: 1h\n  settle: 10m\n\
         page: {page}\n\
         records:\n  \
           path: items\n  id: [id]\n  time: {{ path: at, format: {time} }}\n  order: unknown\n\
         error_body: {{ code: code, message: data.message }}\n"
    )
}

/// The connector of the manifest `text`, with `params`.
pub(crate) fn vendor(text: &str, params: &[(&str, &str)]) -> Vendor {
    let manifest = Manifest::load("vendor.yaml", text)
        .unwrap_or_else(|error| panic!("a manifest of the corpus: {error}"));
    let params: BTreeMap<String, String> = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let settings = Settings {
        params,
        ..Settings::default()
    };
    let connector = Connector::compile(&manifest, &settings)
        .unwrap_or_else(|error| panic!("settings of the corpus: {error}"));
    let page = &manifest.page;
    let asked = match (&page.to, &page.token) {
        (None, _) => Asked::Never,
        (Some(Target::Url), _) => Asked::Url,
        (Some(Target::Query(_)), Some(Style::Offset(_) | Style::PageNumber(_))) => Asked::Offset,
        (Some(Target::Query(_)), _) => Asked::Query,
    };
    Vendor {
        asked,
        connector,
        path: manifest.records.path,
        optional: manifest.records.optional,
    }
}

/// All connectors.
pub(crate) fn all() -> Vec<Vendor> {
    let built_in = BUILT_IN
        .iter()
        .map(|(name, params)| vendor(registry::source(name).unwrap_or_default(), params));
    let made_up = PAGES
        .iter()
        .map(|page| vendor(&sample(page, "epoch_ms", "1ms", "epoch_s"), &[]));
    built_in.chain(made_up).collect()
}

/// The built-in connector `name`.
pub(crate) fn built_in(name: &str) -> Vendor {
    let params = BUILT_IN.iter().find(|(known, _)| *known == name);
    let text = registry::source(name).unwrap_or_default();
    vendor(text, params.map_or(&[], |(_, params)| params))
}

/// The window of the requests.
pub(crate) fn span() -> Span {
    let from = Timestamp::from_ms(1_767_225_600_000);
    Span::new(from, from.plus_ms(3_600_000)).expect("an hour is not empty")
}

/// A day after the window.
pub(crate) fn now() -> Timestamp {
    span().to().plus_ms(86_400_000)
}
