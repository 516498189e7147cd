//! Page numbers: counted from the declared first one, ended by a page or by the vendor's number of
//! pages.

use windlass_core::retry::FailureClass;

use crate::connector::Connector;
use crate::connector::testing::{connector, hour, now, response, sample};
use crate::exchange::Failure;
use crate::manifest::Manifest;
use crate::paging::{End, Next};

fn section(token: &str, end: &str) -> String {
    format!("page:\n  token: {token}\n  to: {{ query: page }}\n  end: [{end}]\n  size: 10\n")
}

fn numbered(token: &str, end: &str) -> Connector {
    connector("page", &section(token, end))
}

fn body(pages: &str, records: usize) -> String {
    let records = vec!["{}"; records].join(",");
    format!(r#"{{"pages":{pages},"items":[{records}]}}"#)
}

fn next(connector: &Connector, token: Option<&str>, body: String) -> Result<Next, Failure> {
    let page = connector.page_of(hour(), token, &response(200, &[], body), now());
    page.map(|page| page.next)
}

fn query(connector: &Connector, token: Option<&str>) -> String {
    let request = connector.request(hour(), token).unwrap();
    request.http().url.query().unwrap().to_owned()
}

#[test]
fn requests_carry_page_numbers_from_first() {
    let bounds = "since=1767225600000&until=1767229200000";
    let from_one = numbered("{ page_number: {} }", "page_short");
    assert_eq!(query(&from_one, None), format!("{bounds}&page=1"));
    assert_eq!(query(&from_one, Some("2")), format!("{bounds}&page=2"));
    let from_zero = numbered("{ page_number: { first: 0 } }", "page_short");
    assert_eq!(query(&from_zero, None), format!("{bounds}&page=0"));
    let full = next(&from_zero, None, body("null", 10));
    assert_eq!(full, Ok(Next::Page("1".to_owned())));
}

#[test]
fn page_numbers_end_at_empty_or_short_page() {
    let by_empty = numbered("{ page_number: {} }", "page_empty");
    let by_short = numbered("{ page_number: {} }", "page_short");
    let page = |number: &str| Ok(Next::Page(number.to_owned()));
    assert_eq!(next(&by_empty, Some("4"), body("null", 3)), page("5"));
    let empty = next(&by_empty, Some("5"), body("null", 0));
    assert_eq!(empty, Ok(Next::End(End::PageEmpty)));
    assert_eq!(next(&by_short, Some("4"), body("null", 10)), page("5"));
    let short = next(&by_short, Some("5"), body("null", 9));
    let size = 10;
    assert_eq!(short, Ok(Next::End(End::PageShort { records: 9, size })));
}

#[test]
fn page_numbers_end_at_page_count() {
    let ended = |read, pages| Ok(Next::End(End::PagesReached { read, pages }));
    let page = |number: &str| Ok(Next::Page(number.to_owned()));
    for (first, second, third) in [("0", "1", "2"), ("1", "2", "3")] {
        let token = format!("{{ page_number: {{ first: {first}, pages: pages }} }}");
        let sample = numbered(&token, "pages_reached");
        assert_eq!(next(&sample, None, body("3", 10)), page(second));
        // A short page in the middle does not end the window.
        assert_eq!(next(&sample, Some(second), body("3", 1)), page(third));
        assert_eq!(next(&sample, Some(third), body("3", 10)), ended(3, 3));
        assert_eq!(next(&sample, None, body("0", 0)), ended(1, 0));
    }
}

#[test]
fn page_numbers_without_end_are_rejected() {
    for end in ["token_absent", "token_unchanged"] {
        let text = sample("page", &section("{ page_number: {} }", end));
        let error = Manifest::load("sample.yaml", &text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("page numbers alone never end"), "{error}");
    }
}

#[test]
fn missing_page_count_never_ends_window() {
    let sample = numbered("{ page_number: { pages: pages } }", "pages_reached");
    for pages in ["null", r#""many""#, "-1", "[3]"] {
        let failure = next(&sample, None, body(pages, 10)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Page, "{pages}");
        assert_eq!(
            failure.message,
            "the page has no number of pages at `pages`"
        );
    }
}

#[test]
fn invalid_stored_page_number_restarts_window() {
    let sample = numbered("{ page_number: {} }", "page_short");
    for token in ["1", "0", "-1", "x", "2/3", ""] {
        let failure = sample.request(hour(), Some(token)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Restart, "{token}");
    }
}

#[test]
fn page_numbers_read_every_record_once() {
    let text = sample("page", &section("{ page_number: {} }", "page_short"));
    let text = text.replace(
        "until: \"{to}\"",
        "until: \"{to}\", per_page: \"{page_size}\"",
    );
    let manifest = Manifest::load("sample.yaml", &text).unwrap();
    let settings = crate::connector::testing::settings(&[("team", "a")]);
    let sample = Connector::compile(&manifest, &settings).unwrap();
    let (mut token, mut read) = (None::<String>, Vec::new());
    loop {
        let request = sample.request(hour(), token.as_deref()).unwrap();
        let asked = |name: &str| {
            let mut pairs = request.http().url.query_pairs();
            let value = pairs.find(|(key, _)| key == name).unwrap().1;
            value.parse::<usize>().unwrap()
        };
        let (number, size) = (asked("page"), asked("per_page"));
        let ids = (0..30).skip((number - 1) * size).take(size);
        let records: Vec<_> = ids.map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        let body = format!(r#"{{"items":[{}]}}"#, records.join(","));
        let page = sample
            .read(&request, &response(200, &[], body), now())
            .unwrap();
        read.extend(page.records.into_iter().filter_map(|record| record.id));
        match page.next {
            Next::Page(next) => token = Some(next),
            Next::End(end) => {
                let size = 10;
                assert_eq!(end, End::PageShort { records: 0, size });
                break;
            }
        }
    }
    let all: Vec<_> = (0..30).map(|id: u32| id.to_string()).collect();
    assert_eq!(read, all);
}

#[test]
fn contradictory_page_number_settings_are_rejected() {
    let error = |token: &str, end: &str| {
        let text = sample("page", &section(token, end));
        Manifest::load("sample.yaml", &text)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(error("{ page_number: {} }", "pages_reached"), @"sample.yaml:23:8: `page.end`: `pages_reached` needs the number of pages; write `token: { page_number: { pages: PATH } }`");
    insta::assert_snapshot!(error("{ page_number: { pages: n } }", "page_empty"), @"sample.yaml:23:8: `page.end`: paging with a number of pages needs the end test of that number; add `pages_reached`");
    insta::assert_snapshot!(error("{ page_number: {} }", "total_reached"), @"sample.yaml:23:8: `page.end`: `total_reached` needs offset paging; write `token: { offset: { total: PATH } }`");
    insta::assert_snapshot!(error("{ body: next }", "pages_reached"), @"sample.yaml:23:8: `page.end`: `pages_reached` needs page numbers; write `token: { page_number: { pages: PATH } }`");
    insta::assert_snapshot!(error("{ page_number: { frist: 0 } }", "page_empty"), @"sample.yaml:21:27: unknown field `frist`; did you mean `first`?");
    insta::assert_snapshot!(error("{ page_numbr: {} }", "page_empty"), @"sample.yaml:21:12: `page_numbr` is not allowed here; did you mean `page_number`?");
    insta::assert_snapshot!(error("next", "page_empty"), @"sample.yaml:21:10: `next` is not allowed here; expected one of body, header, link, offset, page_number");
    let url = section("{ page_number: {} }", "page_empty").replace("{ query: page }", "url");
    let error = Manifest::load("sample.yaml", &sample("page", &url)).unwrap_err();
    insta::assert_snapshot!(error, @"sample.yaml:22:7: `page.to`: a page number is not a URL; write `to: { query: NAME }`");
}
