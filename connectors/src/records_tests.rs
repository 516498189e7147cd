use super::*;

fn path(text: &str) -> JsonPath {
    text.parse().unwrap()
}

fn elements<'a>(at: &str, json: &'a str) -> Result<Vec<&'a str>, &'static str> {
    let mut paths = Paths::default();
    paths.elements(&path(at));
    let found = paths.read(json).map_err(|_| "not JSON")?;
    let raws = found.elements().map_err(|error| match error {
        NoArray::Missing => "missing",
        NoArray::Other => "not an array",
        NoArray::Several => "several arrays",
    })?;
    Ok(raws.first().iter().copied().map(RawValue::get).collect())
}

fn values(json: &str, at: &[&str]) -> Vec<Option<String>> {
    let mut paths = Paths::default();
    let slots: Vec<usize> = at.iter().map(|at| paths.add(&path(at))).collect();
    let read = paths.read(json).unwrap();
    let mut picked = paths.read("{}").unwrap();
    paths.pick(json, &mut picked);
    let get = |found: &Found<'_>| -> Vec<Option<String>> {
        slots
            .iter()
            .map(|slot| found.get(*slot).map(Cow::into_owned))
            .collect()
    };
    assert_eq!(
        get(&read),
        get(&picked),
        "an early end must not change what is found"
    );
    get(&read)
}

#[test]
fn records_keep_vendor_bytes() {
    let json = r#"{"a":1,"items":[ {"x" : "]}"} ,2,"[",{}],"z":[]}"#;
    assert_eq!(
        elements("items", json).unwrap(),
        [r#"{"x" : "]}"}"#, "2", "\"[\"", "{}"]
    );
    assert_eq!(elements(".", "[1,[2]]").unwrap(), ["1", "[2]"]);
    assert_eq!(elements("items", r#"{"items":[]}"#).unwrap(), [""; 0]);
    let deep = r#"{"data":{"items":[0],"n":{"items":[1]}},"items":[2]}"#;
    assert_eq!(elements("data.items", deep).unwrap(), ["0"]);
}

#[test]
fn path_into_records_array_is_read() {
    for (at, into, json) in [
        (
            "items",
            "items[1].next",
            r#"{"items":[{"next":1},{"next":"2"},3]}"#,
        ),
        (".", "[1].next", r#"[{"next":1},{"next":"2"},3]"#),
    ] {
        let mut paths = Paths::default();
        paths.elements(&path(at));
        let (next, absent) = (paths.add(&path(into)), paths.add(&path("[9]")));
        let found = paths.read(json).unwrap();
        assert_eq!(found.elements().unwrap().len(), 3, "{json}");
        assert_eq!(found.get(next).as_deref(), Some("2"), "{json}");
        assert_eq!(found.get(absent), None, "{json}");
    }
}

#[test]
fn path_can_equal_records_array() {
    let mut paths = Paths::default();
    paths.elements(&path("items"));
    let slot = paths.add(&path("items"));
    let found = paths.read(r#"{"items":[1,2]}"#).unwrap();
    assert_eq!(found.elements().unwrap().len(), 2);
    assert!(found.get(slot).is_none() && found.is_unreadable(slot));
    let found = paths.read(r#"{"items":7}"#).unwrap();
    assert_eq!(found.elements().unwrap_err(), NoArray::Other);
    assert_eq!(found.get(slot).as_deref(), Some("7"));
}

#[test]
fn missing_empty_and_wrong_arrays_differ() {
    for none in [
        "{}",
        r#"{"items":null}"#,
        r#"{"other":[1]}"#,
        r#"{"data":{"items":[1]}}"#,
    ] {
        assert_eq!(elements("items", none), Err("missing"), "{none}");
    }
    for wrong in [
        r#"{"items":{}}"#,
        r#"{"items":"x"}"#,
        r#"{"items":0}"#,
        r#"{"items":false}"#,
    ] {
        assert_eq!(elements("items", wrong), Err("not an array"), "{wrong}");
    }
    for wrong in [
        "[]",
        "0",
        "\"\"",
        "null",
        r#"{"data":[]}"#,
        r#"{"data":"x"}"#,
    ] {
        assert_eq!(
            elements("data.items", wrong),
            Err("not an array"),
            "{wrong}"
        );
    }
    assert_eq!(elements("items", r#"{"items":[]}"#), Ok(vec![]));
    assert_eq!(elements("data.items", r#"{"data":null}"#), Err("missing"));
    assert_eq!(elements("data.items", r#"{"data":{}}"#), Err("missing"));
    assert_eq!(elements("data.items", "{}"), Err("missing"));
    assert_eq!(elements(".", "null"), Err("missing"));
    assert_eq!(elements("data[1]", r#"{"data":{}}"#), Err("not an array"));
    assert_eq!(elements("data[1]", r#"{"data":[0]}"#), Err("missing"));
    assert_eq!(elements("data[1]", r#"{"data":[0,[7]]}"#), Ok(vec!["7"]));
    assert_eq!(elements(".", "{}"), Err("not an array"));
}

#[test]
fn incomplete_json_is_an_error() {
    for bad in [
        "",
        "<html>",
        r#"{"items":[1"#,
        r#"{"items":[1]} x"#,
        r#"{"items":[1,]}"#,
        "[1",
    ] {
        assert_eq!(elements("items", bad), Err("not JSON"), "{bad}");
    }
}

#[test]
fn strings_are_decoded_and_scalars_kept() {
    let json =
        r#"{"a":{"b":"x\u00e9\"","b2":-9007199254740993000},"c":[{"d":true},1.50],"e":null}"#;
    let at = [
        "a.b",
        "a.b2",
        "c[0].d",
        "c[1]",
        "e",
        "a",
        "c[2]",
        "none.at.all",
        "a.b.c",
    ];
    let text = |it: &str| Some(it.to_owned());
    assert_eq!(
        values(json, &at),
        [
            text("xé\""),
            text("-9007199254740993000"),
            text("true"),
            text("1.50"),
            None,
            None,
            None,
            None,
            None
        ]
    );
}

#[test]
fn first_of_escaped_or_repeated_keys_wins() {
    assert_eq!(
        values(r#"{"\u0069d":"1","id":"2"}"#, &["id"]),
        [Some("1".to_owned())]
    );
    let nested = r#"{"x":{"id":"inner"},"id":"outer"}"#;
    assert_eq!(values(nested, &["id"]), [Some("outer".to_owned())]);
}

#[test]
fn path_can_extend_another() {
    let json = r#"{"error":{"message":"m"}}"#;
    assert_eq!(
        values(json, &["error", "error.message"]),
        [None, Some("m".to_owned())]
    );
}

#[test]
fn record_that_is_not_object_has_no_values() {
    for json in ["1", "\"id\"", "[]", "null", "{}"] {
        assert_eq!(values(json, &["id"]), [None], "{json}");
    }
}

#[test]
fn deep_nesting_is_preserved() {
    let depth = 100_000;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let json = format!(r#"{{"items":[{{"id":1,"x":{deep}}}]}}"#);
    assert_eq!(
        elements("items", &json).unwrap()[0].len(),
        r#"{"id":1,"x":}"#.len() + 2 * depth
    );
    assert_eq!(values(&json, &["items[0].id"]), [Some("1".to_owned())]);
    // Read as a document of its own, it is an error instead.
    assert!(elements("items", &format!(r#"{{"items":[{}"#, "[".repeat(depth))).is_err());
}
