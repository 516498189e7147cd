use super::*;

fn hosts(text: &str) -> AllowedHosts {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn url(text: &str) -> Url {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn problem(text: &str) -> String {
    text.parse::<AllowedHosts>().unwrap_err().to_string()
}

#[test]
fn host_name_allows_only_itself() {
    let hosts = hosts("api.vendor.test");
    for good in [
        "https://api.vendor.test/logs?x",
        "https://API.Vendor.TEST/",
        "https://api.vendor.test./",
        "https://api.vendor.test:443/",
        "https://%61pi.vendor.test/",
        "https://evil.test@api.vendor.test/",
    ] {
        assert!(hosts.allow(&url(good)), "{good}");
    }
    for bad in [
        "https://vendor.test/",
        "https://x.api.vendor.test/",
        "https://api.vendor.test.evil.test/",
        "https://evil-api.vendor.test/",
        "https://api.vendor.test:8443/",
        "http://api.vendor.test:443/",
        "https://api.vendor.test@evil.test/",
        "https://api.vendor.test:443@evil.test/",
        "https://evil.test/api.vendor.test",
        "https://evil.test?api.vendor.test",
        "https://evil.test#api.vendor.test",
        r"https:\\evil.test\@api.vendor.test",
        "https://api.vendor.test../",
        "https://аpi.vendor.test/",
        "https://192.0.2.1/",
        "data:text/plain,api.vendor.test",
        "file:///api.vendor.test",
    ] {
        assert!(!hosts.allow(&url(bad)), "{bad}");
    }
}

#[test]
fn wildcard_allows_subdomains_only() {
    let hosts = hosts("*.Vendor.test");
    for good in ["https://a.vendor.test/", "https://a.b.VENDOR.test./"] {
        assert!(hosts.allow(&url(good)), "{good}");
    }
    for bad in [
        "https://vendor.test/",
        "https://evilvendor.test/",
        "https://evil-vendor.test/",
        "https://a.vendor.test.evil.test/",
        "https://a.vendor.test:444/",
        "https://a.vendor.tes/",
    ] {
        assert!(!hosts.allow(&url(bad)), "{bad}");
    }
}

#[test]
fn wildcard_rejects_empty_label() {
    let rule: HostRule = "*.vendor.test".parse().unwrap();
    assert!(!rule.pattern.matches(".vendor.test"));
}

#[test]
fn port_defaults_to_scheme() {
    let hosts = hosts("a.test b.test:8443, c.test:443, *.d.test:1");
    for good in [
        "https://a.test",
        "http://a.test",
        "https://b.test:8443",
        "https://c.test",
        "https://x.d.test:1",
    ] {
        assert!(hosts.allow(&url(good)), "{good}");
    }
    for bad in [
        "https://a.test:8443",
        "https://b.test",
        "http://c.test",
        "https://x.d.test",
    ] {
        assert!(!hosts.allow(&url(bad)), "{bad}");
    }
}

#[test]
fn unicode_names_compare_in_punycode() {
    let hosts = hosts("*.bücher.test, MÜNCHEN.test");
    for good in [
        "https://a.xn--bcher-kva.test/",
        "https://a.BÜCHER.test/",
        "https://xn--mnchen-3ya.test/",
        "https://münchen.test/",
    ] {
        assert!(hosts.allow(&url(good)), "{good}");
    }
    assert!(!hosts.allow(&url("https://munchen.test/")));
    assert_eq!(
        hosts.to_string(),
        "xn--mnchen-3ya.test,*.xn--bcher-kva.test"
    );
}

#[test]
fn ip_addresses_match_in_any_notation() {
    let hosts = hosts("127.0.0.1:9000 [::1] [2001:DB8:0:0::1]:8443");
    for good in [
        "http://127.0.0.1:9000/",
        "http://127.1:9000/",
        "http://0x7f000001:9000/",
        "http://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[2001:db8::1]:8443/",
    ] {
        assert!(hosts.allow(&url(good)), "{good}");
    }
    for bad in [
        "http://127.0.0.1/",
        "http://127.0.0.2:9000/",
        "http://[::ffff:127.0.0.1]:9000/",
        "http://[::2]/",
        "http://localhost:9000/",
        "https://[2001:db8::1]/",
    ] {
        assert!(!hosts.allow(&url(bad)), "{bad}");
    }
}

#[test]
fn empty_and_overlong_lists_are_rejected() {
    for empty in ["", " ", ",", " ,\n\t, "] {
        assert_eq!(empty.parse::<AllowedHosts>(), Err(HostsError::Empty));
    }
    let many = |count: usize| {
        let names: Vec<_> = (0..count).map(|i| format!("h{i}.test")).collect();
        names.join(",").parse::<AllowedHosts>()
    };
    assert!(many(ENTRIES_MAX).is_ok());
    assert_eq!(many(ENTRIES_MAX + 1), Err(HostsError::TooMany));
}

#[test]
fn invalid_entry_is_named_with_cure() {
    for (text, part) in [
        ("https://a.test", "without https://"),
        ("a.test/path", "without https://"),
        ("a.test?x", "is not a host"),
        ("a%2etest", "is not a host"),
        ("*", "like *.example.com"),
        ("*.", "like *.example.com"),
        ("*.test", "at least two labels"),
        ("*.test.", "at least two labels"),
        ("*.192.0.2.1", "is no wildcard"),
        ("*.*.a.test", "is no wildcard"),
        ("a.*.test", "first label"),
        ("*a.test", "first label"),
        ("a..test", "empty label"),
        (".a.test", "empty label"),
        (".", "empty label"),
        ("a.test:", "no port"),
        ("a.test:0", "no port"),
        ("a.test:65536", "no port"),
        ("a.test:+80", "no port"),
        ("a.test:80:80", "no port"),
        (":80", "is not a host name"),
        ("127.1", "unusual form"),
        ("2130706433", "unusual form"),
        ("256.1.1.1", "is not a host name"),
        ("::1", "in brackets"),
        ("[::1", "no port"),
        ("[::g]", "is not a host name"),
        ("a<b.test", "is not a host name"),
    ] {
        let said = problem(&format!("ok.test, {text}"));
        assert!(said.starts_with(&format!("`{text}` ")), "{text}: {said}");
        assert!(said.contains(part), "{text}: {said}");
    }
}

#[test]
fn entry_with_password_is_not_quoted() {
    let said = problem("user:canary-5f1e9c02@a.test");
    assert!(said.starts_with("`***` "), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn order_and_repetition_do_not_matter() {
    assert_eq!(hosts("b.test,a.test, b.test."), hosts("a.test b.test"));
}
