//! Each built-in manifest against its fixtures: the exact requests, and the result of reading pages
//! and errors of the vendor's documented shape.

use windlass_core::Timestamp;
use windlass_core::retry::FailureClass;

use super::testing::{built_in, fixture, hour, now, response, span};
use super::{Connector, Page};
use crate::exchange::Failure;

fn url(connector: &Connector, token: Option<&str>) -> String {
    String::from(connector.request(hour(), token).unwrap().http.url)
}

fn page(connector: &Connector, token: Option<&str>, path: &str) -> Page {
    let response = response(200, &[], fixture(path));
    connector
        .page_of(hour(), token, &response, now())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn failure(
    connector: &Connector,
    token: Option<&str>,
    status: u16,
    headers: &[(&str, &str)],
    path: &str,
) -> Failure {
    connector
        .page_of(
            hour(),
            token,
            &response(status, headers, fixture(path)),
            now(),
        )
        .unwrap_err()
}

fn ids(page: &Page) -> Vec<&str> {
    page.records
        .iter()
        .map(|record| record.id.as_deref().unwrap())
        .collect()
}

fn times(page: &Page) -> Vec<String> {
    let time = |time: Option<Timestamp>| time.unwrap().to_string();
    page.records
        .iter()
        .map(|record| time(record.time))
        .collect()
}

#[test]
fn google_reports_pages_through_window() {
    let params = [
        ("application", "login"),
        ("admin_email", "admin@example.com"),
    ];
    let google = built_in("google_reports", &params);
    insta::assert_snapshot!(url(&google, None), @"https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/login?endTime=2026-01-01T01%3A00%3A00.001Z&maxResults=1000&prettyPrint=false&startTime=2025-12-31T23%3A59%3A59.999Z");
    let first = page(&google, None, "google_reports/page1.json");
    assert_eq!(
        ids(&first),
        [
            "C0windlass|login|2026-01-01T00:59:59.999Z|-7000000000000000001",
            "C0windlass|login|2026-01-01T00:40:00.500Z|7000000000000000002"
        ]
    );
    assert_eq!(
        times(&first),
        ["2026-01-01T00:59:59.999Z", "2026-01-01T00:40:00.500Z"]
    );
    assert!(first.in_order);
    let token = first.next.token().unwrap().to_owned();
    insta::assert_snapshot!(url(&google, Some(&token)), @"https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/login?endTime=2026-01-01T01%3A00%3A00.001Z&maxResults=1000&prettyPrint=false&startTime=2025-12-31T23%3A59%3A59.999Z&pageToken=A%3A1767225600000%3A-42%3A%2B%2F%3D%26page");
    let last = page(&google, Some(&token), "google_reports/page2.json");
    // The record of the instant before belongs to the neighboring window.
    assert_eq!(
        (last.records.len(), last.trimmed, last.next.token()),
        (1, 1, None)
    );
    let empty = page(&google, None, "google_reports/empty.json");
    assert_eq!((empty.records.len(), empty.next.token()), (0, None));
}

#[test]
fn google_reports_errors_are_classified() {
    let params = [
        ("application", "login"),
        ("admin_email", "admin@example.com"),
    ];
    let google = built_in("google_reports", &params);
    let rate = failure(&google, None, 403, &[], "google_reports/error_rate.json");
    assert_eq!(rate.class, FailureClass::Rate);
    let forbidden = failure(
        &google,
        None,
        403,
        &[],
        "google_reports/error_forbidden.json",
    );
    assert_eq!(forbidden.class, FailureClass::Block);
    insta::assert_snapshot!(forbidden.message, @"google_reports returned HTTP 403 (forbidden: Access denied. You are not authorized to read activity records.); admin_email must be an administrator who may read reports");
    let token = "A:1767225600000:-42:+/=&page";
    let rejected = failure(
        &google,
        Some(token),
        400,
        &[],
        "google_reports/error_page_token.json",
    );
    assert_eq!(rejected.class, FailureClass::Restart);
    assert!(!rejected.message.contains(token), "{}", rejected.message);
}

#[test]
fn okta_system_log_follows_links() {
    let okta = built_in("okta_system_log", &[("domain", "example.okta.com")]);
    insta::assert_snapshot!(url(&okta, None), @"https://example.okta.com/api/v1/logs?limit=1000&since=2025-12-31T23%3A59%3A59.999Z&sortOrder=ASCENDING&until=2026-01-01T01%3A00%3A00.001Z");
    let headers = [
        (
            "link",
            r#"<https://example.okta.com/api/v1/logs?limit=1000>; rel="self""#,
        ),
        (
            "link",
            r#"<https://example.okta.com/api/v1/logs?limit=1000&after=1767_1>; rel="next""#,
        ),
    ];
    let response = response(200, &headers, fixture("okta_system_log/page1.json"));
    let first = okta.page_of(hour(), None, &response, now()).unwrap();
    assert_eq!(
        ids(&first),
        [
            "00000000-0000-4000-8000-000000000001",
            "00000000-0000-4000-8000-000000000002"
        ]
    );
    assert!(first.in_order);
    let token = first.next.token().unwrap().to_owned();
    assert_eq!(
        url(&okta, Some(&token)),
        "https://example.okta.com/api/v1/logs?limit=1000&after=1767_1"
    );
    let last = page(&okta, Some(&token), "okta_system_log/page2.json");
    assert_eq!(
        (times(&last), last.next.token()),
        (vec!["2026-01-01T00:59:59.999Z".to_owned()], None)
    );
    assert!(
        page(&okta, None, "okta_system_log/empty.json")
            .next
            .token()
            .is_none()
    );
}

#[test]
fn okta_system_log_errors_are_classified() {
    let okta = built_in("okta_system_log", &[("domain", "example.okta.com")]);
    let reset = [("X-Rate-Limit-Reset", "1767312042")];
    let rate = failure(&okta, None, 429, &reset, "okta_system_log/error_rate.json");
    assert_eq!(
        (rate.class, rate.wait_ms),
        (FailureClass::Rate, Some(42_000))
    );
    let slow = failure(&okta, None, 500, &[], "okta_system_log/error_timeout.json");
    assert_eq!(slow.class, FailureClass::Split);
    let old = failure(&okta, None, 400, &[], "okta_system_log/error_too_old.json");
    assert_eq!(old.class, FailureClass::Block);
    let token = failure(&okta, None, 401, &[], "okta_system_log/error_token.json");
    assert_eq!(
        (token.class, token.status),
        (FailureClass::Block, Some(401))
    );
    insta::assert_snapshot!(token.message, @"okta_system_log returned HTTP 401 (E0000011: Invalid token provided); credentials not accepted; check the secret");
}

#[test]
fn github_audit_log_queries_by_phrase() {
    let github = built_in("github_audit_log", &[("org", "example")]);
    insta::assert_snapshot!(url(&github, None), @"https://api.github.com/orgs/example/audit-log?include=all&order=asc&per_page=100&phrase=created%3A%3E%3D2025-12-31T23%3A59%3A59Z%20created%3A%3C%3D2026-01-01T01%3A00%3A01Z");
    let link =
        r#"<https://api.github.com/organizations/1/audit-log?after=MS4x&per_page=100>; rel="next""#;
    let response = response(
        200,
        &[("Link", link)],
        fixture("github_audit_log/page1.json"),
    );
    let first = github.page_of(hour(), None, &response, now()).unwrap();
    assert_eq!(ids(&first), ["made-up-doc-1", "made-up-doc-2"]);
    assert_eq!(
        times(&first),
        ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:05.123Z"]
    );
    let token = first.next.token().unwrap().to_owned();
    assert!(url(&github, Some(&token)).starts_with("https://api.github.com/organizations/1/"));
    let late = span("2026-01-01T00:00:00Z", "2026-01-01T00:59:59Z");
    let last = super::testing::response(200, &[], fixture("github_audit_log/page2.json"));
    let last = github.page_of(late, Some(&token), &last, now()).unwrap();
    assert_eq!(
        (last.records.len(), last.trimmed, last.next.token()),
        (1, 0, None)
    );
}

#[test]
fn github_errors_are_classified() {
    let github = built_in("github_audit_log", &[("org", "example")]);
    let spent = [
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", "1767312060"),
    ];
    for status in [403, 429] {
        let rate = failure(
            &github,
            None,
            status,
            &spent,
            "github_audit_log/error_rate.json",
        );
        assert_eq!(
            (rate.class, rate.wait_ms),
            (FailureClass::Rate, Some(60_000))
        );
    }
    let left = [("X-RateLimit-Remaining", "9"), ("Retry-After", "60")];
    let secondary = failure(
        &github,
        None,
        403,
        &left,
        "github_audit_log/error_secondary.json",
    );
    assert_eq!(
        (secondary.class, secondary.wait_ms),
        (FailureClass::Rate, Some(60_000))
    );
    let forbidden = failure(
        &github,
        None,
        403,
        &left,
        "github_audit_log/error_forbidden.json",
    );
    assert_eq!(
        (forbidden.class, forbidden.wait_ms),
        (FailureClass::Block, None)
    );
}

#[test]
fn slack_audit_logs_requests_whole_seconds() {
    let slack = built_in("slack_audit_logs", &[]);
    insta::assert_snapshot!(url(&slack, None), @"https://api.slack.com/audit/v1/logs?latest=1767229199&limit=1000&oldest=1767225600");
    let first = page(&slack, None, "slack_audit_logs/page1.json");
    assert_eq!(
        times(&first),
        ["2026-01-01T00:59:59.000Z", "2026-01-01T00:59:59.000Z"]
    );
    let token = first.next.token().unwrap().to_owned();
    insta::assert_snapshot!(url(&slack, Some(&token)), @"https://api.slack.com/audit/v1/logs?latest=1767229199&limit=1000&oldest=1767225600&cursor=bWFkZS11cA%3D%3D");
    let last = page(&slack, Some(&token), "slack_audit_logs/page2.json");
    assert_eq!(ids(&last), ["00000000-aaaa-4000-8000-000000000003"]);
    assert_eq!(last.next.token(), None);
}

#[test]
fn slack_errors_in_http_200_are_errors() {
    let slack = built_in("slack_audit_logs", &[]);
    let class = |path| failure(&slack, None, 200, &[], path).class;
    assert_eq!(
        class("slack_audit_logs/error_auth.json"),
        FailureClass::Block
    );
    assert_eq!(
        class("slack_audit_logs/error_rate.json"),
        FailureClass::Rate
    );
    assert_eq!(
        class("slack_audit_logs/error_cursor.json"),
        FailureClass::Restart
    );
}

#[test]
fn nvd_cves_pages_by_offset() {
    let nvd = built_in("nvd_cves", &[]);
    insta::assert_snapshot!(url(&nvd, None), @"https://services.nvd.nist.gov/rest/json/cves/2.0?lastModEndDate=2026-01-01T01%3A00%3A00.001&lastModStartDate=2025-12-31T23%3A59%3A59.999&resultsPerPage=2000&startIndex=0");
    let first = page(&nvd, None, "nvd_cves/page1.json");
    assert_eq!(
        ids(&first),
        [
            "CVE-2099-0001|2026-01-01T00:15:17.153",
            "CVE-2099-0002|2026-01-01T10:00:00.000"
        ]
    );
    assert_eq!(
        times(&first),
        ["2026-01-01T00:15:17.153Z", "2026-01-01T10:00:00.000Z"]
    );
    let token = first.next.token().unwrap().to_owned();
    insta::assert_snapshot!(url(&nvd, Some(&token)), @"https://services.nvd.nist.gov/rest/json/cves/2.0?lastModEndDate=2026-01-01T01%3A00%3A00.001&lastModStartDate=2025-12-31T23%3A59%3A59.999&resultsPerPage=2000&startIndex=2");
    assert_eq!(
        page(&nvd, Some(&token), "nvd_cves/page2.json").next.token(),
        None
    );
    assert_eq!(page(&nvd, None, "nvd_cves/empty.json").next.token(), None);
    let slow = failure(&nvd, None, 403, &[], "nvd_cves/error_forbidden.html");
    assert_eq!(slow.class, FailureClass::Rate);
    assert!(nvd.auth().is_optional());
}

#[test]
fn github_advisories_queries_by_range() {
    let github = built_in("github_advisories", &[]);
    insta::assert_snapshot!(url(&github, None), @"https://api.github.com/advisories?direction=asc&per_page=100&sort=updated&type=reviewed&updated=2025-12-31T23%3A59%3A59Z..2026-01-01T01%3A00%3A01Z");
    let link = r#"<https://api.github.com/advisories?after=Y3Vyc29y&per_page=100>; rel="next""#;
    let response = response(
        200,
        &[("link", link)],
        fixture("github_advisories/page1.json"),
    );
    let first = github.page_of(hour(), None, &response, now()).unwrap();
    assert_eq!(
        ids(&first),
        [
            "GHSA-aaaa-aaaa-aaaa|2026-01-01T00:00:00Z",
            "GHSA-bbbb-bbbb-bbbb|2026-01-01T06:30:00Z"
        ]
    );
    let token = first.next.token().unwrap().to_owned();
    assert_eq!(
        page(&github, Some(&token), "github_advisories/page2.json")
            .next
            .token(),
        None
    );
    let spent = [("x-ratelimit-remaining", "0")];
    let rate = failure(
        &github,
        None,
        403,
        &spent,
        "github_advisories/error_rate.json",
    );
    assert_eq!(rate.class, FailureClass::Rate);
}
