use windlass_connectors::secret::SecretError;
use windlass_core::system::{SystemClock, SystemEntropy};

use super::*;
use crate::testing::{Bench, at};

const CONFIG: &str = "\
state: { sqlite: windlass.db }
sinks:
  lake: { ndjson: { dir: out } }
sources:
  bad:
    connector: okta_system_log
    params: { domain: bad.okta.com }
    secret: file:absent.token
    start: 2026-01-01T00:00:00Z
  good:
    connector: okta_system_log
    params: { domain: good.okta.com }
    secret: file:good.token
    start: 2026-01-01T00:00:00Z
";

async fn factory(bench: &Bench) -> LocalAdapterFactory {
    let config = Arc::new(bench.config());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    LocalAdapterFactory::build(&config, None, None, (&clock, &entropy))
        .await
        .unwrap()
}

fn record(bench: &Bench, name: &str) -> SourceRecord {
    SourceRecord {
        definition: bench.config().sources[name].definition.clone(),
        version: 1,
        blocked: None,
        held_since: None,
        applied_at: at(0),
    }
}

fn bench() -> Bench {
    let bench = Bench::new(CONFIG);
    let out = bench.path("out");
    let text = CONFIG.replace("dir: out", &format!("dir: {}", out.display()));
    bench.write(&text);
    std::fs::write(bench.path("good.token"), "a-token-of-the-tests").unwrap();
    bench
}

#[tokio::test]
async fn missing_secret_stops_own_source_with_position() {
    let bench = bench();
    let factory = factory(&bench).await;
    let bad = factory.adapters(&record(&bench, "bad")).await;
    let Err(AdapterError::Refused(why)) = bad else {
        panic!("{bad:?}");
    };
    assert!(why.contains("windlass.yaml:8:"), "{why}");
    assert!(
        why.contains("sources.bad.secret") && why.contains("absent.token"),
        "{why}"
    );
    factory.adapters(&record(&bench, "good")).await.unwrap();
}

#[tokio::test]
async fn secret_added_later_is_read_next_time() {
    let bench = bench();
    let factory = factory(&bench).await;
    factory.adapters(&record(&bench, "bad")).await.unwrap_err();
    std::fs::write(bench.path("absent.token"), "a-token-of-the-tests").unwrap();
    let first = factory.adapters(&record(&bench, "bad")).await.unwrap();
    let second = factory.adapters(&record(&bench, "bad")).await.unwrap();
    assert!(Arc::ptr_eq(&first.client, &second.client), "made once");
}

#[tokio::test]
async fn unavailable_secret_makes_source_wait() {
    let bench = bench();
    let factory = factory(&bench).await;
    let inputs = &factory.inputs;
    let bad = &inputs.config.sources["bad"];
    let reference = SecretRef::Env("TOKEN".to_owned());
    let problem = "AWS asks to slow down".to_owned();
    let error = ClientError::from(SecretError::Outage { reference, problem });
    let why = inputs.problem(bad, &error).to_string();
    assert_eq!(
        why,
        "sources.bad.secret: `env:TOKEN` cannot be read at the moment: AWS asks to slow down"
    );
    let error = AdapterError::of(&error, why);
    assert!(matches!(error, AdapterError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn secret_denied_by_aws_is_retried_before_blocking() {
    let reference = SecretRef::Env("TOKEN".to_owned());
    let (region, problem) = ("eu-west-1".to_owned(), "the key is disabled".to_owned());
    let error = SecretError::Refused {
        reference,
        region,
        problem,
    };
    let error = AdapterError::from(ClientError::from(error));
    assert!(matches!(error, AdapterError::Denied(_)), "{error}");
}

#[tokio::test]
async fn definition_changed_since_start_is_rejected() {
    let bench = bench();
    let factory = factory(&bench).await;
    let mut changed = record(&bench, "good");
    changed.definition.metadata = false;
    let refused = factory.adapters(&changed).await;
    assert!(
        matches!(refused, Err(AdapterError::Refused(_))),
        "{refused:?}"
    );
}
