use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::ExposeSecret;
use windlass_core::clock::ManualClock;

use crate::secret::fake_aws::{FakeAws, error, parameter, secret};

use super::*;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()))
}

fn reference(text: &str) -> SecretRef {
    text.parse().unwrap()
}

async fn fetched(vault: &Vault, text: &str) -> String {
    let secret = vault.fetch(&reference(text)).await;
    secret
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .expose_secret()
        .to_owned()
}

/// Secrets that contain the number of the read.
async fn counting() -> FakeAws {
    let count = AtomicUsize::new(0);
    FakeAws::returning(move |_, _| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        secret(&format!("value-{number}"))
    })
    .await
}

#[tokio::test]
async fn stores_return_decrypted_secrets_by_name() {
    let aws = FakeAws::returning(|action, _| match action {
        "GetSecretValue" => secret("from the manager\n"),
        _ => parameter("from the store"),
    })
    .await;
    let vault = aws.vault(&clock());
    let manager = fetched(&vault, "secretsmanager:windlass/acme").await;
    assert_eq!(manager, "from the manager");
    let store = fetched(&vault, "ssm:/windlass/acme").await;
    assert_eq!(store, "from the store");
    let asked = aws.asked().await;
    assert_eq!(asked[0].0, "GetSecretValue");
    assert_eq!(
        asked[0].1,
        serde_json::json!({ "SecretId": "windlass/acme" })
    );
    assert_eq!(asked[1].0, "GetParameter");
    let parameter = serde_json::json!({ "Name": "/windlass/acme", "WithDecryption": true });
    assert_eq!(asked[1].1, parameter);
}

#[tokio::test]
async fn fields_of_one_bundle_share_one_read() {
    let aws = FakeAws::returning(|_, _| secret(r#"{"okta":"o","slack":"s"}"#)).await;
    let vault = aws.vault(&clock());
    assert_eq!(fetched(&vault, "secretsmanager:acme#okta").await, "o");
    assert_eq!(fetched(&vault, "secretsmanager:acme#slack").await, "s");
    assert!(
        fetched(&vault, "secretsmanager:acme")
            .await
            .starts_with('{')
    );
    assert_eq!(aws.reads().await, 1);
}

#[tokio::test]
async fn secret_cache_expires_after_four_to_five_minutes() {
    for random in [0, 1, 59_999, 60_000, u64::MAX] {
        let ttl = ttl_ms(random);
        assert!((240_001..=300_000).contains(&ttl), "{ttl}");
    }
    assert_ne!(ttl_ms(1), ttl_ms(2));

    let (aws, clock) = (counting().await, clock());
    let vault = aws.vault(&clock);
    for (advance_ms, value) in [(0, "value-1"), (240_000, "value-1"), (60_000, "value-2")] {
        clock.advance_ms(advance_ms);
        assert_eq!(fetched(&vault, "secretsmanager:a").await, value);
    }
    // A clock that stepped back must not extend the lifetime.
    clock.advance_ms(-3_600_000);
    assert_eq!(fetched(&vault, "secretsmanager:a").await, "value-3");
}

#[tokio::test]
async fn fetch_again_replaces_cached_secret() {
    let (aws, clock) = (counting().await, clock());
    let vault = aws.vault(&clock);
    assert_eq!(fetched(&vault, "secretsmanager:a").await, "value-1");
    let source = VaultSecret::new(Arc::clone(&vault), reference("secretsmanager:a"));
    let again = source.read_again().await.unwrap();
    assert_eq!(again.expose_secret(), "value-2");
    assert_eq!(fetched(&vault, "secretsmanager:a").await, "value-2");
    assert_eq!(aws.reads().await, 2);
}

#[tokio::test]
async fn concurrent_fetches_share_read_per_name() {
    let aws = counting().await;
    let vault = aws.vault(&clock());
    let (one, two) = tokio::join!(
        fetched(&vault, "secretsmanager:a"),
        fetched(&vault, "secretsmanager:a")
    );
    assert_eq!((one.as_str(), two.as_str()), ("value-1", "value-1"));
    assert_eq!(fetched(&vault, "secretsmanager:b").await, "value-2");
    assert_eq!(aws.reads().await, 2);
}

#[tokio::test]
async fn missing_field_bypasses_cache() {
    let count = AtomicUsize::new(0);
    let aws = FakeAws::returning(move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
        0 => secret(r#"{"okta":"o"}"#),
        _ => secret(r#"{"okta":"o","slack":"s"}"#),
    })
    .await;
    let vault = aws.vault(&clock());
    assert_eq!(fetched(&vault, "secretsmanager:acme#okta").await, "o");
    assert_eq!(fetched(&vault, "secretsmanager:acme#slack").await, "s");
    assert_eq!(aws.reads().await, 2);
}

#[tokio::test]
async fn failed_read_leaves_cache_unchanged() {
    let count = AtomicUsize::new(0);
    let aws = FakeAws::returning(move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
        1 | 2 => error(503, "ServiceUnavailable", ""),
        _ => secret("value"),
    })
    .await;
    let vault = aws.vault(&clock());
    assert_eq!(fetched(&vault, "secretsmanager:a").await, "value");
    let failed = vault.fetch_again(&reference("secretsmanager:a")).await;
    assert!(failed.unwrap_err().may_pass());
    assert_eq!(fetched(&vault, "secretsmanager:a").await, "value");
    assert!(vault.fetch(&reference("secretsmanager:b")).await.is_err());
    assert_eq!(fetched(&vault, "secretsmanager:b").await, "value");
    assert_eq!(aws.reads().await, 4);
}

#[tokio::test]
async fn full_cache_evicts_oldest_secret() {
    let (aws, clock) = (counting().await, clock());
    let vault = aws.vault(&clock);
    for number in 0..=ENTRIES_MAX {
        clock.advance_ms(1);
        fetched(&vault, &format!("secretsmanager:s{number}")).await;
    }
    assert_eq!(vault.cache.lock().unwrap().len(), ENTRIES_MAX);
    let reads = aws.reads().await;
    fetched(&vault, "secretsmanager:s1").await;
    assert_eq!(aws.reads().await, reads, "the second oldest is still there");
    fetched(&vault, "secretsmanager:s0").await;
    assert_eq!(aws.reads().await, reads + 1);
    // Expired entries make room for new ones.
    clock.advance_ms(TTL_MS);
    fetched(&vault, "secretsmanager:new").await;
    assert_eq!(vault.cache.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let aws = FakeAws::returning(|_, _| secret("canary-5f1e9c02")).await;
    let vault = aws.vault(&clock());
    fetched(&vault, "secretsmanager:a").await;
    let source = VaultSecret::new(vault, reference("secretsmanager:a"));
    assert!(!format!("{source:?}").contains("canary"), "{source:?}");
}
