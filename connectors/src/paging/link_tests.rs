use super::*;

fn found(values: &[&str]) -> Result<Option<String>, Failure> {
    find(
        &values.iter().map(|value| ("link", *value)).collect(),
        "next",
    )
}

fn next(values: &[&str]) -> Option<String> {
    found(values).unwrap()
}

#[test]
fn a_next_link_is_found_among_others() {
    for (value, expected) in [
        (
            r#"<https://a.test/?p=2>; rel="next""#,
            Some("https://a.test/?p=2"),
        ),
        (
            r#"<https://a.test/1>; rel="self", <https://a.test/2>; rel="next""#,
            Some("https://a.test/2"),
        ),
        ("<https://a.test/2>;rel=next", Some("https://a.test/2")),
        (
            r#"<https://a.test/2> ; REL = "NEXT""#,
            Some("https://a.test/2"),
        ),
        (
            r#"<https://a.test/2>; rel="last next""#,
            Some("https://a.test/2"),
        ),
        (
            r#"<https://a.test/?a=1,2;b=">; title="x, <y>; rel=prev"; rel="next""#,
            Some("https://a.test/?a=1,2;b=\""),
        ),
        (
            r#"<https://a.test/1>; title="q\", rel=next"; rel=self"#,
            None,
        ),
        (
            r"<https://a.test/2>; x=\; rel=next",
            Some("https://a.test/2"),
        ),
        (r#"<https://a.test/1>; rel="nextish""#, None),
        ("<https://a.test/1>", None),
        (
            ", ,<https://a.test/1>; rel=self,, <https://a.test/2>; rel=next",
            Some("https://a.test/2"),
        ),
        ("", None),
    ] {
        assert_eq!(next(&[value]).as_deref(), expected, "{value}");
    }
    assert_eq!(
        next(&["<https://a.test/1>; rel=self", "</2>; rel=next"]).as_deref(),
        Some("/2")
    );
}

#[test]
fn only_so_many_header_values_are_read_and_the_rest_is_not_taken_for_absent() {
    let mut values = vec!["<https://a.test/1>; rel=self"; limits::HEADER_LINKS_MAX];
    assert_eq!(next(&values), None);
    values.push("<https://a.test/2>; rel=next");
    assert_eq!(found(&values).unwrap_err().class, FailureClass::Page);
    let long = values.join(", ");
    assert_eq!(found(&[&long]).unwrap_err().class, FailureClass::Page);
}

#[test]
fn a_header_that_cannot_be_read_to_its_end_is_not_taken_for_the_last_page() {
    for value in [
        "<https://a.test/1",
        "rel=next",
        "https://a.test/2; rel=next",
        "<https://a.test/1>; rel=self, https://a.test/2; rel=next",
    ] {
        assert_eq!(
            found(&[value]).unwrap_err().class,
            FailureClass::Page,
            "{value}"
        );
    }
}
