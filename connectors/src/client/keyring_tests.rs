use std::sync::atomic::{AtomicUsize, Ordering};

use windlass_core::clock::{ManualClock, SeededEntropy};

use crate::client::Client;
use crate::client::tests::{BEARER, CANARY, OAUTH, connector, response, span};
use crate::exchange::{ApiResponse, Headers};
use crate::scripted::ScriptedTransport;
use crate::secret::{SecretError, SecretRead, SecretRef};

use super::*;

pub(super) const NEWER: &str = "newer-7a40d1b3";

/// A secret store that returns one secret after another, and repeats the last one.
#[derive(Debug)]
pub(super) struct Place {
    values: Vec<Result<&'static str, Trouble>>,
    reads: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    Unwell,
    Denied,
}

fn reference() -> SecretRef {
    "secretsmanager:windlass/acme#token".parse().unwrap()
}

impl Place {
    pub(super) fn with(values: &[Result<&'static str, Trouble>]) -> Arc<Self> {
        Arc::new(Self {
            values: values.to_vec(),
            reads: AtomicUsize::new(0),
        })
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

impl SecretSource for Place {
    fn read_again(&self) -> SecretRead<'_> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst);
        let value = self.values[read.min(self.values.len() - 1)];
        Box::pin(async move {
            tokio::task::yield_now().await;
            value
                .map(SecretString::from)
                .map_err(|trouble| match trouble {
                    Trouble::Unwell => SecretError::Outage {
                        reference: reference(),
                        problem: "eu-west-1 returned HTTP 503".to_owned(),
                    },
                    Trouble::Denied => SecretError::Denied {
                        reference: reference(),
                        region: "eu-west-1".to_owned(),
                        action: "secretsmanager:GetSecretValue",
                        resource: "secret windlass/acme".to_owned(),
                    },
                })
        })
    }
}

fn oauth_secret(value: &str) -> String {
    format!(r#"{{"client_id":"id","client_secret":"{value}"}}"#)
}

/// A client that began with [`CANARY`], and its clock.
pub(super) fn client(
    auth: &str,
    transport: &ScriptedTransport,
    place: &Arc<Place>,
) -> (Client<ScriptedTransport>, Arc<ManualClock>) {
    let connector = connector(auth, None);
    let secret = if auth == OAUTH {
        oauth_secret(CANARY)
    } else {
        CANARY.to_owned()
    };
    let secret = SecretString::from(secret);
    let credentials = Credentials::new(connector.auth(), Some(&secret)).unwrap();
    let clock = Arc::new(ManualClock::at("2026-01-02T00:00:00Z".parse().unwrap()));
    let entropy = Arc::new(SeededEntropy::new(1));
    let client = Client::new(
        connector,
        credentials,
        transport.clone(),
        clock.clone(),
        entropy,
    );
    let source: Arc<dyn SecretSource> = place.clone();
    (client.with_renewal(secret, source), clock)
}

/// A vendor that accepts `good` and echoes every other token.
fn vendor(good: &'static str) -> ScriptedTransport {
    ScriptedTransport::new(move |request| {
        let header = request.header("authorization").unwrap();
        Ok(if header == format!("Bearer {good}") {
            response(200, r#"[{"a":1}]"#)
        } else {
            let echo = format!(r#"{{"code":"E401","message":"bad token {header}"}}"#);
            response(401, &echo)
        })
    })
}

fn hides_both(failure: &Failure) {
    let said = format!("{failure} {failure:?}");
    assert!(!said.contains(CANARY) && !said.contains(NEWER), "{said}");
}

#[tokio::test]
async fn replaced_secret_is_read_and_page_refetched() {
    let (transport, place) = (vendor(NEWER), Place::with(&[Ok(NEWER)]));
    let (client, _) = client(BEARER, &transport, &place);
    let page = client.fetch(span(), None).await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert_eq!((transport.requests().len(), place.reads()), (2, 1));
    // The new secret is used at once from here on.
    client.fetch(span(), None).await.unwrap();
    assert_eq!((transport.requests().len(), place.reads()), (3, 1));
}

#[tokio::test]
async fn unchanged_secret_keeps_original_failure() {
    let (transport, place) = (vendor(NEWER), Place::with(&[Ok(CANARY)]));
    let (client, _) = client(BEARER, &transport, &place);
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.status),
        (FailureClass::Block, Some(401))
    );
    assert!(failure.message.contains("E401"), "{failure}");
    assert_eq!((transport.requests().len(), place.reads()), (1, 1));
    hides_both(&failure);
}

#[tokio::test]
async fn secret_is_reread_once_per_minute() {
    let (transport, place) = (
        vendor(NEWER),
        Place::with(&[Ok(CANARY), Ok(CANARY), Ok(NEWER)]),
    );
    let (client, clock) = client(BEARER, &transport, &place);
    for (advance_ms, reads) in [(0, 1), (0, 1), (59_999, 1), (1, 2), (30_000, 2)] {
        clock.advance_ms(advance_ms);
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Block);
        assert_eq!(place.reads(), reads);
    }
    assert_eq!(transport.requests().len(), 5, "no request was repeated");
    // A clock that stepped back does not extend the wait.
    clock.advance_ms(-3_600_000);
    client.fetch(span(), None).await.unwrap();
    assert_eq!(place.reads(), 3);
}

#[tokio::test]
async fn rejected_replacement_secret_blocks_unquoted() {
    let (transport, place) = (vendor("another"), Place::with(&[Ok(NEWER)]));
    let (client, _) = client(BEARER, &transport, &place);
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.status),
        (FailureClass::Block, Some(401))
    );
    assert!(failure.message.contains("***"), "{failure}");
    assert_eq!((transport.requests().len(), place.reads()), (2, 1));
    hides_both(&failure);
}

#[tokio::test]
async fn unavailable_secret_store_blocks_no_source() {
    let (transport, place) = (
        vendor(NEWER),
        Place::with(&[Err(Trouble::Unwell), Ok(NEWER)]),
    );
    let (client, clock) = client(BEARER, &transport, &place);
    for _ in 0..3 {
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Outage);
        assert!(
            failure
                .message
                .contains("`secretsmanager:windlass/acme#token` cannot be read at the moment")
                && failure.message.contains("E401"),
            "{failure}"
        );
        hides_both(&failure);
    }
    assert_eq!(place.reads(), 1);
    clock.advance_ms(REREAD_EVERY_MS);
    client.fetch(span(), None).await.unwrap();
    assert_eq!(place.reads(), 2);
}

#[tokio::test]
async fn denied_secret_is_named_beside_rejection() {
    let (transport, place) = (vendor(NEWER), Place::with(&[Err(Trouble::Denied)]));
    let (client, _) = client(BEARER, &transport, &place);
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.status),
        (FailureClass::Block, Some(401))
    );
    for part in [
        "E401",
        "allow secretsmanager:GetSecretValue on secret windlass/acme",
    ] {
        assert!(failure.message.contains(part), "{failure}");
    }
    hides_both(&failure);
}

#[tokio::test]
async fn malformed_replacement_secret_blocks_unquoted() {
    let (transport, place) = (
        vendor(NEWER),
        Place::with(&[Ok("newer-7a40d1b3\nX-Evil: y")]),
    );
    let (client, _) = client(BEARER, &transport, &place);
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Block);
    assert!(failure.message.contains("remove line breaks"), "{failure}");
    assert_eq!(transport.requests().len(), 1);
    hides_both(&failure);
}

#[tokio::test]
async fn concurrent_rejections_read_secret_once() {
    let (transport, place) = (vendor(NEWER), Place::with(&[Ok(NEWER)]));
    let (client, _) = client(BEARER, &transport, &place);
    let (one, two) = tokio::join!(client.fetch(span(), None), client.fetch(span(), None));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!((transport.requests().len(), place.reads()), (4, 1));
}

/// P6 confined: credentials go to the configured origins only, and are neither logged nor stored.
#[tokio::test]
async fn page_token_with_earlier_secret_is_never_stored() {
    let transport = ScriptedTransport::new(|request| {
        let link = format!("<https://api.vendor.test/logs?k={CANARY}&after=2>; rel=\"next\"");
        let is_new = request.header("authorization") == Some("Bearer newer-7a40d1b3");
        Ok(ApiResponse {
            status: if is_new { 200 } else { 401 },
            headers: Headers::from_iter([("link".to_owned(), link)]),
            body: "[]".into(),
        })
    });
    let place = Place::with(&[Ok(NEWER)]);
    let (client, _) = client(BEARER, &transport, &place);
    for _ in 0..2 {
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Block);
        hides_both(&failure);
    }
    assert_eq!((transport.requests().len(), place.reads()), (3, 1));
}

#[test]
fn only_latest_credentials_stay_masked() {
    let bearer = connector(BEARER, None);
    let credentials = |number: usize| {
        let secret = SecretString::from(format!("{number}-key-{number}-{number}"));
        Credentials::new(bearer.auth(), Some(&secret)).unwrap()
    };
    let keyring = Keyring::new(credentials(0));
    for number in 1..=EARLIER_MAX + 1 {
        keyring.replace(credentials(number));
    }
    assert_eq!(keyring.redact("0-key-0-0"), "0-key-0-0");
    for number in 1..=EARLIER_MAX + 1 {
        assert_eq!(
            keyring.redact(&format!("{number}-key-{number}-{number}")),
            "***"
        );
    }
}
