use serde_json::Value;
use windlass_core::source::Blocked;

use super::*;
use crate::output::Paint;
use crate::testing::{Bench, CONFIG, at};

fn definition(text: &str) -> SourceDefinition {
    // A path would contain the test's own folder.
    Bench::new(&text.replace("file:okta.token", "env:OKTA_TOKEN")).definition()
}

fn record(definition: SourceDefinition) -> SourceRecord {
    SourceRecord {
        definition,
        version: 1,
        blocked: None,
        held_since: None,
        applied_at: at(0),
    }
}

fn named(name: &str) -> SourceDefinition {
    SourceDefinition {
        name: name.parse().unwrap(),
        ..definition(CONFIG)
    }
}

fn changes_of(difference: &Difference) -> Vec<(&str, Change)> {
    let sources = difference.sources.iter();
    sources
        .map(|source| (source.wanted.name.as_str(), source.change))
        .collect()
}

#[test]
fn difference_compares_stored_and_wanted_sources() {
    let blocked = SourceRecord {
        blocked: Some(Blocked {
            reason: "401".to_owned(),
            since: at(1),
            probe_at: at(11),
        }),
        ..record(named("blocked"))
    };
    let moved = SourceDefinition {
        start: at(-5),
        ..named("changed")
    };
    let idle = SourceDefinition {
        paused: true,
        ..named("idle")
    };
    let stored = vec![
        record(named("same")),
        record(named("changed")),
        blocked,
        record(named("gone")),
        record(idle),
    ];
    let wanted = [named("new"), named("same"), moved, named("blocked")];
    let difference = Difference::between(stored.clone(), &wanted, None, false);
    assert_eq!(
        changes_of(&difference),
        [
            ("blocked", Change::Again),
            ("changed", Change::Changed),
            ("gone", Change::Unnamed),
            ("idle", Change::Unnamed),
            ("new", Change::New),
            ("same", Change::Same),
        ]
    );
    assert_eq!(difference.writes().count(), 3);
    let pruned = Difference::between(stored, &wanted, None, true);
    assert_eq!(
        changes_of(&pruned)[2..4],
        [("gone", Change::Paused), ("idle", Change::Unnamed)]
    );
    let gone = pruned.writes().find(|it| it.name.as_str() == "gone");
    assert!(gone.unwrap().paused);
}

#[test]
fn source_duplicated_by_stopped_move_is_rewritten() {
    let older = record(named("okta"));
    let newer = SourceRecord {
        version: 2,
        ..older.clone()
    };
    for stored in [vec![older.clone(), newer.clone()], vec![newer, older]] {
        let difference = Difference::between(stored, &[named("okta")], None, false);
        assert_eq!(changes_of(&difference), [("okta", Change::Again)]);
        let stored = difference.sources[0].stored.as_ref().unwrap();
        assert_eq!(stored.version, 2);
    }
}

/// Every variant of `value` with one changed inner value.
fn mutants(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, inner)| {
                mutants(inner).into_iter().map(move |mutant| {
                    let mut entries = entries.clone();
                    entries.insert(key.clone(), mutant);
                    Value::Object(entries)
                })
            })
            .collect(),
        Value::Bool(on) => vec![(!on).into()],
        Value::Number(number) => vec![(number.as_u64().unwrap() + 1_000).into()],
        Value::Null => vec![],
        Value::String(text) => match text.parse::<windlass_core::Timestamp>() {
            Ok(time) => vec![time.plus_ms(1).to_string().into()],
            Err(_) if text == "oldest_first" => vec!["newest_first".into()],
            Err(_) if text.len() == 12 => vec!["ffffffffffff".into()],
            Err(_) if text.len() == 25 => vec!["ffffffffffff.ffffffffffff".into()],
            Err(_) => vec![format!("{text}x").into()],
        },
        Value::Array(lengths) => {
            let more = lengths.iter().map(|ms| ms.as_u64().unwrap() + 1_000);
            vec![more.collect(), Value::Array(Vec::new())]
        }
    }
}

#[test]
fn each_changed_field_is_shown_alone() {
    let mut old = definition(CONFIG);
    old.destination = [("kind".to_owned(), "firehose".to_owned())].into();
    old.base_url = Some("https://acme.okta.com".to_owned());
    let stored = serde_json::to_value(&old).unwrap();
    let mutants = mutants(&stored);
    assert!(mutants.len() > 20);
    for mutant in mutants {
        let new: SourceDefinition = serde_json::from_value(mutant).unwrap();
        let shown = changes(Some(&old), &new);
        assert_eq!(shown.len(), usize::from(new.name == old.name), "{shown:?}");
    }
}

#[test]
fn difference_lists_sources_and_fields() {
    let held = SourceRecord {
        held_since: Some(at(3)),
        blocked: Some(Blocked {
            reason: "the vendor refuses the token".to_owned(),
            since: at(1),
            probe_at: at(11),
        }),
        ..record(named("okta"))
    };
    let stored = vec![
        held,
        record(named("same")),
        record(named("gone")),
        record(named("left")),
    ];
    let elsewhere = definition(
        &CONFIG
            .replace("acme.okta.com", "other.okta.com")
            .replace("file:okta.token", "ssm:/windlass/okta")
            .replace("start:", "every: 1h\n    start:"),
    );
    let earlier = SourceDefinition {
        start: at(-60),
        end: Some(at(60)),
        ..named("left")
    };
    let wanted = [elsewhere, named("same"), named("brand-new"), earlier];
    let difference = Difference::between(stored, &wanted, None, true);
    insta::assert_snapshot!(difference.text(Paint::PLAIN));
}

#[test]
fn control_characters_are_escaped() {
    let mut new = definition(CONFIG);
    new.params
        .insert("filter".to_owned(), "\u{1b}[2J".to_owned());
    let shown = changes(Some(&definition(CONFIG)), &new);
    let filter = shown.iter().find(|it| it.field == "params.filter").unwrap();
    assert_eq!(filter.new.as_deref(), Some(r#""\u{1b}[2J""#));
}

#[test]
fn raised_settle_explains_time_already_read() {
    let stored = || vec![record(definition(CONFIG))];
    let with = |lines: &str| definition(&CONFIG.replace("start:", &format!("{lines}\n    start:")));
    let text = |wanted| Difference::between(stored(), &[wanted], None, false).text(Paint::PLAIN);
    let swept = text(with("settle: 6h"));
    assert!(
        swept.contains(
            "    time already read with a settle of 15m is read again by sweeps, 1d later\n"
        ),
        "{swept}"
    );
    let unswept = text(with("settle: 6h\n    sweeps: []"));
    assert!(
        unswept.contains(
            "    time already read with a settle of 15m is not read again: the source has no \
             sweeps\n"
        ),
        "{unswept}"
    );
    assert!(!text(with("every: 1h")).contains("after a settle"));
}

#[test]
fn source_of_another_file_is_untouched() {
    let of = |name: &str, file: Option<&str>| {
        record(SourceDefinition {
            file: file.map(str::to_owned),
            ..named(name)
        })
    };
    let stored = vec![
        of("mine", Some("windlass.yaml")),
        of("theirs", Some("other.yaml")),
        of("old", None),
    ];
    let config = Bench::new(CONFIG).config();
    let difference = |prune| Difference::between(stored.clone(), &[], Some(&config.scope), prune);
    let changes = |mine| {
        [
            ("mine", mine),
            ("old", Change::Elsewhere),
            ("theirs", Change::Elsewhere),
        ]
    };
    assert_eq!(changes_of(&difference(true)), changes(Change::Paused));
    assert_eq!(changes_of(&difference(false)), changes(Change::Unnamed));
    insta::assert_snapshot!(difference(false).text(Paint::PLAIN), @r"
    = 1 source of the state is not in the configuration and left unchanged (`--prune` pauses it): mine
    = 2 sources of the state are from files that this configuration does not read, and left unchanged: old, theirs
    ");
}
