//! Stored items. Any attributes parse or fail; a parsed item is written in a form that parses to
//! the same, and a parsed source has a policy that passes its check.

use serde_json::Value;
use windlass_core::window::Window;
use windlass_core::{Progress, SourceRecord, Span};
use windlass_state::StateError;
use windlass_state::item::{Attributes, RateItem, SeenPiece, Stored};

use crate::corpus::{Corpus, files};
use crate::draw::Draw;
use crate::input::Input;
use crate::json;
use crate::meter::Meter;
use crate::target::{Target, expect};

/// The target for stored items.
pub(crate) struct StateItems {
    items: Vec<Attributes>,
    texts: Corpus,
}

impl StateItems {
    pub(crate) fn new() -> Self {
        let texts = files("state/testdata", "json");
        let items = texts
            .iter()
            .map(|text| serde_json::from_slice(text).unwrap_or_default());
        Self {
            items: items.collect(),
            texts: Corpus::new(texts, &["null", "-1", "live", "done", "parked"]),
        }
    }
}

impl Target for StateItems {
    fn name(&self) -> &'static str {
        "state_items"
    }

    fn share(&self) -> u64 {
        15
    }

    fn input(&self, draw: &mut Draw) -> Input {
        let item = if draw.one_in(2) {
            let mut item = draw.pick(&self.items).clone();
            for _ in 0..draw.below(4) {
                change(draw, &mut item, &self.items);
            }
            Value::Object(item).to_string().into()
        } else {
            self.texts.mutant(draw)
        };
        Input::new([("item", item)])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let Ok(item) = serde_json::from_slice::<Attributes>(input.bytes("item")) else {
            return Ok(());
        };
        if let Some(window) = again::<Window>(&item, meter)? {
            let span = Span::new(window.id().from, window.to());
            expect(span.is_ok(), || format!("{} is empty", window.id()))?;
        }
        if let Some(record) = again::<SourceRecord>(&item, meter)? {
            let policy = &record.definition.policy;
            policy
                .check()
                .map_err(|error| format!("a policy: {error}"))?;
        }
        again::<Progress>(&item, meter)?;
        again::<RateItem>(&item, meter)?;
        again::<SeenPiece>(&item, meter)?;
        Ok(())
    }
}

/// The value that `item` holds, if it parses: its written form must parse to the same.
fn again<T: Stored + PartialEq>(item: &Attributes, meter: &mut Meter) -> Result<Option<T>, String> {
    match meter.watch(|| T::from_attributes("item", item.clone())) {
        Ok(value) => {
            let written = value.to_attributes();
            let again = T::from_attributes("item", written.clone());
            let same = matches!(&again, Ok(again) if *again == value);
            expect(same, || format!("written as {}", Value::Object(written)))?;
            Ok(Some(value))
        }
        Err(StateError::Corrupt { .. } | StateError::Version { .. }) => Ok(None),
        Err(error) => Err(format!("refused as {error:?}")),
    }
}

/// Changes an attribute's value, removes one, or takes one of another item.
fn change(draw: &mut Draw, item: &mut Attributes, items: &[Attributes]) {
    let names: Vec<String> = item.keys().cloned().collect();
    let other = draw.pick(items);
    let theirs: Vec<&String> = other.keys().collect();
    if names.is_empty() || theirs.is_empty() {
        return;
    }
    let name = draw.pick(&names).clone();
    match draw.below(5) {
        0 => drop(item.remove(&name)),
        1 => {
            let theirs = *draw.pick(&theirs);
            item.insert(theirs.clone(), other[theirs].clone());
        }
        2 => {
            let theirs = *draw.pick(&theirs);
            item.insert(name, other[theirs].clone());
        }
        3 => {
            let number = draw.number() >> draw.below(64);
            let number = if draw.one_in(3) {
                Value::from(number.cast_signed())
            } else {
                Value::from(number)
            };
            item.insert(name, number);
        }
        _ => {
            let mut text = String::new();
            json::value(draw, &[], &mut text);
            item.insert(name, serde_json::from_str(&text).unwrap_or_default());
        }
    }
}
