//! Shared test helpers: built-in connectors, spans and responses from fixtures.

use bytes::Bytes;
use windlass_core::{Span, Timestamp};

use super::{Connector, Page, Settings};
use crate::exchange::{ApiResponse, Failure};
use crate::manifest::Manifest;
use crate::registry;

pub(crate) fn settings(params: &[(&str, &str)]) -> Settings {
    let params = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings {
        params: params.collect(),
        ..Settings::default()
    }
}

pub(crate) fn built_in(name: &str, params: &[(&str, &str)]) -> Connector {
    let manifest = registry::find(name).unwrap_or_else(|error| panic!("{error}"));
    Connector::compile(&manifest, &settings(params)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn span(from: &str, to: &str) -> Span {
    Span::new(at(from), at(to)).unwrap()
}

/// The first hour of 2026.
pub(crate) fn hour() -> Span {
    span("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
}

pub(crate) fn now() -> Timestamp {
    at("2026-01-02T00:00:00Z")
}

impl Connector {
    /// The page in `response`, the response to the request for `span` and `token`.
    pub(crate) fn page_of(
        &self,
        span: Span,
        token: Option<&str>,
        response: &ApiResponse,
        now: Timestamp,
    ) -> Result<Page, Failure> {
        self.read(&self.request(span, token)?, response, now)
    }
}

pub(crate) fn response(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> ApiResponse {
    ApiResponse {
        status,
        headers: headers.iter().copied().collect(),
        body: body.into(),
    }
}

pub(crate) fn fixture(path: &str) -> Bytes {
    let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .into()
}

/// The manifest of a small test vendor, with one section replaced.
pub(crate) fn sample(section: &str, instead: &str) -> String {
    let sections = [
        (
            "connector",
            "connector: sample\ntitle: A sample\ndocs: https://example.com/docs\n",
        ),
        ("base_url", "base_url: https://api.example.com\n"),
        ("params", "params:\n  team: { about: the team }\n"),
        ("auth", "auth: { kind: bearer }\n"),
        (
            "request",
            "request:\n  path: /v1/{team}/events\n  query: { since: \"{from}\", until: \"{to}\" }\n",
        ),
        (
            "window",
            "window:\n  mode: window\n  clock: event\n  format: epoch_ms\n  unit: 1ms\n  \
             start_bound: inclusive\n  end_bound: exclusive\n  initial: 1h\n  settle: 10m\n",
        ),
        (
            "page",
            "page:\n  token: { body: next }\n  to: { query: cursor }\n  end: [token_absent]\n",
        ),
        (
            "records",
            "records:\n  path: items\n  id: [id]\n  time: { path: at, format: epoch_ms }\n  \
             order: oldest_first\n",
        ),
        ("errors", ""),
    ];
    assert!(section.is_empty() || sections.iter().any(|(name, _)| *name == section));
    let pick = |(name, text): &(&str, &'static str)| {
        if *name == section {
            instead.to_owned()
        } else {
            (*text).to_owned()
        }
    };
    sections.iter().map(pick).collect()
}

pub(crate) fn manifest(section: &str, instead: &str) -> Manifest {
    Manifest::load("sample.yaml", &sample(section, instead))
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn connector(section: &str, instead: &str) -> Connector {
    let manifest = manifest(section, instead);
    Connector::compile(&manifest, &settings(&[("team", "a")])).unwrap()
}
