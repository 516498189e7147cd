//! Manifests. An error has a place in the text. A valid manifest compiles for a source, requests
//! only the host that it names, suggests windows that are multiples of its unit, and reads
//! responses without a panic.

use std::collections::BTreeMap;

use bytes::Bytes;
use windlass_connectors::connector::{Connector, Settings};
use windlass_connectors::exchange::{ApiResponse, Headers, Origin};
use windlass_connectors::manifest::Manifest;
use windlass_core::{Span, Timestamp};

use crate::corpus::{Corpus, files};
use crate::draw::Draw;
use crate::input::Input;
use crate::meter::Meter;
use crate::responses::{is_failure, is_usable, read};
use crate::target::{Target, expect};
use crate::vendors::{sample, span};
use crate::yaml;

/// Durations, words and templates that are valid in some field.
pub(crate) const WORDS: [&str; 38] = [
    "290000000y",
    "100000000y",
    "0s",
    "1ms",
    "1ns",
    "365d",
    "true",
    "yes",
    "null",
    "{from}",
    "{to}",
    "{nothing}",
    "{{",
    "https://",
    "https://user:pass@api.example.com",
    "http://127.0.0.1:1",
    "https://[::1]:0/",
    "https://{org}",
    "../..",
    "items[0].id",
    "[\"a.b\"]",
    "token_unchanged",
    "page_short",
    "page_empty",
    "flag_false",
    "total_reached",
    "offset",
    "page_number",
    "pages_reached",
    "header",
    "arrival",
    "exclusive",
    "inclusive",
    "unknown",
    "date",
    "epoch_ms",
    "*a",
    "&a",
];
const BODIES: [&str; 6] = [
    "{\"items\":[{\"id\":1,\"at\":\"1767225600\"},{\"id\":2}],\"next\":\"n\",\"more\":true}",
    "[{\"id\":\"x\",\"published\":\"2026-01-01T00:00:00.000Z\"},null,1]",
    "{\"totalResults\":3,\"vulnerabilities\":[{\"cve\":{\"id\":\"a\"}}]}",
    "{\"error\":{\"errors\":[{\"reason\":\"rateLimitExceeded\"}],\"message\":\"m\"}}",
    "null",
    "",
];

/// The target for manifests.
pub(crate) struct Manifests {
    texts: Corpus,
}

impl Manifests {
    pub(crate) fn new() -> Self {
        let mut texts = files("connectors/manifests", "yaml");
        let page = "{ token: { header: X-Next }, to: { query: after }, end: [page_empty] }";
        texts.push(sample(page, "date", "1d", "zoneless").into());
        texts.extend(yaml::EDGES.iter().map(|text| text.as_bytes().to_vec()));
        Self {
            texts: Corpus::new(texts, &WORDS),
        }
    }
}

impl Target for Manifests {
    fn name(&self) -> &'static str {
        "manifest"
    }

    fn share(&self) -> u64 {
        7
    }

    fn input(&self, draw: &mut Draw) -> Input {
        Input::new([("manifest", self.texts.mutant(draw))])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let text = input.text("manifest");
        let manifest = match meter.watch(|| Manifest::load("fuzz.yaml", &text)) {
            Ok(manifest) => manifest,
            Err(error) => return yaml::is_placed(&text, &error),
        };
        let params = manifest.params.iter().map(|(name, param)| {
            let value = param
                .default
                .clone()
                .or_else(|| param.values.first().cloned());
            (name.clone(), value.unwrap_or_else(|| "x".to_owned()))
        });
        let settings = Settings {
            params: params.collect::<BTreeMap<_, _>>(),
            base_url: None,
            token_url: Some("https://login.example.com/token".to_owned()),
        };
        match meter.watch(|| Connector::compile(&manifest, &settings)) {
            Ok(connector) => is_sound(&connector, meter),
            // A generated parameter may be invalid.
            Err(error) => {
                let said = !error.field.is_empty() && !error.problem.is_empty();
                expect(said, || "refused without a word".to_owned())
            }
        }
    }
}

/// Fails unless a source could have the connector.
fn is_sound(connector: &Connector, meter: &mut Meter) -> Result<(), String> {
    let defaults = connector.defaults();
    let unit = defaults.unit_ms;
    let in_units = |ms: i64| ms >= unit && ms % unit == 0;
    let widths = in_units(defaults.initial_ms) && defaults.max_span_ms.is_none_or(in_units);
    let times = unit >= 1 && widths && defaults.settle_ms >= 0;
    expect(times, || format!("suggests {defaults:?}"))?;
    let ends = Span::new(Timestamp::MIN, Timestamp::MAX).map_err(|error| error.to_string())?;
    for span in [span(), ends] {
        let request = meter.watch(|| connector.request(span, None));
        let request = request.map_err(|failure| format!("no first request: {failure}"))?;
        let home = Origin::from(&request.http().url) == *connector.origin();
        expect(home, || format!("asks {}", request.http().url))?;
        let hash = connector.request_hash(span);
        expect(hash == connector.request_hash(span), || {
            "two hashes".to_owned()
        })?;
    }
    for (status, body) in BODIES.iter().flat_map(|body| [(200, body), (403, body)]) {
        let response = ApiResponse {
            status,
            headers: Headers::from_iter([("X-Next", "2"), ("Link", "</2>; rel=next")]),
            body: Bytes::from_static(body.as_bytes()),
        };
        match read(connector, None, &response, meter) {
            Ok(page) => is_usable(connector, None, &page)?,
            Err(failure) => is_failure(None, &failure)?,
        }
    }
    Ok(())
}
