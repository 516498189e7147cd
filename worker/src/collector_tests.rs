//! The collector's credential, its limits, and the class of each failure.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use url::Url;
use windlass_connectors::exchange::{ApiResponse, Headers};
use windlass_connectors::scripted::ScriptedTransport;
use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::time::Timestamp;

use super::*;

const SECRET: &str = "collector-canary-5f1c";

/// A file that holds [`SECRET`], removed when dropped.
struct SecretFile(std::path::PathBuf);

impl SecretFile {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("windlass-collector-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, format!("{SECRET}\n")).unwrap();
        Self(path)
    }

    fn reference(&self) -> String {
        format!("file:{}", self.0.display())
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn collector(
    script: impl Fn(&ApiRequest) -> Result<ApiResponse, TransportError> + Send + Sync + 'static,
) -> (HttpCollector<ScriptedTransport>, ScriptedTransport) {
    let transport = ScriptedTransport::new(script);
    let clock = Arc::new(ManualClock::at(Timestamp::from_ms(0)));
    let collector = HttpCollector {
        transport: transport.clone(),
        vault: Arc::new(Vault::new(clock.clone(), Arc::new(SeededEntropy::new(1)))),
        clock,
    };
    (collector, transport)
}

async fn posted(
    collector: &HttpCollector<ScriptedTransport>,
    secret: Option<&str>,
) -> Result<Response, CallError> {
    let url = Url::parse("https://collector.example/in?token=hidden").unwrap();
    let authorization = secret.map(|secret| Authorization {
        scheme: "Splunk",
        secret,
        renew: false,
    });
    let post = Post {
        url: &url,
        content_type: "application/x-ndjson",
        key: "\"the key\"".to_owned(),
        authorization,
        body: Bytes::from_static(b"{}\n"),
    };
    collector.post(post).await
}

fn response(status: u16, headers: &[(&str, &str)]) -> ApiResponse {
    let headers: Headers = headers.iter().copied().collect();
    ApiResponse {
        status,
        headers,
        body: Bytes::from_static(b"never read"),
    }
}

#[tokio::test]
async fn request_carries_key_and_secret_with_scheme() {
    let (collector, transport) = collector(|_| Ok(response(200, &[])));
    let file = SecretFile::new();
    posted(&collector, Some(&file.reference())).await.unwrap();
    posted(&collector, None).await.unwrap();
    let [with, without] = &transport.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!(with.header("idempotency-key"), Some("\"the key\""));
    assert_eq!(with.header("content-type"), Some("application/x-ndjson"));
    let expected = format!("Splunk {SECRET}");
    assert_eq!(with.header("authorization"), Some(expected.as_str()));
    assert_eq!(without.header("authorization"), None);
    assert_eq!(with.body.as_deref(), Some(&b"{}\n"[..]));
}

#[tokio::test]
async fn retry_after_date_counts_by_collector_clock() {
    for (headers, expected) in [
        (vec![("retry-after", "7")], Some(7_000)),
        (
            vec![
                ("date", "Fri, 02 Jan 2026 00:00:00 GMT"),
                ("retry-after", "Fri, 02 Jan 2026 00:01:00 GMT"),
            ],
            Some(60_000),
        ),
        (vec![], None),
    ] {
        let (collector, _) = collector(move |_| Ok(response(503, &headers)));
        let response = posted(&collector, None).await.unwrap();
        assert_eq!(response.status, 503);
        assert_eq!(response.retry_after_ms, expected);
    }
}

#[tokio::test]
async fn network_error_names_only_host() {
    let text = || "broken".to_owned();
    let file = SecretFile::new();
    for (error, expected) in [
        (TransportError::Connect(text()), "again"),
        (TransportError::Interrupted(text()), "again"),
        (TransportError::Timeout(text()), "slow"),
        (TransportError::Refused(text()), "refused"),
        (TransportError::TooLarge { limit: 9 }, "refused"),
        (
            TransportError::Redirect {
                status: 302,
                to: None,
            },
            "refused",
        ),
    ] {
        let (collector, _) = collector(move |_| Err(error.clone()));
        let error = posted(&collector, Some(&file.reference()))
            .await
            .unwrap_err();
        let class = match &error {
            CallError::Again(_) => "again",
            CallError::Slow(_) => "slow",
            CallError::Refused(_) => "refused",
            other => panic!("{other:?}"),
        };
        let problem = error.to_string();
        assert_eq!(class, expected, "{problem}");
        assert!(
            problem.starts_with("collector https://collector.example: "),
            "{problem}"
        );
        assert!(
            !problem.contains("hidden") && !problem.contains(SECRET),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn missing_or_inline_secret_sends_no_request() {
    let (collector, transport) = collector(|_| Ok(response(200, &[])));
    for secret in ["env:WINDLASS_NO_SUCH_VARIABLE", "00abcDEFpasted"] {
        let error = posted(&collector, Some(secret)).await.unwrap_err();
        assert!(matches!(error, CallError::Refused(_)), "{error:?}");
        assert!(!error.to_string().contains("00abcDEF"), "{error}");
    }
    assert!(transport.requests().is_empty());
}
