use std::path::Path;
use std::time::Duration;

use hyper::header::HeaderValue;
use hyper::{HeaderMap, Uri};
use serde_json::json;

use super::*;
use crate::aws::http;

/// Longer than any test takes on any machine.
const LONG_MS: u64 = 3_600_000;

fn function(timeout_ms: u64) -> Function {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Function {
        name: "worker".to_owned(),
        bootstrap: here.join("src/aws/testdata/bootstrap.py"),
        key_prefix: "AKIAWORKER".to_owned(),
        variables: BTreeMap::from([("OWN".to_owned(), "value".to_owned())]),
        timeout_ms,
        memory_mb: 256,
        concurrency: 2,
        event_age_ms: LONG_MS,
    }
}

async fn service(function: Function) -> LambdaService {
    let service = LambdaService::start(Calls::default(), Refusals::default())
        .await
        .unwrap();
    service.deploy(function);
    service
}

async fn post(
    service: &LambdaService,
    name: &str,
    kind: &'static str,
    body: &Value,
) -> HttpResponse {
    let path = format!("/2015-03-31/functions/{name}/invocations");
    let header = HeaderName::from_static("x-amz-invocation-type");
    let request = HttpRequest {
        method: Method::POST,
        uri: path.parse::<Uri>().unwrap(),
        headers: HeaderMap::from_iter([(header, HeaderValue::from_static(kind))]),
        body: Bytes::from(body.to_string()),
    };
    http::send(service.server.address(), request).await.unwrap()
}

fn process_of(invocation: &Invocation) -> u32 {
    let said = invocation.expect_success().unwrap();
    u32::try_from(said["process"].as_u64().unwrap()).unwrap()
}

#[tokio::test]
async fn environment_stays_warm_with_lambda_context() {
    let service = service(function(LONG_MS)).await;
    let first = service.invoke("worker", &json!({})).await.unwrap();
    let second = service.invoke("worker", &json!({})).await.unwrap();
    assert!(first.init.is_some() && second.init.is_none());
    assert_eq!(process_of(&first), process_of(&second));
    let said = second.expect_success().unwrap();
    assert_eq!(
        (&said["ran"], &said["own"], &said["key"]),
        (&json!(2), &json!("value"), &json!("AKIAWORKER000001"))
    );
    let left_ms = said["left_ms"].as_u64().unwrap();
    assert!((1..=LONG_MS).contains(&left_ms), "{left_ms}");
    let headers = &said["headers"];
    assert_eq!(headers["lambda-runtime-aws-request-id"], second.request_id);
    assert_eq!(
        headers["lambda-runtime-invoked-function-arn"],
        format!("{}worker", environment::ARN_PREFIX)
    );
    assert!(
        headers["lambda-runtime-trace-id"]
            .as_str()
            .unwrap()
            .starts_with("Root=")
    );
    assert!(first.billed_ms() >= 1 && first.max_rss_kb.is_none_or(|kb| kb > 1_000));
}

#[tokio::test]
async fn event_is_accepted_by_name_or_alias_arn() {
    let service = service(function(LONG_MS)).await;
    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aworker%3Alive";
    let response = post(&service, arn, "Event", &json!({"sleep_ms": 50})).await;
    assert_eq!(
        (response.status, response.body.len()),
        (StatusCode::ACCEPTED, 0)
    );
    assert_eq!(service.pending("worker").unwrap(), 1);
    service.rest().await.unwrap();
    let invocations = service.invocations("worker").unwrap();
    assert_eq!(invocations.len(), 1);
    assert!(invocations[0].duration >= Duration::from_millis(50));
    let response = post(&service, "other", "Event", &json!({})).await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn synchronous_call_gets_response_or_error() {
    let service = service(function(LONG_MS)).await;
    let response = post(&service, "worker", "RequestResponse", &json!({})).await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&response.body).contains("\"ran\": 1"));
    let response = post(
        &service,
        "worker",
        "RequestResponse",
        &json!({"fail": true}),
    )
    .await;
    assert_eq!(response.headers["x-amz-function-error"], "Unhandled");
    assert!(String::from_utf8_lossy(&response.body).contains("LogOnce.So"));
}

#[tokio::test]
async fn timed_out_function_is_killed_without_retry() {
    let service = service(function(LONG_MS)).await;
    let warm = service.invoke("worker", &json!({})).await.unwrap();
    service.set_timeout_ms("worker", 1).unwrap();
    service
        .send("worker", &json!({"sleep_ms": LONG_MS}))
        .unwrap();
    service.rest().await.unwrap();
    let invocations = service.invocations("worker").unwrap();
    assert_eq!(invocations[1].outcome, Outcome::TimedOut);
    assert_eq!(invocations[1].environment, invocations[0].environment);
    assert!(!Path::new(&format!("/proc/{}", process_of(&warm))).exists());
    let failed = service.failed_events("worker").unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].condition, "TimedOut");
    service.set_timeout_ms("worker", LONG_MS).unwrap();
    let again = service.invoke("worker", &json!({})).await.unwrap();
    assert!(again.init.is_some() && again.outcome.is_success());
}

#[tokio::test]
async fn every_function_failure_is_recorded() {
    let service = service(function(LONG_MS)).await;
    let exited = service.invoke("worker", &json!({"exit": 3})).await.unwrap();
    assert_eq!(exited.outcome, Outcome::Exited("exit status: 3".to_owned()));
    let failed = service
        .invoke("worker", &json!({"fail": true}))
        .await
        .unwrap();
    assert!(matches!(failed.outcome, Outcome::Failed(_)));
    let mut refuses = function(LONG_MS);
    refuses
        .variables
        .insert("REFUSES_TO_START".to_owned(), "yes".to_owned());
    service.deploy(refuses);
    let refused = service.invoke("worker", &json!({})).await.unwrap();
    let Outcome::NotStarted(why) = refused.outcome else {
        panic!("{refused:?}");
    };
    assert!(why.contains("it refuses to start"), "{why}");
}

#[tokio::test]
async fn concurrency_is_bounded_and_old_events_fail() {
    let service = service(Function {
        concurrency: 1,
        event_age_ms: 300,
        ..function(LONG_MS)
    });
    let service = service.await;
    service.send("worker", &json!({"sleep_ms": 1_500})).unwrap();
    service.send("worker", &json!({})).unwrap();
    service.rest().await.unwrap();
    assert_eq!(service.invocations("worker").unwrap().len(), 1);
    let failed = service.failed_events("worker").unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].condition, "EventAgeExceeded");
}

#[tokio::test]
async fn synchronous_call_without_slot_is_rejected() {
    let service = service(Function {
        concurrency: 1,
        ..function(LONG_MS)
    });
    let service = service.await;
    service
        .send("worker", &json!({"sleep_ms": LONG_MS}))
        .unwrap();
    while service.logs("worker").unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let response = post(&service, "worker", "RequestResponse", &json!({})).await;
    assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn events_are_lost_and_doubled_as_configured() {
    let service = service(function(LONG_MS)).await;
    service
        .set_chaos("worker", Chaos::new(1).lost(100))
        .unwrap();
    service.send("worker", &json!({})).unwrap();
    service.rest().await.unwrap();
    assert!(service.invocations("worker").unwrap().is_empty());
    service
        .set_chaos("worker", Chaos::new(1).doubled(100).delay_ms(1..=5))
        .unwrap();
    service.send("worker", &json!({})).unwrap();
    service.rest().await.unwrap();
    let invocations = service.invocations("worker").unwrap();
    assert_eq!(invocations.len(), 2);
    assert_eq!(invocations[0].request_id, invocations[1].request_id);
    assert_eq!(service.tally("worker").unwrap().doubled, 1);
}

#[tokio::test]
async fn environment_is_killed_at_chosen_call() {
    let service = service(function(LONG_MS)).await;
    let moment = Moment::AfterCall {
        action: "dynamodb:UpdateItem".to_owned(),
        times: 2..=2,
    };
    let strike = Strike {
        act: Act::Kill,
        moment,
    };
    service
        .set_chaos("worker", Chaos::new(1).struck(100, 1, &[strike]))
        .unwrap();
    service
        .send("worker", &json!({"sleep_ms": LONG_MS}))
        .unwrap();
    let update = |caller: &str| Call {
        caller: caller.to_owned(),
        action: "dynamodb:UpdateItem".to_owned(),
        on: "table/t".to_owned(),
        key: String::new(),
    };
    // Calls of another environment do not count.
    for caller in ["AKIAWORKER000001", "AKIAWORKER000002"] {
        service.shared.calls.record(update(caller));
    }
    while service.logs("worker").unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(service.pending("worker").unwrap(), 1);
    for _ in 0..2 {
        service.shared.calls.record(update("AKIAWORKER000001"));
    }
    service.rest().await.unwrap();
    assert_eq!(
        service.invocations("worker").unwrap()[0].outcome,
        Outcome::Killed
    );
}

#[tokio::test]
async fn frozen_environment_outlives_timeout_and_resumes() {
    let service = service(Function {
        concurrency: 1,
        ..function(1)
    });
    let service = service.await;
    let strike = Strike {
        act: Act::Freeze,
        moment: Moment::AfterCall {
            action: "dynamodb:UpdateItem".to_owned(),
            times: 1..=1,
        },
    };
    service
        .set_chaos("worker", Chaos::new(1).struck(100, 1, &[strike]))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let end = folder.path().join("end");
    service.send("worker", &json!({"until": end})).unwrap();
    while service.logs("worker").unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    service.shared.calls.record(Call {
        caller: "AKIAWORKER000001".to_owned(),
        action: "dynamodb:UpdateItem".to_owned(),
        on: "table/t".to_owned(),
        key: String::new(),
    });
    service.rest().await.unwrap();
    service.set_timeout_ms("worker", LONG_MS).unwrap();
    assert_eq!(
        service.invocations("worker").unwrap()[0].outcome,
        Outcome::Frozen
    );
    assert_eq!(service.frozen("worker").unwrap(), 1);
    // Its slot is free after the deadline, and another environment takes its place.
    for _ in 0..2 {
        let other = service.invoke("worker", &json!({})).await.unwrap();
        assert_eq!(other.environment, 2);
    }
    std::fs::write(&end, "").unwrap();
    let thawed = service.thaw("worker").await.unwrap();
    assert_eq!(thawed.len(), 1);
    let said = thawed[0].expect_success().unwrap();
    assert!(said["left_ms"].as_i64().unwrap() < 0, "{said}");
    assert_eq!(service.frozen("worker").unwrap(), 0);
}

#[tokio::test]
async fn bootstrap_ends_when_response_is_dropped() {
    let service = service(function(LONG_MS)).await;
    service
        .set_chaos("worker", Chaos::new(1).without_response(100))
        .unwrap();
    service.send("worker", &json!({})).unwrap();
    service.rest().await.unwrap();
    let invocations = service.invocations("worker").unwrap();
    assert!(
        matches!(invocations[0].outcome, Outcome::Exited(_)),
        "{invocations:?}"
    );
}

#[tokio::test]
async fn logs_are_kept_per_environment() {
    let service = service(function(LONG_MS)).await;
    service.invoke("worker", &json!({"a": 1})).await.unwrap();
    while service.logs("worker").unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let logs = service.logs("worker").unwrap();
    assert!(logs.iter().all(|line| line.environment == 1));
    let json = logs.iter().find_map(LogLine::json).unwrap();
    assert_eq!(json["event"], json!({"a": 1}));
}

#[tokio::test]
async fn no_process_outlives_service() {
    let service = service(function(LONG_MS)).await;
    let invocation = service.invoke("worker", &json!({})).await.unwrap();
    service
        .send("worker", &json!({"sleep_ms": LONG_MS}))
        .unwrap();
    while service.logs("worker").unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    drop(service);
    let process = format!("/proc/{}/cmdline", process_of(&invocation));
    while std::fs::read(&process).is_ok_and(|line| !line.is_empty()) {
        tokio::task::yield_now().await;
    }
}
