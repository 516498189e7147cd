use super::*;

fn resolved(token: &str) -> Result<String, Failure> {
    let asked: Url = "https://api.test/v1/logs?x=1".parse().unwrap();
    resolve(token, &asked, &Origin::from(&asked)).map(String::from)
}

#[test]
fn relative_link_becomes_absolute() {
    let same = |token: &str| resolved(token).unwrap();
    assert_eq!(
        same("/v1/logs?after=a%2Fb+c"),
        "https://api.test/v1/logs?after=a%2Fb+c"
    );
    assert_eq!(same("?after=1"), "https://api.test/v1/logs?after=1");
    assert_eq!(same("/v1/logs?"), "https://api.test/v1/logs?");
    assert_eq!(
        same("https://api.test:443/o?token=1#x"),
        "https://api.test/o?token=1"
    );
}

#[test]
fn credentials_in_link_are_not_stored() {
    let link = "/v1?a=1&Access_Token=s3cret&b=%262&api_key=s3cret&api%5Fkey=s3cret";
    assert_eq!(resolved(link).unwrap(), "https://api.test/v1?a=1&b=%262");
    assert_eq!(
        resolved("/v1?secret=s3cret").unwrap(),
        "https://api.test/v1"
    );
    for link in [
        "/v1?a=1&api%255Fkey=s3cret",
        "/v1?a=1&amp;api_key=s3cret",
        "/v1?a=1&amp;api%26%2395%3Bkey=s3cret",
    ] {
        assert_eq!(resolved(link).unwrap(), "https://api.test/v1?a=1", "{link}");
    }
}

#[test]
fn rejected_link_names_foreign_origin() {
    for (link, named) in [
        ("https://evil.test/v1?t=1", "https://evil.test"),
        ("//evil.test/v1", "https://evil.test"),
        ("http://api.test/v1", "http://api.test"),
        ("https://api.test:8443/", "https://api.test:8443"),
        ("https://api.test@evil.test/", "https://evil.test"),
        ("\\\\evil.test/v1", "https://evil.test"),
        ("https://api.test./v1", "https://api.test."),
    ] {
        let failure = resolved(link).unwrap_err();
        assert_eq!(failure.class, FailureClass::Block, "{link}");
        let both = format!("{named}; requests of this source go to https://api.test only");
        assert!(failure.message.contains(&both), "{}", failure.message);
    }
    assert_eq!(
        resolved("https://u:p@api.test/").unwrap_err().class,
        FailureClass::Block
    );
    assert_eq!(resolved("https://").unwrap_err().class, FailureClass::Page);
}

/// The message for a link that leads away, from the response to a request with a token.
fn refused(link: &str) -> String {
    let asked: Url = "https://api.test/v1/logs?since=1&after=S3CRETtoken"
        .parse()
        .unwrap();
    let failure = resolve(link, &asked, &Origin::from(&asked)).unwrap_err();
    assert_eq!(failure.class, FailureClass::Block, "{link}");
    let home = "requests of this source go to https://api.test only; if the vendor's API is there, \
                set `base_url` of the source to it";
    assert!(failure.message.contains(home), "{}", failure.message);
    failure.message
}

#[test]
fn host_containing_page_token_is_not_named() {
    for link in [
        "h://S3CRETpagetoken://0/api/v1/logs?af-0ter=S3CRETpagetoken",
        "hxttps://acme.oS3CRETpagetokenkta.test/api/v1/logs?after=S3CRETpagetoken",
        "https://S3CRETpagetoken/v1?after=S3CRETpagetoken",
        "https://x.s3cretpagetoken.evil.test/v1?after=S3CRETpagetoken",
        "https://a-S3CRETpagetoken.evil.test/v1?after=S3CRET%70agetoken",
        "https://S3CRETtoken.evil.test/v1",
        "S3CRETtoken:x",
    ] {
        let said = refused(link).to_ascii_lowercase();
        assert!(!said.contains("s3cret"), "{said}");
        let stored: Url = link.parse().unwrap();
        let home = Origin::from(&"https://api.test/".parse().unwrap());
        let failure = confine(&stored, &home).unwrap_err();
        let is_own = link.contains('?');
        let said = failure.message.to_ascii_lowercase();
        assert!(!is_own || !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn only_plausible_hosts_are_named() {
    let label = "a".repeat(64);
    for host in [label.as_str(), "a..b", "a=b", "!", "a$b.test"] {
        let said = refused(&format!("https://{host}/"));
        assert!(!said.contains(host), "{said}");
        assert!(said.contains("another host (name omitted"), "{said}");
    }
    for host in ["192.0.2.1", "[2001:db8::1]:8443", "x_y.test", "localhost"] {
        let said = refused(&format!("https://{host}/?after=short"));
        assert!(said.contains(&format!("https://{host};")), "{said}");
    }
    let said = refused("data:text/plain,S3CRETtoken");
    assert!(said.contains("neither http nor https"), "{said}");
}
