use std::collections::BTreeMap;

use super::*;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    #[expect(dead_code, reason = "only its reading matters")]
    window: Window,
    #[serde(default)]
    #[expect(dead_code, reason = "only its reading matters")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    #[expect(dead_code, reason = "only its reading matters")]
    initial: u32,
}

fn error(text: &str) -> String {
    load::<Sample>("a.yaml", text).unwrap_err().to_string()
}

#[test]
fn an_unknown_field_is_placed_and_explained() {
    insta::assert_snapshot!(
        error("window:\n  initail: 5\n"),
        @"a.yaml:2:3: unknown field `initail`; did you mean `initial`?"
    );
    insta::assert_snapshot!(error("window: { initial: 5 }\nzzz: 1\n"), @"a.yaml:2:1: unknown field `zzz`; expected one of window, tags");
}

#[test]
fn a_missing_field_and_a_wrong_type_are_placed() {
    insta::assert_snapshot!(error("window: {}\n"), @"a.yaml:1:9: field `initial` is missing; add `initial:` here");
    insta::assert_snapshot!(error("window:\n  initial: many\n"), @"a.yaml:2:12: invalid u32");
}

#[test]
fn a_key_given_twice_is_refused() {
    insta::assert_snapshot!(error("window: { initial: 1 }\nwindow: { initial: 2 }\n"), @"a.yaml:2:1: `window` is given twice; keep one of them");
}

#[test]
fn broken_yaml_is_placed() {
    assert!(error("window: [\n").starts_with("a.yaml:"));
}

#[test]
fn an_error_of_our_own_points_at_the_field_or_the_closest_one_there() {
    let text = "window:\n  initial: 5\ntags:\n  - a\n  - b\n";
    let at = |field| {
        let error = invalid("a.yaml", text, field, "is wrong", None);
        (error.line, error.column)
    };
    assert_eq!(at("window.initial"), (2, 12));
    assert_eq!(at("window.absent"), at("window"));
    assert_eq!(at("tags[1]"), (5, 5));
}

#[test]
fn only_close_words_are_suggested() {
    assert_eq!(
        did_you_mean("initail", ["initial", "settle"]),
        Some("initial")
    );
    assert_eq!(did_you_mean("retries", ["initial", "settle"]), None);
}
