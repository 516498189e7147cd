use super::*;
use crate::connector::AdvertisedQuota;
use crate::connector::testing::{built_in, connector, hour, now, response, span};

fn read(connector: &Connector, token: Option<&str>, body: &str) -> Result<Page, Failure> {
    connector.page_of(hour(), token, &response(200, &[], body.to_owned()), now())
}

fn class(result: Result<Page, Failure>) -> FailureClass {
    result.unwrap_err().class
}

#[test]
fn unusable_body_is_page_failure() {
    let sample = connector("", "");
    for body in [
        "",
        "<html></html>",
        r#"{"items":[{"id":1}"#,
        r#"{"items":{}}"#,
        "[]",
        "{} {}",
    ] {
        assert_eq!(
            class(read(&sample, None, body)),
            FailureClass::Page,
            "{body}"
        );
    }
    let latin = response(200, &[], b"{\"items\":[\"\xE9\"]}".to_vec());
    assert_eq!(
        class(sample.page_of(hour(), None, &latin, now())),
        FailureClass::Page
    );
}

/// P8 nothing dropped: a record is forwarded or goes to `rejects`; an error never ends a window.
#[test]
fn missing_array_fails_unless_optional() {
    let sample = |optional: &str| {
        let records = format!("records:\n  path: results.rows\n  order: unknown\n{optional}");
        connector("records", &records)
    };
    let (needed, optional) = (sample(""), sample("  optional: true\n"));
    let no_array = "sample returned HTTP 200 with a body that has no array at `results.rows`; if \
                    the vendor omits it when there are no records, add `optional: true` under \
                    `records`";
    for missing in ["{}", r#"{"results":null}"#, r#"{"results":{"rows":null}}"#] {
        let failure = read(&needed, None, missing).unwrap_err();
        assert_eq!(failure.class, FailureClass::Page, "{missing}");
        assert_eq!(failure.message, no_array, "{missing}");
        let page = read(&optional, None, missing).unwrap();
        assert!(
            page.records.is_empty() && page.next.token().is_none(),
            "{missing}"
        );
    }
    for connector in [needed, optional] {
        let empty = read(&connector, None, r#"{"results":{"rows":[]}}"#).unwrap();
        assert!(empty.records.is_empty());
        let other = read(&connector, None, r#"{"results":{"rows":{}}}"#).unwrap_err();
        assert_eq!(other.class, FailureClass::Page);
    }
}

#[test]
fn missing_array_message_names_arrays_of_response() {
    let body = r#"{"data":{"items":[{"id":1}]},"included":[]}"#;
    let failure = read(&connector("", ""), None, body).unwrap_err();
    assert_eq!(
        failure.message,
        "sample returned HTTP 200 with a body that has no array at `items`; its arrays: \
         `data.items`, `included`; correct `records.path`"
    );
}

#[test]
fn message_about_body_has_no_token() {
    for token in ["S3CRETpagetoken", "t0k"] {
        for body in [
            format!(r#"{{"{token}":[]}}"#),
            format!(r#"{{"data":{{"{token}":[1]}}}}"#),
            format!(r#"{{"{token}":{{"x":[]}},"page":[]}}"#),
        ] {
            let failure = read(&connector("", ""), Some(token), &body).unwrap_err();
            let message = failure.message;
            assert!(message.contains("its arrays: `"), "{message}");
            assert!(!message.contains(token), "{message}");
        }
    }
    let failure = read(&connector("", ""), Some("2"), "[\n\n2 2").unwrap_err();
    assert!(failure.message.contains("line 3, column 3"), "{failure}");
}

#[test]
fn deep_nesting_does_not_overflow_stack() {
    let sample = connector("", "");
    let depth = 200_000;
    let closed = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let page = read(
        &sample,
        None,
        &format!(r#"{{"items":[{{"id":"1","x":{closed}}}]}}"#),
    )
    .unwrap();
    assert_eq!(page.records[0].id.as_deref(), Some("1"));
    assert_eq!(
        class(read(&sample, None, &"[".repeat(depth))),
        FailureClass::Page
    );
    assert_eq!(
        class(read(&sample, None, &r#"{"next":"#.repeat(depth))),
        FailureClass::Page
    );
}

#[test]
fn byte_order_mark_is_skipped() {
    assert_eq!(
        read(&connector("", ""), None, "\u{feff}{\"items\":[1]}")
            .unwrap()
            .records
            .len(),
        1
    );
}

#[test]
fn records_are_slices_of_body() {
    let body = Bytes::from_static(br#"{"items":[{"id":"a"},{"id":"b"}]}"#);
    let page = connector("", "")
        .page_of(hour(), None, &response(200, &[], body.clone()), now())
        .unwrap();
    for record in &page.records {
        let range = body.as_ptr_range();
        assert!(range.contains(&record.raw.as_ptr()));
    }
    assert_eq!(page.body_bytes, 33);
}

#[test]
fn composite_ids_are_complete_and_distinct() {
    let records = "records:\n  path: items\n  id: [a, b.c]\n  order: unknown\n";
    let sample = connector("records", records);
    let body = r#"{"items":[{"a":"x","b":{"c":-5}},{"a":"x"},{"a":"","b":{"c":1}},{"a":null,"b":{"c":1}},
        {"a":"x|y","b":{"c":"z"}},{"a":"x","b":{"c":"y|z"}},{"a":{},"b":{"c":1}},5]}"#;
    let page = read(&sample, None, body).unwrap();
    let ids: Vec<_> = page
        .records
        .iter()
        .map(|record| record.id.as_deref())
        .collect();
    let expected = [
        Some("x|-5"),
        None,
        None,
        None,
        Some("x\\|y|z"),
        Some("x|y\\|z"),
        None,
        None,
    ];
    assert_eq!(ids, expected);
}

#[test]
fn every_time_format_is_read_strictly() {
    let time = |text, format| parse_time(text, format).map(|time| time.to_string());
    let at = |text: &str| Some(text.to_owned());
    for text in [
        "2026-01-01T00:00:00.1Z",
        "2026-01-01T02:00:00.1000009+02:00",
    ] {
        assert_eq!(
            time(text, TimeFormat::Rfc3339),
            at("2026-01-01T00:00:00.100Z")
        );
        assert_eq!(
            time(text, TimeFormat::Zoneless),
            at("2026-01-01T00:00:00.100Z")
        );
    }
    assert_eq!(
        time("2026-01-01T00:00:00", TimeFormat::Zoneless),
        at("2026-01-01T00:00:00.000Z")
    );
    assert_eq!(
        time("2026-01-01T00:00:00.12", TimeFormat::Zoneless),
        at("2026-01-01T00:00:00.120Z")
    );
    assert_eq!(time("2026-01-01T00:00:00", TimeFormat::Rfc3339), None);
    assert_eq!(
        time("1767225600", TimeFormat::EpochS),
        at("2026-01-01T00:00:00.000Z")
    );
    assert_eq!(
        time("1767225600.0159", TimeFormat::EpochS),
        at("2026-01-01T00:00:00.015Z")
    );
    assert_eq!(
        time("1767225600015", TimeFormat::EpochMs),
        at("2026-01-01T00:00:00.015Z")
    );
    for format in [
        TimeFormat::Rfc3339,
        TimeFormat::Zoneless,
        TimeFormat::EpochS,
        TimeFormat::EpochMs,
    ] {
        for bad in ["", "now", "1e9", "-", ".", "1.x", "99999999999999999999999"] {
            assert_eq!(time(bad, format), None, "{bad}");
        }
    }
}

#[test]
fn record_without_readable_time_is_kept() {
    let page = read(
        &connector("", ""),
        None,
        r#"{"items":[{"id":"1","at":"soon"},{}]}"#,
    )
    .unwrap();
    assert_eq!(page.records.len(), 2);
    assert!(page.in_order && page.records.iter().all(|record| record.time.is_none()));
}

#[test]
fn declared_order_is_checked_within_page() {
    let ordered = |order: &str, times: &[i64]| {
        let time = "{ path: at, format: epoch_ms }";
        let records = format!("records:\n  path: items\n  time: {time}\n  order: {order}\n");
        let items: Vec<String> = times
            .iter()
            .map(|time| format!(r#"{{"at":{time}}}"#))
            .collect();
        let body = format!(r#"{{"items":[{}]}}"#, items.join(","));
        read(&connector("records", &records), None, &body)
            .unwrap()
            .in_order
    };
    assert!(ordered("oldest_first", &[1, 1, 2]) && !ordered("oldest_first", &[2, 1]));
    assert!(ordered("newest_first", &[2, 1, 1]) && !ordered("newest_first", &[1, 2]));
    assert!(ordered("unknown", &[1, 2, 1]));
}

#[test]
fn vendor_clock_and_quota_come_from_headers() {
    let okta = built_in("okta_system_log", &[("domain", "example.okta.com")]);
    let headers = [
        ("Date", "Fri, 02 Jan 2026 00:00:01 GMT"),
        ("X-Rate-Limit-Remaining", "7"),
        ("X-Rate-Limit-Reset", "1767312030"),
    ];
    let page = okta
        .page_of(hour(), None, &response(200, &headers, "[]"), now())
        .unwrap();
    assert_eq!(
        page.served_at.unwrap().to_string(),
        "2026-01-02T00:00:01.000Z"
    );
    assert_eq!(
        page.quota,
        Some(AdvertisedQuota {
            remaining: 7,
            reset_ms: Some(29_000)
        })
    );
    let page = okta
        .page_of(hour(), None, &response(200, &[("Date", "x")], "[]"), now())
        .unwrap();
    assert_eq!((page.served_at, page.quota), (None, None));
}

#[test]
fn age_header_adds_to_vendor_date() {
    let okta = built_in("okta_system_log", &[("domain", "example.okta.com")]);
    let served_at = |age: &str| {
        let headers = [("Date", "Fri, 02 Jan 2026 00:00:01 GMT"), ("Age", age)];
        let page = okta.page_of(hour(), None, &response(200, &headers, "[]"), now());
        page.unwrap().served_at.unwrap().to_string()
    };
    assert_eq!(served_at("90"), "2026-01-02T00:01:31.000Z");
    for none in ["-90", "soon", ""] {
        assert_eq!(served_at(none), "2026-01-02T00:00:01.000Z", "{none}");
    }
}

/// Epoch and date headers refer to the vendor's clock, whatever the machine clock shows.
#[test]
fn waits_count_from_vendor_date() {
    let okta = built_in("okta_system_log", &[("domain", "example.okta.com")]);
    let date = ("Date", "Fri, 02 Jan 2026 00:00:00 GMT");
    let until = "Fri, 02 Jan 2026 00:00:40 GMT";
    for off_ms in [0, 600_000, -600_000, 200 * 86_400_000, -200 * 86_400_000] {
        let now = now().plus_ms(off_ms);
        let quota = [
            date,
            ("X-Rate-Limit-Remaining", "7"),
            ("X-Rate-Limit-Reset", "1767312030"),
        ];
        let page = okta.page_of(hour(), None, &response(200, &quota, "[]"), now);
        assert_eq!(page.unwrap().quota.unwrap().reset_ms, Some(30_000));
        let asked = [date, ("Retry-After", until)];
        let failure = okta.page_of(hour(), None, &response(429, &asked, "{}"), now);
        let failure = failure.unwrap_err();
        assert_eq!(failure.wait_ms, Some(40_000), "{off_ms}");
        let served_at = failure.served_at.unwrap().to_string();
        assert_eq!(served_at, "2026-01-02T00:00:00.000Z");
    }
}

#[test]
fn adjacent_window_records_are_trimmed_and_counted() {
    let window = "window:\n  mode: window\n  clock: event\n  format: epoch_ms\n  unit: 1ms\n  \
                  start_bound: unknown\n  end_bound: unknown\n  initial: 1h\n  settle: 10m\n";
    let sample = connector("window", window);
    let span = span("1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z");
    let body =
        r#"{"items":[{"at":997},{"at":999},{"at":1000},{"at":1999},{"at":2000},{"at":"?"}]}"#;
    let page = sample
        .page_of(span, None, &response(200, &[], body), now())
        .unwrap();
    assert_eq!((page.records.len(), page.trimmed), (4, 2));
}

#[test]
fn seconds_with_nondigits_are_no_time() {
    let read = |text| parse_time(text, TimeFormat::EpochS).map(Timestamp::as_ms);
    assert_eq!(read("1767225600"), Some(1_767_225_600_000));
    assert_eq!(read("1767225600.0129"), Some(1_767_225_600_012));
    for text in [
        "",
        "+1",
        "-1",
        "1.+5",
        "1767225600.123:59-01:00",
        "1.5999-12-31T23",
        "1e9",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}
