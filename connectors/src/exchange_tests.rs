use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[test]
fn origin_is_scheme_host_and_port() {
    let origin = |text| Origin::from(&url(text));
    assert_eq!(
        origin("https://API.example.com/a?b"),
        origin("https://api.example.com:443/c")
    );
    assert_ne!(
        origin("https://api.example.com"),
        origin("http://api.example.com")
    );
    assert_ne!(
        origin("https://api.example.com"),
        origin("https://api.example.com:8443")
    );
    assert_ne!(
        origin("https://api.example.com"),
        origin("https://api.example.com.evil.test")
    );
    assert_eq!(
        origin("https://api.example.com").to_string(),
        "https://api.example.com"
    );
    assert_eq!(origin("http://[::1]:81/x").to_string(), "http://[::1]:81");
}

#[test]
fn header_lookup_ignores_case_and_keeps_values() {
    let headers: Headers = [("Link", "a"), ("link", "b"), ("X", "c")]
        .into_iter()
        .collect();
    assert_eq!(headers.get("LINK"), Some("a"));
    assert_eq!(headers.all("link").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(headers.get("date"), None);
    let mut pushed = headers.clone();
    pushed.push("LINK", "d");
    assert_eq!(pushed.all("link").collect::<Vec<_>>(), ["a", "b", "d"]);
}

#[test]
fn setting_header_keeps_others() {
    let mut request = ApiRequest::get(url("https://a.test/"));
    request.set_header("Accept", "one");
    request.set_header("Authorization", "two");
    assert_eq!(request.header("accept"), Some("one"));
    assert_eq!(request.header("authorization"), Some("two"));
    assert_eq!(request.header("date"), None);
}

#[test]
fn setting_header_replaces_any_case() {
    let mut request = ApiRequest::get(url("https://a.test/"));
    request.set_header("Authorization", "one");
    request.set_header("authorization", "two");
    assert_eq!(
        request.headers,
        [("authorization".to_owned(), "two".to_owned())]
    );
    assert_eq!(request.header("AUTHORIZATION"), Some("two"));
}

#[test]
fn debug_output_omits_headers_query_and_body() {
    let mut request = ApiRequest::get(url("https://a.test/logs?pageToken=t0ken"));
    request.set_header("apiKey", "s3cret");
    request.body = Some(Bytes::from_static(b"b0dy"));
    let response = ApiResponse {
        status: 200,
        headers: [("x", "s3cret")].into_iter().collect(),
        body: Bytes::from_static(b"b0dy"),
    };
    let printed = format!("{request:?} {response:?} {:?}", response.headers);
    for hidden in ["s3cret", "t0ken", "b0dy"] {
        assert!(!printed.contains(hidden), "{printed}");
    }
}

#[test]
fn message_is_one_bounded_line() {
    let failure = Failure::new(FailureClass::Page, format!("a\nb{}", "x".repeat(1_000)));
    assert_eq!(failure.message.chars().count(), limits::MESSAGE_CHARS_MAX);
    assert!(failure.message.starts_with("a b"));
}

#[test]
fn credentials_need_https_or_loopback() {
    for good in [
        "https://a.test",
        "http://127.9.0.1:1/",
        "http://[::1]/",
        "http://localhost/",
    ] {
        assert!(is_confidential(&url(good)), "{good}");
    }
    for bad in [
        "http://a.test",
        "http://localhost.evil.test",
        "http://128.0.0.1",
        "ftp://a",
    ] {
        assert!(!is_confidential(&url(bad)), "{bad}");
    }
}
