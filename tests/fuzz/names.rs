//! Names and other short texts from users or tables. A valid one prints as a text that parses to
//! the same, and a name never adds a part to the key that is built from it.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use windlass_connectors::AllowedHosts;
use windlass_connectors::manifest::text::{JsonPath, Millis, Template};
use windlass_connectors::secret::SecretRef;
use windlass_core::{Generation, Lane, Owner, RateGroup, SourceName, Timestamp, WindowId};
use windlass_state::item::Key;

use crate::corpus::Corpus;
use crate::draw::Draw;
use crate::input::Input;
use crate::meter::Meter;
use crate::target::{Target, expect};

const TEXTS: [&str; 32] = [
    "okta/0123456789ab/live/2026-01-01T00:00:00.000Z",
    "google-login/0123456789ab/sweep-1/2026-01-01T00:00:00Z",
    "a/ffffffffffff/backfill-2025-q4/2026-01-01T02:00:00+02:00",
    "okta/0123456789ab/sweep-255/0000-01-01T00:00:00Z",
    "okta-acme",
    "-a",
    "a#b",
    "0123456789ab",
    "000102030405060708090a0b0c0d0e0f",
    "live",
    "sweep-01",
    "backfill-x",
    "okta:acme.okta.com",
    "google:admin@example.com",
    "items",
    ".",
    "error.errors[0].reason",
    "[\"@odata.nextLink\"]",
    "[\"\"].a[18446744073709551615]",
    "a[\"b\"]c",
    "10m",
    "1h 30m 1ms",
    "290000000years",
    "1ns",
    "{from}..{to}",
    "{{literal}} {name}",
    "env:OKTA_TOKEN",
    "file:./okta.token",
    "secretsmanager:windlass/okta#key",
    "ssm:/windlass/okta",
    "api.example.com, *.example.org:8443 [2001:db8::1]:443",
    "192.0.2.1,xn--bcher-kva.example.",
];

/// The target for names.
pub(crate) struct Names {
    texts: Corpus,
}

impl Names {
    pub(crate) fn new() -> Self {
        let words = [
            "*.",
            "bücher.example",
            "0x7f.1",
            "[::1]",
            "y",
            "ms",
            "%2e",
            "[\"",
            "\"]",
        ];
        Self {
            texts: Corpus::new(TEXTS, &words),
        }
    }
}

impl Target for Names {
    fn name(&self) -> &'static str {
        "names"
    }

    fn share(&self) -> u64 {
        15
    }

    fn input(&self, draw: &mut Draw) -> Input {
        Input::new([("text", self.texts.mutant(draw))])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let text = input.text("text");
        let text = text.as_str();
        again::<SourceName>(text, meter)?;
        again::<Generation>(text, meter)?;
        again::<Owner>(text, meter)?;
        again::<Lane>(text, meter)?;
        again::<Timestamp>(text, meter)?;
        again::<JsonPath>(text, meter)?;
        again::<SecretRef>(text, meter)?;
        again::<AllowedHosts>(text, meter)?;
        if let Some(group) = again::<RateGroup>(text, meter)? {
            let key = Key::rate(&group);
            parts(&key.pk, 2)?;
        }
        if let Some(id) = again::<WindowId>(text, meter)? {
            let key = Key::window(&id);
            parts(&key.pk, 4)?;
            parts(&key.sk, 1)?;
        }
        if let Ok(Millis(ms)) = meter.watch(|| text.parse::<Millis>()) {
            expect(ms >= 0, || format!("a duration of {ms} ms"))?;
        }
        if let Ok(template) = meter.watch(|| text.parse::<Template>()) {
            let filled = template.fill(|_| Some("x"));
            expect(filled.is_ok(), || {
                "a template that cannot be filled".to_owned()
            })?;
        }
        Ok(())
    }
}

/// The value of `text`, if it parses: its printed form must parse to the same.
fn again<T>(text: &str, meter: &mut Meter) -> Result<Option<T>, String>
where
    T: FromStr<Err: Display> + Display + PartialEq + Debug,
{
    match meter.watch(|| text.parse::<T>()) {
        Ok(value) => {
            let printed = value.to_string();
            let again = printed.parse::<T>();
            let same = matches!(&again, Ok(again) if *again == value);
            expect(same, || {
                let again = again.map_err(|error| error.to_string());
                format!("`{text}` prints as `{printed}`, which is {again:?}")
            })?;
            Ok(Some(value))
        }
        Err(error) => {
            let said = error.to_string();
            expect(!said.is_empty(), || "refused without a word".to_owned())?;
            Ok(None)
        }
    }
}

/// Fails unless the key has `count` parts.
fn parts(key: &str, count: usize) -> Result<(), String> {
    let found = key.split('#').count();
    expect(found == count, || format!("`{key}` has {found} parts"))
}
