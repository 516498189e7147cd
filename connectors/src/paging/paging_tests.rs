use windlass_core::limits;
use windlass_core::retry::FailureClass;

use crate::connector::testing::{built_in, connector, hour, now, response};
use crate::connector::{Connector, Page};
use crate::exchange::Failure;
use crate::paging::{End, Next};

fn read(connector: &Connector, token: Option<&str>, body: &str) -> Result<Page, Failure> {
    connector.page_of(hour(), token, &response(200, &[], body.to_owned()), now())
}

fn class(result: Result<Page, Failure>) -> FailureClass {
    result.unwrap_err().class
}

#[test]
fn repeated_token_restarts_window() {
    let sample = connector("", "");
    for body in [
        r#"{"next":"t","items":[]}"#,
        r#"{"next":"t","items":[{"id":"1"}]}"#,
    ] {
        assert_eq!(class(read(&sample, Some("t"), body)), FailureClass::Restart);
        assert_eq!(
            read(&sample, Some("s"), body).unwrap().next.token(),
            Some("t")
        );
    }
}

#[test]
fn only_declared_end_test_ends_window() {
    let ends = |page: &str, token, body: &str| {
        let page = format!("page:\n  token: {{ body: next }}\n  to: {{ query: c }}\n  {page}\n");
        read(&connector("page", &page), token, body).map(|page| page.next.token().is_none())
    };
    let empty = r#"{"next":"t","items":[]}"#;
    let full = r#"{"next":"t","more":true,"items":[1,2]}"#;
    let last = r#"{"next":"t","more":false,"items":[1,2]}"#;
    assert_eq!(ends("end: [token_absent]", None, empty), Ok(false));
    assert_eq!(
        ends("end: [token_absent]", None, r#"{"next":"","items":[1]}"#),
        Ok(true)
    );
    assert_eq!(
        ends("end: [token_absent]", None, r#"{"next":null,"items":[]}"#),
        Ok(true)
    );
    assert_eq!(ends("end: [page_empty]", None, empty), Ok(true));
    assert_eq!(ends("end: [page_empty]", None, full), Ok(false));
    assert_eq!(ends("end: [{ flag_false: more }]", None, last), Ok(true));
    assert_eq!(ends("end: [{ flag_false: more }]", None, full), Ok(false));
    assert_eq!(ends("end: [token_unchanged]", Some("t"), empty), Ok(true));
    assert!(ends("end: [token_unchanged]", Some("t"), full).is_err());
    assert_eq!(ends("end: [page_short]\n  size: 3", None, full), Ok(true));
    assert_eq!(ends("end: [page_short]\n  size: 2", None, full), Ok(false));
    let neither = ends(
        "end: [{ flag_false: more }]",
        None,
        r#"{"more":true,"items":[1]}"#,
    );
    assert_eq!(neither.unwrap_err().class, FailureClass::Page);
}

#[test]
fn unreadable_token_never_ends_window() {
    for token in [r#"{"cursor":"t"}"#, r#"["t"]"#, "{}", r#""\ud800""#] {
        let body = format!(r#"{{"next":{token},"items":[1]}}"#);
        assert_eq!(
            class(read(&connector("", ""), None, &body)),
            FailureClass::Page,
            "{token}"
        );
    }
}

#[test]
fn overlong_token_is_rejected() {
    let body = format!(
        r#"{{"items":[],"next":"{}"}}"#,
        "x".repeat(limits::CURSOR_BYTES_MAX + 1)
    );
    assert_eq!(
        class(read(&connector("", ""), None, &body)),
        FailureClass::Page
    );
}

#[test]
fn offsets_advance_by_received_count() {
    let nvd = built_in("nvd_cves", &[]);
    let body = |total: u64, count: usize| {
        format!(
            r#"{{"totalResults":{total},"vulnerabilities":[{}]}}"#,
            vec!["{}"; count].join(",")
        )
    };
    let next = |token, total, count| read(&nvd, token, &body(total, count)).map(|page| page.next);
    let ended = |reached, total| Ok(Next::End(End::TotalReached { reached, total }));
    let goes_on = |token: &str| Ok(Next::Page(token.to_owned()));
    assert_eq!(next(None, 0, 0), ended(0, 0));
    assert_eq!(next(None, 3, 2), goes_on("2/3"));
    assert_eq!(next(Some("2/3"), 3, 1), ended(3, 3));
    assert_eq!(next(Some("2/3"), 5, 1), goes_on("3/5"));
    // Ten records have left: those that may have moved before this page are read again.
    assert_eq!(next(Some("20/100"), 90, 20), goes_on("10/90"));
    assert_eq!(next(Some("5/100"), 90, 85), goes_on("0/90"));
    assert_eq!(
        class(read(&nvd, Some("2/9"), &body(9, 0))),
        FailureClass::Page
    );
    assert_eq!(
        class(read(&nvd, None, r#"{"vulnerabilities":[]}"#)),
        FailureClass::Page
    );
    assert_eq!(
        nvd.request(hour(), Some("x")).unwrap_err().class,
        FailureClass::Restart
    );
}

#[test]
fn records_shifted_during_offset_paging_are_read() {
    let nvd = built_in("nvd_cves", &[]);
    let mut rows: Vec<u64> = (0..50).collect();
    let (mut token, mut seen, mut pages) = (None::<String>, Vec::new(), 0);
    loop {
        let from: usize = token
            .as_deref()
            .map_or(0, |it| it.split('/').next().unwrap().parse().unwrap());
        let ids: Vec<String> = rows.iter().skip(from).take(7).map(u64::to_string).collect();
        let items: Vec<String> = ids
            .iter()
            .map(|id| format!(r#"{{"cve":{{"id":{id},"lastModified":1}}}}"#))
            .collect();
        let body = format!(
            r#"{{"totalResults":{},"vulnerabilities":[{}]}}"#,
            rows.len(),
            items.join(",")
        );
        let page = read(&nvd, token.as_deref(), &body).unwrap();
        seen.extend(page.records.iter().map(|record| record.id.clone().unwrap()));
        pages += 1;
        assert!(pages < 40, "does not end");
        // Changed records leave the front of the window while it is being read.
        if pages % 2 == 1 && pages < 8 {
            rows.drain(..2);
        }
        match page.next {
            Next::Page(next) => token = Some(next),
            Next::End(_) => break,
        }
    }
    for row in rows {
        assert!(seen.contains(&format!("{row}|1")), "{row} was skipped");
    }
}
