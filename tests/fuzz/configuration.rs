//! Configurations. An error has a place in the text. Each source of a valid configuration has a
//! policy that passes its check, an end that is not before its start, and a definition that
//! survives storage unchanged.

use std::path::Path;

use windlass_core::{SourceDefinition, SourceRecord, Timestamp};
use windlass_state::item::Stored;

use crate::corpus::{Corpus, files};
use crate::draw::Draw;
use crate::input::Input;
use crate::manifests;
use crate::meter::Meter;
use crate::target::{Target, expect};
use crate::yaml;

/// A configuration that sets every field.
const FULL: &str = "\
state: { sqlite: ./windlass.db }
sinks:
  lake: { ndjson: { dir: ./out } }
  central:
    kinesis: { stream: audit, rejects: \"s3://rejects/windlass\", region: eu-central-1,
      role_arn: \"arn:aws:iam::123456789012:role/writer\", external_id: chosen, packed: false }
  out: { stdout: {} }
sources:
  okta-acme:
    connector: okta_system_log
    params: { domain: acme.okta.com }
    secret: file:okta.token
    base_url: https://audit.acme.example
    start: 2026-01-01T00:00:00Z
    end: 2026-02-01T00:00:00+01:00
    window: { initial: 1h, min: 1m, max: 6h }
    every: 5m
    settle: 1h
    max_in_flight: 2
    requests_per_minute: 30
    max_open_windows: 64
    history: 30d
    sink: lake
    metadata: false
    paused: true
  nvd:
    connector: nvd_cves
    start: 2026-01-01T00:00:00Z
    sink: out
";

/// The target for configurations.
pub(crate) struct Configuration {
    texts: Corpus,
}

impl Configuration {
    pub(crate) fn new() -> Self {
        let mut texts = files("examples", "yaml");
        texts.extend([FULL.as_bytes().to_vec(), FULL.as_bytes().to_vec()]);
        texts.extend(yaml::EDGES.iter().map(|text| text.as_bytes().to_vec()));
        let fields = [
            "env:TOKEN",
            "ssm:/a",
            "slack_audit_logs",
            "github_advisories",
            "firehose",
        ];
        let words: Vec<&str> = manifests::WORDS.into_iter().chain(fields).collect();
        Self {
            texts: Corpus::new(texts, &words),
        }
    }
}

impl Target for Configuration {
    fn name(&self) -> &'static str {
        "configuration"
    }

    fn share(&self) -> u64 {
        5
    }

    fn input(&self, draw: &mut Draw) -> Input {
        Input::new([("configuration", self.texts.mutant(draw))])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let text = input.text("configuration");
        // A folder without files that a path could reach.
        let base = Path::new("/nowhere");
        match meter.watch(|| windlass::definitions("fuzz.yaml", &text, base)) {
            Ok(definitions) => {
                expect(!definitions.is_empty(), || "no source".to_owned())?;
                definitions.into_iter().try_for_each(is_sound)
            }
            Err(error) => yaml::is_placed(&text, &error),
        }
    }
}

/// Fails unless the engine can work with the definition.
fn is_sound(definition: SourceDefinition) -> Result<(), String> {
    let policy = &definition.policy;
    policy
        .check()
        .map_err(|error| format!("a policy: {error}"))?;
    let ends = definition.end.is_none_or(|end| end > definition.start);
    expect(ends, || "ends before it starts".to_owned())?;
    let record = SourceRecord {
        definition,
        version: 1,
        blocked: None,
        held_since: None,
        applied_at: Timestamp::from_ms(0),
    };
    let again = SourceRecord::from_attributes("source", record.to_attributes());
    let same = matches!(&again, Ok(again) if *again == record);
    expect(same, || format!("read back as {again:?}"))
}
