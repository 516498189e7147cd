//! Which definitions the function refuses to work with, whatever the table says.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::limits;
use windlass_core::source::Policy;
use windlass_core::time::{HOUR_MS, MINUTE_MS, Timestamp};

use super::{
    Arc, LambdaOutfit, Outfit, OutfitError, SdkConfig, Settings, SourceDefinition, SourceRecord,
};

fn outfit() -> Arc<LambdaOutfit> {
    let settings = Settings::read(|name| (name == "WINDLASS_TABLE").then(|| "state".to_owned()));
    let clock = Arc::new(ManualClock::at(Timestamp::from_ms(0)));
    let keys = Credentials::new("AKIATEST", "secret", None, None, "test");
    let sdk = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let entropy = Arc::new(SeededEntropy::new(1));
    Arc::new(LambdaOutfit::new(&settings.unwrap(), sdk, clock, entropy).unwrap())
}

fn source() -> SourceRecord {
    let definition = SourceDefinition {
        name: "cves".parse().unwrap(),
        connector: "nvd_cves".to_owned(),
        params: [].into(),
        generation: "0123456789ab".parse().unwrap(),
        secret: None,
        base_url: None,
        token_url: None,
        start: Timestamp::from_ms(0),
        end: None,
        sink: "lake".to_owned(),
        destination: [
            ("kind", "firehose"),
            ("stream", "audit"),
            ("region", "eu-west-1"),
            ("rejects", "s3://lake/rejects"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        metadata: true,
        paused: false,
        policy: Policy {
            unit_ms: 1_000,
            initial_ms: HOUR_MS,
            min_ms: MINUTE_MS,
            max_ms: HOUR_MS,
            every_ms: MINUTE_MS,
            settle_ms: 0,
            max_lookback_ms: None,
            max_in_flight: 1,
            max_open_windows: 8,
            rate_group: "nvd".parse().unwrap(),
            group_in_flight: 1,
            requests_per_minute: None,
            history_ms: limits::HISTORY_MS_MIN,
        },
    };
    SourceRecord {
        definition,
        version: 1,
        blocked: None,
        held_since: None,
        applied_at: Timestamp::from_ms(0),
    }
}

/// Why a source like [`source`], changed, is refused.
async fn refusal(change: impl FnOnce(&mut SourceDefinition)) -> String {
    let mut source = source();
    change(&mut source.definition);
    match outfit().outfit(&source).await {
        Err(OutfitError::Refused(why)) => why,
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn a_secret_of_the_functions_own_environment_is_refused() {
    for reference in ["env:AWS_SECRET_ACCESS_KEY", "file:/proc/self/environ"] {
        let why = refusal(|source| source.secret = Some(reference.to_owned())).await;
        assert!(
            why.contains(reference) && why.contains("secretsmanager:NAME"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_sink_that_only_the_configuring_machine_can_reach_is_refused() {
    let why = refusal(|source| source.destination.clear()).await;
    assert!(
        why.contains("`lake`") && why.contains("firehose or kinesis"),
        "{why}"
    );
}

#[tokio::test]
async fn a_manifest_outside_the_package_is_refused() {
    for connector in ["/etc/passwd.yaml", "../secret.yaml", "none.yaml"] {
        let why = refusal(|source| source.connector = connector.to_owned()).await;
        assert!(!why.is_empty(), "{connector}");
    }
}

#[tokio::test]
async fn clients_are_made_once_and_again_when_the_definition_changes() {
    let (outfit, source) = (outfit(), source());
    let Ok(first) = outfit.outfit(&source).await else {
        panic!("refused")
    };
    let Ok(second) = outfit.outfit(&source).await else {
        panic!("refused")
    };
    assert!(Arc::ptr_eq(&first.client, &second.client));
    let mut changed = source.clone();
    changed.definition.metadata = false;
    let Ok(third) = outfit.outfit(&changed).await else {
        panic!("refused")
    };
    assert!(!Arc::ptr_eq(&first.client, &third.client));
    assert!(
        Arc::ptr_eq(&first.sink, &third.sink),
        "the destination is the same"
    );
}
