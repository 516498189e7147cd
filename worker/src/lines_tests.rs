use proptest::prelude::*;
use serde_json::{Map, Value, json};
use windlass_connectors::connector::Record;

use super::*;

const REQUEST: &str = "00112233aabbccdd";

fn window() -> Window {
    let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let to = "2026-01-01T01:00:00Z".parse().unwrap();
    let window = Window::new(id, to, Timestamp::from_ms(0)).unwrap();
    window.with(|form| form.page = 3)
}

fn record(raw: &str) -> Record {
    Record {
        raw: Bytes::copy_from_slice(raw.as_bytes()),
        id: Some("id-1".to_owned()),
        time: Some("2026-01-01T00:30:00Z".parse().unwrap()),
    }
}

fn lines_of(records: &[Record], metadata: bool) -> (Batch, PageTotals) {
    let window = window();
    let context = PageContext {
        window: &window,
        connector: "okta_system_log",
        request_hash: REQUEST,
        metadata,
        pulled_at: "2026-01-02T00:00:00Z".parse().unwrap(),
    };
    let (mut notes, mut totals) = (Notes::default(), PageTotals::default());
    let buffer = b"left over".to_vec();
    let batch = lines((0, records), &context, &mut notes, &mut totals, buffer);
    (batch, totals)
}

/// The line of `raw`, as text without its end.
fn line(raw: &str) -> String {
    line_of(record(raw))
}

fn line_of(record: Record) -> String {
    let (batch, totals) = lines_of(&[record], true);
    assert_eq!((totals.records, totals.rejected), (1, 0));
    let text = String::from_utf8(batch.lines.to_vec()).unwrap();
    assert_eq!(batch.ends, [text.len()]);
    text.strip_suffix('\n').unwrap().to_owned()
}

fn parsed(raw: &str) -> Value {
    serde_json::from_str(&line(raw)).unwrap()
}

fn reason(raw: &str) -> String {
    let (batch, totals) = lines_of(&[record(raw)], true);
    assert_eq!((totals.records, totals.bytes, totals.rejected), (0, 0, 1));
    assert!(batch.lines.is_empty() && batch.ends.is_empty());
    assert_eq!(batch.rejects[0].raw, raw.as_bytes());
    batch.rejects[0].reason.clone()
}

#[test]
fn metadata_precedes_unchanged_record_bytes() {
    let expected = concat!(
        r#"{"_windlass":{"source":"okta","connector":"okta_system_log","#,
        r#""window":"okta/0123456789ab/live/2026-01-01T00:00:00.000Z","page":3,"#,
        r#""id":"id-1","id_kind":"vendor","time":"2026-01-01T00:30:00.000Z","#,
        r#""pulled_at":"2026-01-02T00:00:00.000Z"},"b": 1.50, "a":{"x":[1 ,2]}}"#,
    );
    assert_eq!(line(r#"{"b": 1.50, "a":{"x":[1 ,2]}}"#), expected);
}

#[test]
fn empty_object_gets_no_comma() {
    for raw in ["{}", "{ }", " {\n} "] {
        let object = parsed(raw);
        assert_eq!(object.as_object().unwrap().len(), 1, "{raw}");
        assert!(line(raw).ends_with("\"}}"), "{raw}");
    }
}

#[test]
fn surrounding_whitespace_is_dropped() {
    assert_eq!(line(" \t{ \"a\":1 }\r\n"), line(r#"{"a":1 }"#));
}

#[test]
fn non_object_is_rejected() {
    for raw in ["[1,2]", "7", "null", r#""{}""#, "true", "[{}]", ""] {
        assert!(reason(raw).starts_with("not a JSON object"), "{raw}");
    }
}

#[test]
fn record_with_reserved_key_is_rejected() {
    for raw in [
        r#"{"_windlass":1}"#,
        r#"{"a":1, "_windlass" : {}}"#,
        // Half of a surrogate pair: not all keys are readable.
        r#"{"\ud800":1,"_windlass":{}}"#,
        r#"{"\u005fwindlass":1}"#,
        r#"{"_windlas\u0073":1}"#,
        r#"{"_wind\u006Cass":1}"#,
    ] {
        assert!(reason(raw).contains("key `_windlass`"), "{raw}");
    }
}

#[test]
fn nested_or_quoted_reserved_key_is_allowed() {
    for raw in [
        r#"{"a":{"_windlass":1}}"#,
        r#"{"a":"_windlass"}"#,
        r#"{"a":"{\"_windlass\":1}"}"#,
        r#"{"_windlass_":1,"x_windlass":2}"#,
        r#"{"a":"\u005fwindlass"}"#,
    ] {
        let mut object = parsed(raw);
        object.as_object_mut().unwrap().remove("_windlass");
        assert_eq!(object, serde_json::from_str::<Value>(raw).unwrap());
    }
}

#[test]
fn id_is_escaped_as_json() {
    let id = "a\"b\\c\nd\u{1}é\u{2028}";
    let text = line_of(Record {
        id: Some(id.to_owned()),
        ..record("{}")
    });
    assert!(!text.contains('\n'));
    let object: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["_windlass"]["id"], id);
}

#[test]
fn line_breaks_between_tokens_are_removed() {
    let text = line("{\r\n  \"a\": \"x\\ny\",\n  \"b\": [\n1\n]\n}");
    assert!(text.ends_with(r#"},"a": "x\ny",  "b": [1]}"#), "{text}");
}

#[test]
fn records_without_metadata_pass_unchecked() {
    let raws = ["{\"_windlass\":1}", "[1,\n2]", "7", "{}"];
    let (batch, totals) = lines_of(&raws.map(record), false);
    assert_eq!(&batch.lines[..], b"{\"_windlass\":1}\n[1,2]\n7\n{}\n");
    assert_eq!(batch.ends, [16, 22, 24, 27]);
    assert_eq!((totals.records, totals.rejected), (4, 0));
}

#[test]
fn missing_vendor_id_falls_back_to_position() {
    let raw = Record {
        id: None,
        ..record("{}")
    };
    let (batch, _) = lines_of(&[record("{}"), raw.clone(), raw], true);
    let ids: Vec<_> = batch
        .lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap()["_windlass"].clone())
        .map(|metadata| (metadata["id"].clone(), metadata["id_kind"].clone()))
        .collect();
    let place = |index: usize| json!(format!("{REQUEST}:2026-01-01T00:00:00.000Z:3:{index}"));
    let (vendor, position) = (json!("vendor"), json!("position"));
    let expected = [
        (json!("id-1"), vendor),
        (place(1), position.clone()),
        (place(2), position),
    ];
    assert_eq!(ids, expected);
}

#[test]
fn timeless_record_has_no_metadata_time() {
    let text = line_of(Record {
        time: None,
        ..record(r#"{"a":1}"#)
    });
    let object: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["_windlass"].get("time"), None);
    assert_eq!(object["_windlass"]["pulled_at"], "2026-01-02T00:00:00.000Z");
}

#[test]
fn page_totals_separate_sent_and_rejected() {
    let at = |hour: &str, raw| Record {
        time: Some(format!("2026-01-01T{hour}:00:00Z").parse().unwrap()),
        ..record(raw)
    };
    let records = vec![at("05", r#"{"a":1}"#), at("02", "7"), at("09", "{}")];
    let (batch, totals) = lines_of(&records, true);
    assert_eq!((totals.records, totals.bytes, totals.rejected), (2, 9, 1));
    assert_eq!(totals.oldest, Some("2026-01-01T02:00:00Z".parse().unwrap()));
    assert_eq!(totals.newest, Some("2026-01-01T09:00:00Z".parse().unwrap()));
    assert_eq!((batch.page, batch.rejects[0].index), (3, 1));
    assert_eq!(batch.ends.len(), 2);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        Just(Value::from("_windlass")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("_windlass|.{0,6}", inner, 0..4)
                .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn every_line_is_record_behind_metadata(
        value in values(),
        pretty in any::<bool>(),
        id in prop::option::of(".*"),
    ) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let object = value.as_object();
        let fits = object.is_some_and(|object| !object.contains_key("_windlass"));
        let (batch, totals) = lines_of(&[Record { id, ..record(&text) }], true);
        prop_assert_eq!(totals.records, u64::from(fits));
        prop_assert_eq!(totals.rejected, u64::from(!fits));
        if fits {
            let (last, line) = batch.lines.split_last().unwrap();
            prop_assert_eq!(*last, b'\n');
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            let in_front = line.starts_with(b"{\"_windlass\":{");
            prop_assert!(in_front);
            let mut sent: Value = serde_json::from_slice(line).unwrap();
            prop_assert!(sent.as_object_mut().unwrap().remove("_windlass").is_some());
            prop_assert_eq!(sent, value);
        } else {
            prop_assert_eq!(&batch.rejects[0].raw[..], text.as_bytes());
        }
    }
}
