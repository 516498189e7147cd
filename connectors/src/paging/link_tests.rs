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
fn next_link_is_found_among_others() {
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
fn too_many_header_links_are_page_failure() {
    let mut values = vec!["<https://a.test/1>; rel=self"; limits::HEADER_LINKS_MAX];
    assert_eq!(next(&values), None);
    values.push("<https://a.test/2>; rel=next");
    assert_eq!(found(&values).unwrap_err().class, FailureClass::Page);
    let long = values.join(", ");
    assert_eq!(found(&[&long]).unwrap_err().class, FailureClass::Page);
}

#[test]
fn malformed_link_header_never_ends_window() {
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
