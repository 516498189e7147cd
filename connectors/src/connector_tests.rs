use windlass_core::retry::FailureClass;

use super::testing::{built_in, connector, hour, manifest, settings};
use super::*;

fn compile(params: &[(&str, &str)]) -> Result<Connector, CompileError> {
    Connector::compile(&manifest("", ""), &settings(params))
}

#[test]
fn parameter_stays_within_path_segment() {
    for value in [
        "a/b", "a?b", "a#b", "a%2Fb", "a&b", "a b", "a..b", "../x", "a\\b", "é", "a;b",
    ] {
        let connector = compile(&[("team", value)]).unwrap();
        let url = connector.request(hour(), None).unwrap().http.url;
        assert_eq!(Origin::from(&url), *connector.origin(), "{value}");
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        assert_eq!(segments.len(), 3, "{value}: {url}");
        let decoded = percent_encoding::percent_decode_str(segments[1])
            .decode_utf8()
            .unwrap();
        assert_eq!(decoded, value);
        assert_eq!(url.query(), Some("since=1767225600000&until=1767229200000"));
        assert_eq!(url.fragment(), None);
    }
}

#[test]
fn dot_segment_and_control_parameters_are_rejected() {
    for value in [".", "..", "a\tb", "\n", ""] {
        assert!(compile(&[("team", value)]).is_err(), "{value:?}");
    }
}

#[test]
fn parameter_stays_within_query_value() {
    let request =
        "request:\n  path: /v1\n  query: { q: \"{from}..{to} {team}\", x: [\"1\", \"{team}\"] }\n";
    let manifest = manifest("request", request);
    for value in ["a&b=c", "a=b", "a#b", "a%26b", "a+b", "a b", "?", "/../"] {
        let connector = Connector::compile(&manifest, &settings(&[("team", value)])).unwrap();
        let url = connector.request(hour(), None).unwrap().http.url;
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let q = format!("1767225600000..1767229200000 {value}");
        let expected = [("q", q.as_str()), ("x", "1"), ("x", value)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected, "{url}");
    }
}

#[test]
fn host_parameter_must_be_host_name() {
    let okta = crate::registry::find("okta_system_log").unwrap();
    for domain in ["evil.test/x", "user@evil.test", "a:80", "a?b", "https://a"] {
        let error = Connector::compile(&okta, &settings(&[("domain", domain)])).unwrap_err();
        assert_eq!(error.field, "params.domain", "{domain}");
    }
}

#[test]
fn unknown_parameter_host_needs_matching_base_url() {
    let okta = crate::registry::find("okta_system_log").unwrap();
    for domain in ["acme.okta.com", "ACME.oktapreview.com", "a.b.okta-emea.com"] {
        assert!(Connector::compile(&okta, &settings(&[("domain", domain)])).is_ok());
    }
    for domain in [
        "okta.com",
        "login.acme.test",
        "acme.okta.com.evil.test",
        "127.0.0.1",
    ] {
        let mut given = settings(&[("domain", domain)]);
        let error = Connector::compile(&okta, &given).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "params.domain: `{domain}` is not among the connector's hosts, *.okta.com, \
                 *.oktapreview.com, *.okta-emea.com, *.okta-gov.com, *.okta.mil; for your own \
                 domain, also set `base_url: https://{domain}`"
            )
        );
        given.base_url = Some(format!("https://{domain}"));
        let connector = Connector::compile(&okta, &given).unwrap();
        assert_eq!(connector.origin().to_string(), format!("https://{domain}"));
    }
}

#[test]
fn host_setting_is_parameter_or_base_url() {
    let okta = crate::registry::find("okta_system_log").unwrap();
    let mut given = settings(&[("domain", "acme.okta.com")]);
    let of = |manifest: &crate::Manifest, settings: &Settings| {
        let connector = Connector::compile(manifest, settings).unwrap();
        connector.host_setting().to_owned()
    };
    assert_eq!(of(&okta, &given), "`params.domain`");
    given.base_url = Some("https://acme.okta.com".to_owned());
    assert_eq!(of(&okta, &given), "`base_url`");
    let github = crate::registry::find("github_audit_log").unwrap();
    assert_eq!(of(&github, &settings(&[("org", "a")])), "`base_url`");
}

#[test]
fn manifest_without_hosts_allows_parameter_hosts() {
    let base_url = "base_url: https://{team}.example.com\n";
    let open = Connector::compile(&manifest("base_url", base_url), &settings(&[("team", "a")]));
    assert_eq!(open.unwrap().origin().host(), "a.example.com");
    let ported = "base_url: https://{team}:8443\nhosts: [\"*.example.com:8443\"]\n";
    let ported = manifest("base_url", ported);
    assert!(Connector::compile(&ported, &settings(&[("team", "a.example.com")])).is_ok());
    assert!(Connector::compile(&ported, &settings(&[("team", "example.com")])).is_err());
}

#[test]
fn unknown_and_missing_parameters_are_named() {
    let error = compile(&[("teem", "a")]).unwrap_err().to_string();
    assert_eq!(
        error,
        "params.teem: unknown parameter of `sample`; did you mean `team`?"
    );
    assert_eq!(
        compile(&[]).unwrap_err().to_string(),
        "params.team: missing: the team"
    );
    let github = crate::registry::find("github_audit_log").unwrap();
    let odd = settings(&[("org", "a"), ("include", "odd")]);
    let error = Connector::compile(&github, &odd).unwrap_err().to_string();
    assert_eq!(error, "params.include: `odd` is not one of all, web, git");
}

#[test]
fn configured_urls_reject_remote_plain_http() {
    let google = crate::registry::find("google_reports").unwrap();
    let mut moved = settings(&[("application", "login"), ("admin_email", "a@example.com")]);
    moved.base_url = Some("http://127.0.0.1:9000/mock/".to_owned());
    moved.token_url = Some("http://localhost:9001/token".to_owned());
    let connector = Connector::compile(&google, &moved).unwrap();
    let url = connector.request(hour(), None).unwrap().http.url;
    assert!(
        url.as_str()
            .starts_with("http://127.0.0.1:9000/mock/admin/reports/v1/"),
        "{url}"
    );
    let auth = format!("{:?}", connector.auth());
    for part in ["localhost", "port: Some(9001)", "/token", "a@example.com"] {
        assert!(auth.contains(part), "{auth}");
    }
    for bad in [
        "http://example.com",
        "https://u:p@example.com",
        "ftp://a",
        "x",
        "https://a/?b",
    ] {
        let settings = Settings {
            base_url: Some(bad.to_owned()),
            ..moved.clone()
        };
        assert_eq!(
            Connector::compile(&google, &settings).unwrap_err().field,
            "base_url",
            "{bad}"
        );
        let settings = Settings {
            token_url: Some(bad.to_owned()),
            ..moved.clone()
        };
        assert_eq!(
            Connector::compile(&google, &settings).unwrap_err().field,
            "token_url",
            "{bad}"
        );
    }
}

#[test]
fn defaults_follow_parameters() {
    let google = |application| {
        let params = [
            ("application", application),
            ("admin_email", "a@example.com"),
        ];
        built_in("google_reports", &params).defaults().clone()
    };
    let (login, token, gmail) = (google("login"), google("token"), google("gmail"));
    assert_eq!((login.initial_ms, login.settle_ms), (3_600_000, 600_000));
    assert_eq!((token.initial_ms, token.settle_ms), (600_000, 10_800_000));
    assert_eq!(login.max_span_ms, None);
    // The request is two units wider than the window.
    assert_eq!(gmail.max_span_ms, Some(30 * 86_400_000 - 2));
    assert_eq!(login.rate_group.as_str(), "google:a@example.com");
    let nvd = built_in("nvd_cves", &[]);
    assert_eq!(
        nvd.defaults().rate_group.as_str(),
        "nvd_cves:services.nvd.nist.gov"
    );
    assert_eq!(nvd.defaults().group_in_flight, 1);
}

#[test]
fn request_hash_covers_span_and_parameters() {
    let one = connector("", "");
    let other = compile(&[("team", "b")]).unwrap();
    let hash = one.request_hash(hour());
    assert_eq!(hash.len(), 16);
    assert_eq!(hash, one.request_hash(hour()));
    assert_ne!(hash, other.request_hash(hour()));
    let half = windlass_core::Span::new(hour().from(), hour().to().minus_ms(1)).unwrap();
    assert_ne!(hash, one.request_hash(half));
}

#[test]
fn next_page_repeats_all_parameters_or_none() {
    let all = connector("", "")
        .request(hour(), Some("a/b&c=+ "))
        .unwrap()
        .http
        .url;
    let query = "since=1767225600000&until=1767229200000&cursor=a%2Fb%26c%3D%2B%20";
    assert_eq!(all.query(), Some(query));
    let page = "page:\n  token: { body: next }\n  to: { query: cursor }\n  repeat: nothing\n  \
                end: [token_absent]\n";
    let alone = connector("page", page)
        .request(hour(), Some("t"))
        .unwrap()
        .http
        .url;
    assert_eq!(alone.query(), Some("cursor=t"));
}

#[test]
fn stored_link_to_foreign_origin_blocks() {
    let page = "page:\n  token: { link: next }\n  to: url\n  end: [token_absent]\n";
    let connector = connector("page", page);
    for bad in [
        "https://evil.test/v1/a/events",
        "http://api.example.com/v1",
        "https://api.example.com:8443/v1",
        "https://api.example.com@evil.test/v1",
        "https://user@api.example.com/v1",
        "https://api.example.com.evil.test/",
    ] {
        let failure = connector.request(hour(), Some(bad)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Block, "{bad}");
    }
    let kept = "https://api.example.com/other/path?after=%2Bx&x";
    assert_eq!(
        connector
            .request(hour(), Some(kept))
            .unwrap()
            .http
            .url
            .as_str(),
        kept
    );
    assert_eq!(
        connector.request(hour(), Some("?")).unwrap_err().class,
        FailureClass::Restart
    );
}
