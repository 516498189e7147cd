use super::*;
use crate::http::tests::config;

#[test]
fn invalid_url_is_not_quoted() {
    let settings =
        r#"{"url": "collector.example/?token=hunter2", "rejects": "https://c.example/"}"#;
    let error = serde_json::from_str::<HttpConfig>(settings).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("not a URL"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn forbidden_address_error_names_field() {
    use crate::settings::Settings as _;
    let field = |change: fn(&mut HttpConfig)| {
        let mut config = config();
        change(&mut config);
        let error = config.check().unwrap_err();
        assert!(!error.problem.contains("hunter2"), "{error}");
        error.field
    };
    let set = |text: &str| text.parse().unwrap();
    assert_eq!(config().check(), Ok(()));
    assert_eq!(
        field(|it| it.url = "http://collector.example/".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.url = "https://a:hunter2@collector.example/".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.url = "https://collector.example/?token=hunter2".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.url = "https://collector.example/#x".parse().unwrap()),
        "url"
    );
    assert_eq!(
        field(|it| it.rejects = "https://other.example/".parse().unwrap()),
        "rejects"
    );
    assert_eq!(
        field(|it| it.scheme = "Bearer hunter2".to_owned()),
        "scheme"
    );
    assert_eq!(field(|it| it.scheme = String::new()), "scheme");
    let loopback = HttpConfig {
        url: set("http://127.0.0.1:9/in"),
        rejects: set("http://127.0.0.1:9/rejects"),
        ..config()
    };
    assert_eq!(loopback.check(), Ok(()));
}
