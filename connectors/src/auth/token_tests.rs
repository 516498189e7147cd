use windlass_core::clock::{ManualClock, SeededEntropy};

use crate::auth::tests::spec;
use crate::auth::{Credentials, TokenGeneration};
use crate::exchange::{ApiRequest, ApiResponse, Headers};
use crate::scripted::ScriptedTransport;

use super::*;

/// One source with a token endpoint. Its tokens live long, so that only rejections renew them.
struct World {
    credentials: Credentials,
    endpoint: ScriptedTransport,
    clock: ManualClock,
}

impl World {
    fn new() -> Self {
        let spec = spec(
            "{ kind: oauth2_client_credentials, token_url: 'https://login.vendor.test/token' }",
        );
        let secret = SecretString::from(r#"{"client_id":"id","client_secret":"s"}"#);
        let endpoint = ScriptedTransport::new(|_| {
            let body = r#"{"access_token":"t","token_type":"bearer","expires_in":86400}"#;
            Ok(ApiResponse {
                status: 200,
                headers: Headers::default(),
                body: body.into(),
            })
        });
        Self {
            credentials: Credentials::new(&spec, Some(&secret)).unwrap(),
            endpoint,
            clock: ManualClock::at(Timestamp::from_ms(0)),
        }
    }

    async fn generation(&self) -> TokenGeneration {
        let mut request = ApiRequest::get("https://api.vendor.test/".parse().unwrap());
        let entropy = SeededEntropy::new(7);
        let (endpoint, clock) = (&self.endpoint, &self.clock);
        self.credentials
            .authorize(&mut request, endpoint, clock, &entropy)
            .await
            .unwrap()
    }

    fn tokens(&self) -> usize {
        self.endpoint.requests().len()
    }
}

#[test]
fn token_is_renewed_before_expiry() {
    for random in [0, 1, 19_999, 20_000, u64::MAX] {
        let usable = usable_ms(3_600_000, random);
        assert!((3_520_001..=3_540_000).contains(&usable), "{usable}");
        assert_eq!(usable_ms(60_000, random), 30_000);
        assert_eq!(usable_ms(0, random), 0);
    }
    let (one, other) = (usable_ms(3_600_000, 1), usable_ms(3_600_000, 2));
    assert_ne!(
        one, other,
        "sources that start together do not renew together"
    );
}

#[tokio::test]
async fn second_rejection_in_a_row_is_final() {
    let world = World::new();
    let first = world.generation().await;
    assert!(world.credentials.rejected(first).await);
    let second = world.generation().await;
    assert_ne!(first, second);
    assert!(!world.credentials.rejected(second).await);
    assert_eq!(world.tokens(), 2);
}

#[tokio::test]
async fn accepted_token_allows_another_renewal() {
    let world = World::new();
    for renewals in 1..=200 {
        let generation = world.generation().await;
        world.credentials.accepted(generation).await;
        assert!(world.credentials.rejected(generation).await);
        assert_eq!(world.tokens(), renewals);
    }
}

#[tokio::test]
async fn success_of_old_token_allows_no_renewal() {
    let world = World::new();
    let old = world.generation().await;
    assert!(world.credentials.rejected(old).await);
    let new = world.generation().await;
    world.credentials.accepted(old).await;
    assert!(!world.credentials.rejected(new).await);
}

#[tokio::test]
async fn concurrent_rejections_of_token_renew_it_once() {
    let world = World::new();
    let (one, two) = (world.generation().await, world.generation().await);
    assert!(world.credentials.rejected(one).await);
    assert!(
        world.credentials.rejected(two).await,
        "before the new token is there"
    );
    let (three, four) = (world.generation().await, world.generation().await);
    assert_eq!(three, four);
    assert!(world.credentials.rejected(one).await, "after");
    assert_eq!(
        world.generation().await,
        three,
        "a late rejection of the old one keeps the new one"
    );
    assert_eq!(world.tokens(), 2);
}

#[tokio::test]
async fn final_rejection_resets_token_and_renewal() {
    let world = World::new();
    for _ in 0..2 {
        let generation = world.generation().await;
        assert!(world.credentials.rejected(generation).await);
        let generation = world.generation().await;
        assert!(!world.credentials.rejected(generation).await);
    }
    assert_eq!(world.tokens(), 4);
}
