use super::*;
use crate::connector::testing::{connector, hour, now, response};

fn judged(
    status: u16,
    headers: &[(&str, &str)],
    token: Option<&str>,
    body: &'static str,
) -> Failure {
    connector("", "")
        .page_of(hour(), token, &response(status, headers, body), now())
        .unwrap_err()
}

#[test]
fn each_http_status_has_default_class() {
    for (status, class) in [
        (199, FailureClass::Block),
        (300, FailureClass::Block),
        (301, FailureClass::Block),
        (304, FailureClass::Block),
        (400, FailureClass::Block),
        (401, FailureClass::Block),
        (403, FailureClass::Block),
        (404, FailureClass::Block),
        (408, FailureClass::Outage),
        (413, FailureClass::Split),
        (418, FailureClass::Block),
        (429, FailureClass::Rate),
        (500, FailureClass::Outage),
        (503, FailureClass::Outage),
        (504, FailureClass::Outage),
    ] {
        for body in ["", "<html>sorry</html>", "{}", "[]", "Retry later"] {
            let failure = judged(status, &[], None, body);
            assert_eq!(
                (failure.class, failure.status),
                (class, Some(status)),
                "{status}"
            );
            assert!(
                failure.message.contains(&status.to_string()),
                "{}",
                failure.message
            );
        }
    }
}

#[test]
fn rejected_page_token_restarts_window() {
    for status in [400, 404, 410, 422] {
        assert_eq!(
            judged(status, &[], Some("t"), "{}").class,
            FailureClass::Restart
        );
        assert_eq!(judged(status, &[], None, "{}").class, FailureClass::Block);
    }
    for status in [401, 403] {
        assert_eq!(
            judged(status, &[], Some("t"), "{}").class,
            FailureClass::Block
        );
    }
}

#[test]
fn rejection_names_what_to_check() {
    for (status, advice) in [
        (400, "returned HTTP 400; check the source's `params`"),
        (401, "credentials not accepted; check the secret"),
        (403, "check the permissions and scopes of the credentials"),
        (404, "check the source's `params` and `base_url`"),
        (
            418,
            "check the source's `params` and the permissions of its credentials",
        ),
        (413, "the request covers too much; the window is split"),
    ] {
        let message = judged(status, &[], None, "").message;
        assert!(message.ends_with(advice), "{message}");
    }
}

#[test]
fn retry_after_is_read_for_transient_statuses() {
    let after = [("Retry-After", "7")];
    assert_eq!(judged(429, &after, None, "").wait_ms, Some(7_000));
    assert_eq!(judged(503, &after, None, "").wait_ms, Some(7_000));
    assert_eq!(judged(403, &after, None, "").wait_ms, None);
    assert_eq!(
        judged(429, &[("Retry-After", "soon")], None, "").wait_ms,
        None
    );
}

const RULES: &str = r#"
rate:
  reset: { header: X-Reset, format: seconds }
error_body: { code: error.code, message: error.text }
errors:
  - { status: [200, 409], path: error.code, in: ["17", busy], class: rate }
  - { status: 409, header: X-Kind, in: [big], class: split, advice: ask for less }
  - { status: 409, text: EXPIRED, class: restart }
  - { status: 409, class: page }
"#;

fn by_rule(status: u16, headers: &[(&str, &str)], body: &'static str) -> Failure {
    connector("errors", RULES)
        .page_of(hour(), None, &response(status, headers, body), now())
        .unwrap_err()
}

#[test]
fn error_without_body_shows_message_of_declared_header() {
    let of = |headers: &[(&str, &str)], body| {
        connector("errors", "error_body: { code: code, header: message }\n")
            .page_of(hour(), None, &response(404, headers, body), now())
            .unwrap_err()
            .message
    };
    let reason = [("message", "Invalid apiKey.\u{1b}[2J")];
    let shown = of(&reason, "");
    assert!(
        shown.starts_with("sample returned HTTP 404 (Invalid apiKey."),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let coded = of(&reason, r#"{"code":"E7"}"#);
    assert!(
        coded.starts_with("sample returned HTTP 404 (E7)"),
        "{coded}"
    );
    assert!(of(&[], "").starts_with("sample returned HTTP 404; "));
}

#[test]
fn first_matching_rule_wins() {
    let reset = [("X-Reset", "2.5"), ("X-Kind", "big")];
    let busy = by_rule(409, &reset, r#"{"error":{"code":"busy"}}"#);
    assert_eq!(
        (busy.class, busy.wait_ms),
        (FailureClass::Rate, Some(2_500))
    );
    assert_eq!(
        by_rule(200, &[], r#"{"error":{"code":17}}"#).class,
        FailureClass::Rate
    );
    let big = by_rule(409, &reset, "not json");
    assert_eq!((big.class, big.wait_ms), (FailureClass::Split, None));
    assert_eq!(big.message, "sample returned HTTP 409; ask for less");
    assert_eq!(
        by_rule(409, &[], "the token has expired").class,
        FailureClass::Restart
    );
    assert_eq!(by_rule(409, &[], "").class, FailureClass::Page);
    assert_eq!(
        by_rule(500, &reset, "").wait_ms,
        None,
        "a reset header alone is no outage's"
    );
}

#[test]
fn unmatched_success_is_a_page() {
    let good = response(200, &[], r#"{"error":{"code":0},"items":[1]}"#);
    let page = connector("errors", RULES)
        .page_of(hour(), None, &good, now())
        .unwrap();
    assert_eq!(page.records.len(), 1);
}

#[test]
fn vendor_message_is_one_short_masked_line() {
    let long = format!(
        r#"{{"error":{{"code":"E1","text":"bad\ncursor t0ken {}"}}}}"#,
        "x".repeat(900)
    );
    let sample = connector("errors", RULES);
    let failure = sample
        .page_of(hour(), Some("t0ken"), &response(500, &[], long), now())
        .unwrap_err();
    assert!(
        failure
            .message
            .starts_with("sample returned HTTP 500 (E1: bad cursor *** xxx")
    );
    assert!(failure.message.chars().count() < 220);
    let link = "https://api.example.com/v1?limit=5&after=abc%2Bdef";
    assert_eq!(
        without_token("after abc+def is gone; limit 5", Some(link)),
        "after *** is gone; limit 5"
    );
    assert_eq!(
        without_token("after abc%2Bdef is gone; limit 5", Some(link)),
        "after *** is gone; limit 5",
        "a value may be said as the link has it"
    );
    assert_eq!(
        without_token(
            "after abc%2Fdef is gone",
            Some("https://a.test/?after=abc/def")
        ),
        "after *** is gone",
        "or as another link would have it"
    );
    assert_eq!(
        without_token("no page a%2Fb%3D or a/b=", Some("a/b=")),
        "no page *** or ***",
        "a token may be said as the request had it"
    );
    assert_eq!(
        without_token(
            "after ab%2fcd is gone",
            Some("https://a.test/?after=ab%2fcd")
        ),
        "after *** is gone",
        "however the link escapes it"
    );
    assert_eq!(
        without_token(
            "after abcdef, page 12345",
            Some("https://a.test/?a=abcdef&b=12345")
        ),
        "after ***, page 12345",
        "six characters are a token, and fewer are not"
    );
    assert_eq!(without_token("kept", Some("")), "kept");
}
