//! The definitions that the function rejects, whatever the table holds.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::Region;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use windlass_connectors::registry;
use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::limits;
use windlass_core::source::Policy;
use windlass_core::time::{HOUR_MS, MINUTE_MS, Timestamp};
use windlass_function::testing::LogLines;

use super::{
    AdapterError, AdapterFactory, Arc, LambdaAdapterFactory, SdkConfig, Settings, SourceDefinition,
    SourceRecord,
};

fn factory() -> Arc<LambdaAdapterFactory> {
    // No server listens there.
    factory_at("http://127.0.0.1:9")
}

/// A factory whose AWS endpoint is `url`.
fn factory_at(url: &str) -> Arc<LambdaAdapterFactory> {
    let settings = Settings::read(&[("WINDLASS_TABLE", "state")].into_iter().collect());
    let clock = Arc::new(ManualClock::at(Timestamp::from_ms(0)));
    let keys = Credentials::new("AKIATEST", "secret", None, None, "test");
    let sdk = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .region(Region::from_static("eu-west-1"))
        .endpoint_url(url)
        .build();
    let entropy = Arc::new(SeededEntropy::new(1));
    Arc::new(LambdaAdapterFactory::new(&settings.unwrap(), sdk, clock, entropy).unwrap())
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
        file: None,
        manifest_hash: None,
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
            strict_order: None,
            sweeps_ms: Vec::new(),
            clock: None,
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

/// The error for a source like [`source`], changed.
async fn refusal(change: impl FnOnce(&mut SourceDefinition)) -> String {
    let mut source = source();
    change(&mut source.definition);
    match factory().adapters(&source).await {
        Err(AdapterError::Refused(why)) => why,
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn secret_from_function_environment_is_refused() {
    for reference in ["env:AWS_SECRET_ACCESS_KEY", "file:/proc/self/environ"] {
        let why = refusal(|source| source.secret = Some(reference.to_owned())).await;
        assert!(
            why.contains(reference) && why.contains("secretsmanager:NAME"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn sink_secret_from_function_environment_is_refused() {
    let collector = |secret: &str| {
        [
            ("kind", "http"),
            ("url", "https://collector.example/in"),
            ("rejects", "https://collector.example/rejects"),
            ("secret", secret),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    };
    for reference in ["env:AWS_SECRET_ACCESS_KEY", "file:/proc/self/environ"] {
        let why = refusal(|source| source.destination = collector(reference)).await;
        assert!(why.contains("the secret of its sink"), "{why}");
    }
    let mut source = source();
    source.definition.destination = collector("secretsmanager:windlass/collector");
    assert!(factory().adapters(&source).await.is_ok());
}

#[tokio::test]
async fn local_sink_is_refused() {
    let why = refusal(|source| source.destination.clear()).await;
    assert!(
        why.contains("`lake`") && why.contains("such as `firehose`"),
        "{why}"
    );
}

#[tokio::test]
async fn manifest_outside_package_is_refused() {
    for connector in ["/etc/passwd.yaml", "../secret.yaml", "none.yaml"] {
        let why = refusal(|source| source.connector = connector.to_owned()).await;
        assert!(!why.is_empty(), "{connector}");
    }
}

/// A Secrets Manager with the same secret under every name, until the process ends. Returns its
/// address and the number of reads.
fn secrets_manager() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            respond_with_secret(stream.unwrap()).unwrap();
        }
    });
    (url, reads)
}

/// Reads one whole request and responds as `GetSecretValue`.
fn respond_with_secret(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            body_bytes = value.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; body_bytes])?;
    let body = r#"{"ARN":"arn:aws:x","Name":"x","SecretString":"an-api-key"}"#;
    let length = body.len();
    write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn reapplied_source_rereads_its_secret() {
    let (url, reads) = secrets_manager();
    let (factory, mut source) = (factory_at(&url), source());
    source.definition.secret = Some("secretsmanager:windlass/nvd".to_owned());
    let mut clients = Vec::new();
    for (version, expected) in [(1, 1), (1, 1), (2, 2), (2, 2)] {
        source.version = version;
        let adapters = factory.adapters(&source).await;
        let adapters = adapters.unwrap_or_else(|error| panic!("{error}"));
        clients.push(adapters.client);
        assert_eq!(reads.load(Ordering::SeqCst), expected, "version {version}");
    }
    source.definition.name = "more-cves".parse().unwrap();
    assert!(factory.adapters(&source).await.is_ok());
    let read = reads.load(Ordering::SeqCst);
    assert_eq!(
        read, 2,
        "a source new to it is content with a secret just read"
    );
    assert!(Arc::ptr_eq(&clients[0], &clients[1]));
    assert!(!Arc::ptr_eq(&clients[1], &clients[2]));
    assert!(Arc::ptr_eq(&clients[2], &clients[3]));
}

#[tokio::test]
async fn changed_definition_makes_new_client() {
    let (factory, source) = (factory(), source());
    let Ok(first) = factory.adapters(&source).await else {
        panic!("refused")
    };
    let Ok(second) = factory.adapters(&source).await else {
        panic!("refused")
    };
    assert!(Arc::ptr_eq(&first.client, &second.client));
    let mut changed = source.clone();
    changed.definition.metadata = false;
    let Ok(third) = factory.adapters(&changed).await else {
        panic!("refused")
    };
    assert!(!Arc::ptr_eq(&first.client, &third.client));
    assert!(
        Arc::ptr_eq(&first.sink, &third.sink),
        "the destination is the same"
    );
}

/// The source with its connector's hash, except for one half.
fn applied_with(facts: Option<&str>, policy: Option<&str>) -> SourceRecord {
    let mut source = source();
    let manifest = registry::find("nvd_cves").unwrap();
    let hash = manifest.hash(&source.definition.params).to_string();
    let (of_facts, of_policy) = hash.split_once('.').unwrap();
    let (facts, policy) = (facts.unwrap_or(of_facts), policy.unwrap_or(of_policy));
    source.definition.manifest_hash = format!("{facts}.{policy}").parse().ok();
    source.definition.policy.strict_order = None;
    source
}

#[tokio::test]
async fn manifest_with_other_facts_holds_source() {
    assert!(factory().adapters(&applied_with(None, None)).await.is_ok());
    let other = applied_with(Some("0123456789ab"), None);
    let Err(AdapterError::Denied(why)) = factory().adapters(&other).await else {
        panic!("the source does not wait");
    };
    assert_eq!(
        why,
        "the manifest of connector `nvd_cves` has changed its unit, bounds, ids, clock or order \
         since `windlass apply`; run `windlass apply`, or deploy the version whose manifest was \
         applied"
    );
}

#[tokio::test]
async fn manifest_with_other_settle_uses_stored_policy() {
    let lines = LogLines::default();
    let log = lines.start("warn");
    let other = applied_with(None, Some("0123456789ab"));
    assert!(factory().adapters(&other).await.is_ok());
    drop(log);
    let lines = lines.take();
    assert_eq!((lines.len(), &lines[0]["source"]), (1, &"cves".into()));
    assert_eq!(
        lines[0]["message"],
        "the manifest of connector `nvd_cves` has changed its order or settle since `windlass \
         apply`; the applied policy stays in effect until `windlass apply`"
    );
}
