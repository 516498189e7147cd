//! The end of pages: offsets with more than one end test, tokens at their limits.

use windlass_core::limits;
use windlass_core::retry::FailureClass;

use crate::connector::Connector;
use crate::connector::testing::{connector, hour, now, response};
use crate::paging::Next;

/// Marker for the last page in place of the next token.
const END: &str = "the end";

type Read = Result<String, FailureClass>;

fn next(connector: &Connector, token: Option<&str>, body: &str) -> Read {
    let page = connector.page_of(hour(), token, &response(200, &[], body.to_owned()), now());
    page.map(|page| page.next.token().unwrap_or(END).to_owned())
        .map_err(|failure| failure.class)
}

/// The step after a page of `count` records, of `total`, when pages of three end by `end` too.
fn after(end: &str, token: Option<&str>, total: u64, count: usize) -> Read {
    let page = format!(
        "page:\n  token: {{ offset: {{ total: total }} }}\n  to: {{ query: at }}\n  \
         end: [{end}]\n  size: 3\n"
    );
    let records = vec!["{}"; count].join(",");
    let body = format!(r#"{{"total":{total},"items":[{records}]}}"#);
    next(&connector("page", &page), token, &body)
}

#[test]
fn offsets_can_end_at_empty_or_short_page() {
    let by_total = |count| after("total_reached", Some("3/9"), 9, count);
    assert_eq!(by_total(2), Ok("5/9".into()));
    assert_eq!(by_total(0), Err(FailureClass::Page));
    let by_empty = |count| after("total_reached, page_empty", Some("3/9"), 9, count);
    assert_eq!(
        (by_empty(1), by_empty(0)),
        (Ok("4/9".into()), Ok(END.into()))
    );
    let by_short = |count| after("total_reached, page_short", Some("3/9"), 9, count);
    assert_eq!(
        (by_short(3), by_short(2)),
        (Ok("6/9".into()), Ok(END.into()))
    );
    let first = after("total_reached, page_short", None, 9, 2);
    assert_eq!(first, Ok(END.into()));
}

#[test]
fn dropped_total_overrides_other_offset_ends() {
    for end in [
        "total_reached",
        "total_reached, page_empty",
        "total_reached, page_short",
    ] {
        for count in [0, 1, 3] {
            assert_eq!(after(end, Some("6/9"), 7, count), Ok("4/7".into()), "{end}");
        }
        assert_eq!(after(end, Some("1/9"), 8, 3), Ok("0/8".into()), "{end}");
    }
}

fn by(end: &str) -> Connector {
    let page = format!("page:\n  token: {{ body: next }}\n  to: {{ query: c }}\n  end: [{end}]\n");
    connector("page", &page)
}

#[test]
fn any_end_test_ends_window() {
    let either = by("token_absent, { flag_false: more }");
    let page = |body| next(&either, None, body);
    assert_eq!(
        page(r#"{"more":false,"next":"t","items":[1]}"#),
        Ok(END.into())
    );
    assert_eq!(page(r#"{"more":true,"items":[1]}"#), Ok(END.into()));
    assert_eq!(
        page(r#"{"more":true,"next":"t","items":[1]}"#),
        Ok("t".into())
    );
}

#[test]
fn unchanged_token_must_equal_requested_token() {
    let sample = by("token_unchanged");
    let empty = r#"{"next":"t","items":[]}"#;
    assert_eq!(next(&sample, Some("t"), empty), Ok(END.into()));
    assert_eq!(next(&sample, Some("s"), empty), Ok("t".into()));
    assert_eq!(next(&sample, None, empty), Ok("t".into()));
    let without = next(&sample, None, r#"{"items":[]}"#);
    assert_eq!(without, Err(FailureClass::Page));
}

#[test]
fn longest_storable_token_is_accepted() {
    let longest = "x".repeat(limits::CURSOR_BYTES_MAX);
    let body = format!(r#"{{"items":[],"next":"{longest}"}}"#);
    assert_eq!(next(&connector("", ""), None, &body), Ok(longest));
}

#[test]
fn every_end_states_evidence() {
    let end = |page: &str, token: Option<&str>, body: &str| {
        let page = format!("page:\n  {page}\n  size: 3\n");
        let page = connector("page", &page).page_of(
            hour(),
            token,
            &response(200, &[], body.to_owned()),
            now(),
        );
        match page.unwrap().next {
            Next::End(end) => end.to_string(),
            Next::Page(token) => panic!("goes on at {token}"),
        }
    };
    let token = "token: { body: meta.next }\n  to: { query: c }";
    let body = r#"{"meta":{"more":false},"items":[1,2]}"#;
    for (page, before, body, evidence) in [
        (
            "end: [token_absent]".to_owned(),
            None,
            body,
            "the API has only one page",
        ),
        (
            format!("{token}\n  end: [token_absent]"),
            None,
            body,
            "the response has no token at `meta.next`",
        ),
        (
            "token: { header: X-Next }\n  to: { query: c }\n  end: [token_absent]".to_owned(),
            None,
            body,
            "the response has no token in the header `X-Next`",
        ),
        (
            "token: { link: next }\n  to: url\n  end: [token_absent]".to_owned(),
            None,
            body,
            "the response has no Link with rel=next",
        ),
        (
            format!("{token}\n  end: [token_unchanged]"),
            Some("t"),
            r#"{"meta":{"next":"t"},"items":[]}"#,
            "the page is empty and repeats its own token",
        ),
        (
            format!("{token}\n  end: [page_short]"),
            None,
            body,
            "the page has 2 records of the 3 requested",
        ),
        (
            format!("{token}\n  end: [{{ flag_false: meta.more }}]"),
            None,
            body,
            "`meta.more` is false",
        ),
        (
            "token: { offset: { total: n } }\n  to: { query: at }\n  end: [total_reached]"
                .to_owned(),
            None,
            r#"{"n":2,"items":[1,2]}"#,
            "2 of 2 records are read",
        ),
        (
            "token: { page_number: { pages: n } }\n  to: { query: p }\n  end: [pages_reached]"
                .to_owned(),
            None,
            r#"{"n":1,"items":[1,2]}"#,
            "page 1 of 1 is read",
        ),
    ] {
        assert_eq!(end(&page, before, body), evidence);
    }
}
