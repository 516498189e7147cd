use crate::connector::testing::sample;
use crate::manifest::Manifest;

fn error(section: &str, instead: &str) -> String {
    Manifest::load("sample.yaml", &sample(section, instead))
        .unwrap_err()
        .to_string()
}

#[test]
fn sample_itself_is_valid() {
    assert!(Manifest::load("sample.yaml", &sample("", "")).is_ok());
}

#[test]
fn mistyped_field_suggests_right_one() {
    insta::assert_snapshot!(
        error("page", "page:\n  tokn: { body: next }\n  end: [token_absent]\n"),
        @"sample.yaml:21:3: unknown field `tokn`; did you mean `token`?"
    );
}

#[test]
fn bad_duration_shows_valid_form() {
    let text = sample("", "").replace("initial: 1h", "initial: 1 fortnight");
    let error = Manifest::load("sample.yaml", &text)
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"sample.yaml:18:12: `1 fortnight` is not a duration; write it like 500ms, 10m, 36h or 180d");
}

#[test]
fn unknown_placeholder_has_position() {
    let request = "request:\n  path: /v1/{teem}\n  query: { since: \"{from}\", until: \"{to}\" }\n";
    insta::assert_snapshot!(error("request", request), @"sample.yaml:9:9: `request.path`: unknown placeholder `{teem}`; did you mean `{team}`?");
    let request = "request:\n  path: /v1/{from}\n  query: { since: \"{from}\", until: \"{to}\" }\n";
    insta::assert_snapshot!(error("request", request), @"sample.yaml:9:9: `request.path`: unknown placeholder `{from}`; `{from}` belongs in request.query");
}

#[test]
fn unused_window_bound_is_rejected() {
    let request = "request:\n  path: /v1\n  query: { since: \"{from}\" }\n";
    insta::assert_snapshot!(error("request", request), @"sample.yaml:10:10: `request.query`: no parameter uses `{to}`; write `{to}` into the query parameter that bounds the window");
}

#[test]
fn missing_required_field_is_named() {
    insta::assert_snapshot!(error("records", "records:\n  path: items\n"), @"sample.yaml:25:3: field `order` is missing; add `order:` here");
    insta::assert_snapshot!(error("window", ""), @"sample.yaml:15:1: field `window` is missing; add `window:` here");
}

#[test]
fn wrong_word_lists_valid_ones() {
    let text = sample("", "").replace("start_bound: inclusive", "start_bound: included");
    let error = Manifest::load("sample.yaml", &text)
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"sample.yaml:16:16: `included` is not allowed here; expected one of inclusive, exclusive, unknown");
}

#[test]
fn two_token_sources_are_rejected() {
    let page = "page:\n  token: { body: next, link: next }\n  to: url\n  end: [token_absent]\n";
    insta::assert_snapshot!(error("page", page), @"sample.yaml:21:24: expected one key only; keep one of them");
}

#[test]
fn bad_url_and_plain_http_are_rejected() {
    insta::assert_snapshot!(error("base_url", "base_url: api.example.com\n"), @"sample.yaml:4:11: `base_url`: `api.example.com` is not a URL: relative URL without a base; write it like https://api.example.com");
    insta::assert_snapshot!(error("base_url", "base_url: http://api.example.com\n"), @"sample.yaml:4:11: `base_url`: `http://api.example.com` must be https; plain http is for loopback addresses only; write it like https://api.example.com");
    let local = sample("base_url", "base_url: http://127.0.0.1:8080\n");
    assert!(Manifest::load("sample.yaml", &local).is_ok());
}

#[test]
fn hosts_must_be_valid_and_include_own() {
    let given = |hosts: &str| format!("base_url: https://api.example.com\nhosts: {hosts}\n");
    insta::assert_snapshot!(error("base_url", &given("[\"*.example.com\", https://x.test]")), @"sample.yaml:5:26: `https://x.test` is not a host; write it like api.example.com, without https:// and slashes");
    insta::assert_snapshot!(error("base_url", &given("[\"*.com\"]")), @"sample.yaml:5:9: `*.com` allows too much; name at least two labels, like *.example.com");
    insta::assert_snapshot!(error("base_url", &given("[\"*.example.org\"]")), @"sample.yaml:5:8: `hosts`: does not allow the host of `base_url`; remove `hosts`: `base_url` has no parameter");
    for hosts in ["[]", "[\"*.example.com\"]", "[a.test, api.example.com]"] {
        assert!(Manifest::load("sample.yaml", &sample("base_url", &given(hosts))).is_ok());
    }
}

#[test]
fn tail_mode_is_rejected() {
    let text = sample("", "").replace("mode: window", "mode: tail");
    let error = Manifest::load("sample.yaml", &text)
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"sample.yaml:12:9: `window.mode`: `tail` is not supported; write `mode: window` if the API accepts a start and an end");
}

#[test]
fn unit_finer_than_format_is_rejected() {
    let text = sample("", "").replace(
        "format: epoch_ms\n  unit: 1ms",
        "format: epoch_s\n  unit: 1ms",
    );
    let error = Manifest::load("sample.yaml", &text)
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"sample.yaml:15:9: `window.unit`: is finer than `format` can write; write `unit: 1s`");
}

#[test]
fn unit_over_one_year_is_rejected() {
    let text = sample("", "").replace("unit: 1ms", "unit: 290000000y");
    let error = Manifest::load("sample.yaml", &text)
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"sample.yaml:15:9: `window.unit`: is longer than a year");
}

#[test]
fn page_needs_token_place_and_end_test() {
    let no_place = "page:\n  token: { body: next }\n  end: [token_absent]\n";
    insta::assert_snapshot!(error("page", no_place), @"sample.yaml:21:3: `page`: has a token without a place in the request; add `to: { query: NAME }`, or `to: url` for a next link");
    insta::assert_snapshot!(error("page", "page:\n  end: []\n"), @"sample.yaml:21:8: `page.end`: has no end test; write `end: [token_absent]`, or the end that the vendor documents");
    insta::assert_snapshot!(error("page", "page:\n  end: [page_short]\n"), @"sample.yaml:21:8: `page.end`: `page_short` needs `page.size`; add `size:` under page");
}

#[test]
fn offset_paging_requires_total_reached() {
    let offset =
        "page:\n  token: { offset: { total: n } }\n  to: { query: o }\n  end: [page_empty]\n";
    insta::assert_snapshot!(error("page", offset), @"sample.yaml:23:8: `page.end`: offset paging needs the end test of its total; add `total_reached`");
    let token = "page:\n  token: { body: n }\n  to: { query: o }\n  end: [total_reached]\n";
    insta::assert_snapshot!(error("page", token), @"sample.yaml:23:8: `page.end`: `total_reached` needs offset paging; write `token: { offset: { total: PATH } }`");
}

#[test]
fn page_size_is_declared_once_and_positive() {
    let request = "request:\n  path: /v1\n  query: { since: \"{from}\", until: \"{to}\", n: \
                   \"{page_size}\" }\n";
    insta::assert_snapshot!(error("request", request), @"sample.yaml:10:10: `request.query`: `{page_size}` needs `page.size`; add `size:` under page");
    let path =
        "request:\n  path: /v1/{page_size}\n  query: { since: \"{from}\", until: \"{to}\" }\n";
    insta::assert_snapshot!(error("request", path), @"sample.yaml:9:9: `request.path`: unknown placeholder `{page_size}`; `{page_size}` belongs in request.query");
    let none = "page:\n  end: [page_short]\n  size: 0\n";
    insta::assert_snapshot!(error("page", none), @"sample.yaml:22:9: `page.size`: must be at least 1");
    let param = error("params", "params:\n  team: {}\n  page_size: {}\n");
    assert!(
        param.contains("`params.page_size`: must consist of a-z"),
        "{param}"
    );
}

#[test]
fn zero_rate_limits_are_rejected() {
    for field in ["max_in_flight", "requests_per_minute"] {
        let error = error("errors", &format!("rate: {{ {field}: 0 }}\n"));
        let expected = format!("`rate.{field}`: must be at least 1");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn rule_matching_every_success_is_rejected() {
    insta::assert_snapshot!(error("errors", "errors:\n  - { status: 200, class: page }\n"), @"sample.yaml:30:5: `errors[0]`: makes every response with HTTP 200 an error; add a test: `path` or `header` with `in`, or `text`");
    insta::assert_snapshot!(error("errors", "errors:\n  - { status: [404, 204], class: page }\n"), @"sample.yaml:30:5: `errors[0]`: makes every response with HTTP 204 an error; add a test: `path` or `header` with `in`, or `text`");
}

#[test]
fn full_page_without_token_needs_an_end() {
    let error = error("page", "page:\n  end: [page_short]\n  size: 10\n");
    let problem = "`page.end`: does not end a full page, and there is no token for the next one";
    assert!(error.contains(problem), "{error}");
}

#[test]
fn status_that_is_no_number_shows_valid_form() {
    for status in ["4xx", "[404, 5xx]", "99", "-1"] {
        let error = error(
            "errors",
            &format!("errors:\n  - {{ status: {status}, class: page }}\n"),
        );
        let expected = "is not an HTTP status; write it like 404, or a list like [400, 404]";
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn end_test_without_its_path_shows_valid_form() {
    let page =
        |end: &str| format!("page:\n  token: {{ body: n }}\n  to: {{ query: o }}\n  end: {end}\n");
    let bare = error("page", &page("[flag_false]"));
    let expected = "`flag_false` needs the path of a flag; write `{ flag_false: PATH }`";
    assert!(bare.contains(expected), "{bare}");
    let other = error("page", &page("[page_shor]"));
    assert!(other.ends_with("did you mean `page_short`?"), "{other}");
    let two = error("page", &page("[{ flag_false: a, page_empty: b }]"));
    assert!(two.contains("expected one key only"), "{two}");
    let unknown = error("page", &page("[{ flag: a }]"));
    assert!(unknown.contains("`flag` is not allowed here"), "{unknown}");
}

#[test]
fn unusable_method_and_header_names_are_rejected() {
    let request = |rest: &str| {
        format!(
            "request:\n  path: /v1\n  query: {{ since: \"{{from}}\", until: \"{{to}}\" }}\n  \
             {rest}\n"
        )
    };
    let method = error("request", &request("method: POST"));
    assert!(
        method.ends_with("`POST` is not allowed here; expected `GET`"),
        "{method}"
    );
    for name in ["\"\"", "\"a b\"", "\"X\\r\\nY\"", "\"a:b\""] {
        let error = error("request", &request(&format!("headers: {{ {name}: x }}")));
        assert!(error.contains("is not a header name"), "{error}");
    }
    for name in ["Host", "content-length"] {
        let error = error("request", &request(&format!("headers: {{ {name}: x }}")));
        assert!(
            error.contains("is set by the HTTP client; remove it"),
            "{error}"
        );
    }
}

#[test]
fn control_characters_of_file_are_escaped_in_message() {
    let error = error("errors", "\"\\e[31m\": 1\n");
    assert!(
        error.contains("\\u{1b}[31m") && !error.contains('\u{1b}'),
        "{error}"
    );
}

#[test]
fn setting_of_another_auth_kind_is_rejected() {
    insta::assert_snapshot!(error("auth", "auth: { kind: bearer, subject: x }\n"), @"sample.yaml:7:32: unknown field `subject`; expected `optional`");
    insta::assert_snapshot!(error("auth", "auth: { kind: header }\n"), @"sample.yaml:7:1: field `headers` is missing; add `headers:` here");
    insta::assert_snapshot!(error("auth", "auth: { kind: header, headers: [] }\n"), @"sample.yaml:7:7: `auth`: kind `header` needs `headers`; add `headers: [{ name: ... }]`");
    insta::assert_snapshot!(error("auth", "auth: { kind: header, headers: [{ name: a }, { name: b }] }\n"), @"sample.yaml:7:32: `auth.headers`: several headers share one secret; give each header the `field` of the JSON secret that it takes");
    insta::assert_snapshot!(error("auth", "auth:\n  kind: header\n  headers: [{ nam: a }]\n"), @"sample.yaml:9:20: unknown field `nam`; did you mean `name`?");
    insta::assert_snapshot!(error("auth", "auth:\n  optional: true\n  kind: basic\n  usr: x\n"), @"sample.yaml:10:8: unknown field `usr`; did you mean `user`?");
    insta::assert_snapshot!(error("auth", "auth:\n  kind: header\n  headers: [{ name: a }]\n  name: x\n"), @"sample.yaml:10:9: unknown field `name`; expected one of headers, optional");
    insta::assert_snapshot!(error("auth", "auth: { kind: none, optional: true }\n"), @"sample.yaml:7:31: unknown field `optional`");
    insta::assert_snapshot!(error("auth", "auth: { kind: bearr }\n"), @"sample.yaml:7:9: `bearr` is not allowed here; did you mean `bearer`?");
    insta::assert_snapshot!(error("auth", "auth: { optional: true }\n"), @"sample.yaml:7:9: field `kind` is missing; add `kind:` here");
    insta::assert_snapshot!(error("auth", "auth: { kind: jwt_bearer, token_url: \"http://a.test\" }\n"), @"sample.yaml:7:7: `http://a.test` must be https; plain http is for loopback addresses only; write it like https://login.example.com/token");
}

#[test]
fn strict_order_needs_filtered_time() {
    let records = |more: &str| format!("records:\n  path: items\n  strict: true\n{more}");
    insta::assert_snapshot!(error("records", &records("  order: oldest_first\n")), @"sample.yaml:26:11: `records.strict`: needs an order by time; add the documented `order` and `time`, or remove `strict`");
    insta::assert_snapshot!(error("records", &records("  order: unknown\n  time: { path: at, format: rfc3339 }\n")), @"sample.yaml:26:11: `records.strict`: needs an order by time; add the documented `order` and `time`, or remove `strict`");
    let ordered = records("  order: oldest_first\n  time: { path: at, format: rfc3339 }\n");
    let text = sample("records", &ordered);
    assert!(Manifest::load("sample.yaml", &text).is_ok());
    let arrival = text.replace("clock: event", "clock: arrival");
    assert!(Manifest::load("sample.yaml", &arrival).is_err());
}

#[test]
fn sweeps_need_ids_and_ascending_ages() {
    let with = |sweeps: &str| {
        sample("", "").replace("initial: 1h", &format!("initial: 1h\n  sweeps: {sweeps}"))
    };
    let without_id = with("[24h]").replace("  id: [id]\n", "");
    assert_ne!(without_id, with("[24h]"));
    let error = |text: &str| Manifest::load("sample.yaml", text).unwrap_err().to_string();
    assert!(Manifest::load("sample.yaml", &with("[24h, 72h]")).is_ok());
    insta::assert_snapshot!(error(&without_id), @"sample.yaml:19:11: `window.sweeps`: needs record ids that are the same on every read; add `records.id`, or remove `sweeps`");
    let arrival = with("[24h]").replace("clock: event", "clock: arrival");
    assert!(error(&arrival).contains("needs `window.clock: event`"));
    insta::assert_snapshot!(error(&with("[72h, 24h]")), @"sample.yaml:19:11: `window.sweeps`: must be ascending; write it like `sweeps: [24h, 72h]`");
}
