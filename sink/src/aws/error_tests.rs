//! Each way a call can fail, and the resulting error with its cure.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::fake::{Destination, firehose, kinesis, stream};
use super::fake::{FakeAws, Fault, OWN_KEY, REGION, ROLE_KEY, To, own_credentials};
use super::*;
use crate::conformance::{page, reject, window};

const ROLE: &str = "arn:aws:iam::210987654321:role/audit-writer";

/// The error of a write when every call `to` a service returns this response; with a reject in the
/// page for S3.
async fn error_of(to: To, status: u16, code: &'static str, message: &'static str) -> SinkError {
    let fake = FakeAws::start();
    let always = Fault::Response(status, code, message);
    fake.fail(to, vec![always; 100]);
    let destination = if to == To::Kinesis {
        kinesis()
    } else {
        firehose()
    };
    let sink = fake.sink(&destination).await;
    let error = written(&sink, to == To::S3).await.unwrap_err();
    let tries = fake.requests(to).0;
    let is_denied = matches!(error, SinkError::Denied { .. });
    assert_eq!(
        tries > 1,
        is_denied,
        "only what may pass is tried again: {tries}"
    );
    assert!(fake.clock.slept_ms() <= crate::retry_limit::WAIT_MS_MAX);
    error
}

async fn written(sink: &StreamSink, with_reject: bool) -> Result<Written, SinkError> {
    let window = window("okta");
    let mut batch = page(&window, 0, 0..3);
    if with_reject {
        batch.rejects = vec![reject(3, b"x")];
    }
    sink.open(&window).await?.write(&batch).await
}

/// The problem in an error that only an operator can cure.
fn refused(error: SinkError) -> String {
    match error {
        SinkError::Refused { sink, problem } => {
            assert_eq!(sink, "lake");
            problem
        }
        other => panic!("{other:?}"),
    }
}

/// The problem in an error that may be temporary, without its retry count.
fn denied(error: SinkError) -> String {
    let SinkError::Denied { problem, .. } = error else {
        panic!("{error:?}");
    };
    if let Some((problem, tries)) = problem.rsplit_once(" (after ") {
        assert!(tries.contains(" tries in "), "{tries}");
        return problem.to_owned();
    }
    let parts = problem.split_once(" not accepted after ");
    let (_, after) = parts.expect("the records that are left");
    let (tries, problem) = after.split_once(": ").expect("the number of tries");
    assert!(tries.contains(" tries in "), "{tries}");
    problem.to_owned()
}

#[tokio::test]
async fn missing_stream_is_named_with_region() {
    let error = error_of(To::Firehose, 400, "ResourceNotFoundException", "not found").await;
    assert_eq!(
        denied(error),
        "Firehose stream `audit` does not exist in eu-west-1 (ResourceNotFoundException); create \
         it, or correct the sink's stream and region"
    );
    let error = error_of(To::Kinesis, 400, "ResourceNotFoundException", "").await;
    let problem = denied(error);
    assert!(
        problem.starts_with("Kinesis stream `audit` does not exist in eu-west-1"),
        "{problem}"
    );
}

#[tokio::test]
async fn denied_access_names_action_and_stream() {
    for (to, code, action, stream) in [
        (
            To::Firehose,
            "AccessDeniedException",
            "firehose:PutRecordBatch",
            "deliverystream/audit",
        ),
        (
            To::Kinesis,
            "AccessDeniedException",
            "kinesis:PutRecords",
            "stream/audit",
        ),
        (
            To::S3,
            "AccessDenied",
            "s3:PutObject",
            "audit-lake/rejects/*",
        ),
    ] {
        let status = if to == To::S3 { 403 } else { 400 };
        let problem = denied(error_of(to, status, code, "User: x is not authorized").await);
        let expected = format!(
            "access denied ({code}): the credentials in use may not call {action} on {stream}"
        );
        assert!(problem.starts_with(&expected), "{problem}");
        assert!(
            problem.ends_with("AWS message: User: x is not authorized"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn unusable_kms_key_is_denied() {
    for (to, code) in [
        (To::Firehose, "InvalidKMSResourceException"),
        (To::Kinesis, "KMSDisabledException"),
        (To::Kinesis, "KMSAccessDeniedException"),
        (To::Kinesis, "KMSInvalidStateException"),
        (To::Kinesis, "KMSNotFoundException"),
        (To::Kinesis, "KMSOptInRequired"),
        (To::S3, "KMS.DisabledException"),
    ] {
        let problem = denied(error_of(to, 400, code, "").await);
        assert!(problem.starts_with("the KMS key of "), "{problem}");
        assert!(problem.contains(code), "{problem}");
    }
}

#[tokio::test]
async fn bad_credentials_are_denied_without_quoting_response() {
    for (to, code) in [
        (To::Firehose, "ExpiredTokenException"),
        (To::Firehose, "UnrecognizedClientException"),
        (To::Kinesis, "InvalidSignatureException"),
        (To::Kinesis, "MissingAuthenticationTokenException"),
        (To::S3, "ExpiredToken"),
        (To::S3, "InvalidAccessKeyId"),
        (To::S3, "RequestTimeTooSkewed"),
    ] {
        let status = if to == To::S3 { 403 } else { 400 };
        let problem = denied(error_of(to, status, code, "Credential=AKID, Signature=abc").await);
        assert!(problem.contains(&format!("({code})")), "{problem}");
        assert!(problem.ends_with("renew the credentials"), "{problem}");
        assert!(!problem.contains("Signature="), "{problem}");
    }
}

#[tokio::test]
async fn rejected_argument_keeps_service_message() {
    for (to, code) in [
        (To::Firehose, "InvalidArgumentException"),
        (To::Firehose, "InvalidSourceException"),
        (To::Kinesis, "ValidationException"),
    ] {
        let problem = refused(error_of(to, 400, code, "the source is a Kinesis stream").await);
        let expected =
            format!("returned HTTP 400 {code}; AWS message: the source is a Kinesis stream");
        assert!(problem.ends_with(&expected), "{problem}");
    }
}

#[tokio::test]
async fn missing_or_misplaced_bucket_is_named() {
    let problem = denied(error_of(To::S3, 404, "NoSuchBucket", "").await);
    assert!(
        problem.starts_with("bucket `audit-lake` for rejects does not exist"),
        "{problem}"
    );
    for code in ["PermanentRedirect", "AuthorizationHeaderMalformed"] {
        let problem = refused(error_of(To::S3, 400, code, "").await);
        let expected = "bucket `audit-lake` for rejects is not in eu-west-1";
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[tokio::test]
async fn long_service_message_is_shortened() {
    let long: &'static str = Box::leak("long ".repeat(1_000).into_boxed_str());
    let problem = refused(error_of(To::Firehose, 400, "InvalidArgumentException", long).await);
    assert!(problem.len() < 500, "{problem}");
}

#[tokio::test]
async fn unreachable_endpoint_is_unavailable() {
    let fake = FakeAws::start();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let sdk = fake.sdk().into_builder().endpoint_url(url).build();
    let sink = made(&fake, &firehose(), &sdk).await.unwrap();
    let error = written(&sink, false).await.unwrap_err();
    let SinkError::Unavailable { problem, .. } = error else {
        panic!("{error}");
    };
    let expected = "Firehose stream `audit` in eu-west-1 cannot be reached: ";
    assert!(problem.contains(expected), "{problem}");
}

async fn made(
    fake: &FakeAws,
    (kind, stream): &Destination,
    sdk: &SdkConfig,
) -> Result<StreamSink, SinkError> {
    StreamSink::new("lake".to_owned(), *kind, stream, sdk, fake.seams(5)).await
}

#[tokio::test]
async fn statically_wrong_sink_is_refused_without_call() {
    let fake = FakeAws::start();
    let nowhere = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(own_credentials())
        .build();
    let nobody = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .build();
    let unnamed = StreamConfig {
        stream: String::new(),
        ..stream()
    };
    for (destination, sdk, expected) in [
        (firehose(), nowhere, "no AWS region; set `region`"),
        (kinesis(), nobody, "no AWS credentials"),
        (
            (StreamKind::Firehose, unnamed),
            fake.sdk(),
            "`stream` is not 1 to 64 of",
        ),
    ] {
        let problem = refused(made(&fake, &destination, &sdk).await.unwrap_err());
        assert!(problem.starts_with(expected), "{problem}");
    }
}

/// A provider without credentials, for the given reason.
#[derive(Debug)]
struct Without(fn() -> CredentialsError);

impl ProvideCredentials for Without {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}

#[tokio::test]
async fn credentials_error_kind_decides_sink_error() {
    let fake = FakeAws::start();
    let kind = |error: &SinkError| match error {
        SinkError::Denied { .. } => "denied",
        SinkError::Refused { .. } => "refused",
        _ => "unavailable",
    };
    for (without, expected) in [
        (
            Without(|| CredentialsError::not_loaded("no provider has any")),
            "denied",
        ),
        (
            Without(|| CredentialsError::invalid_configuration("a loop of profiles")),
            "refused",
        ),
        (
            Without(|| CredentialsError::provider_error("the metadata service is down")),
            "unavailable",
        ),
    ] {
        let sdk = fake.sdk().into_builder();
        let sdk = sdk.credentials_provider(SharedCredentialsProvider::new(without));
        let sink = made(&fake, &firehose(), &sdk.build()).await.unwrap();
        let error = written(&sink, false).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{error}");
        assert!(error.to_string().contains("AWS credentials"), "{error}");
    }
    assert_eq!(fake.requests(To::Firehose), (0, 0));
}

/// The configuration that a program loads at its start, pointed at `fake`.
async fn loaded(fake: &FakeAws) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(own_credentials())
        .endpoint_url(fake.url())
        .region(REGION)
        .load()
        .await
}

fn in_another_account() -> Destination {
    let stream = StreamConfig {
        region: Some("us-east-1".to_owned()),
        role_arn: Some(ROLE.to_owned()),
        external_id: Some("windlass-1".to_owned()),
        ..stream()
    };
    (StreamKind::Firehose, stream)
}

#[tokio::test]
async fn assumed_role_writes_stream_and_rejects() {
    let fake = FakeAws::start();
    let sink = made(&fake, &in_another_account(), &loaded(&fake).await)
        .await
        .unwrap();
    assert_eq!(
        fake.state().requests.len(),
        0,
        "making a sink makes no call"
    );
    written(&sink, true).await.unwrap();
    written(&sink, false).await.unwrap();
    let state = fake.state();
    assert_eq!(state.assumed.len(), 1, "one assumption serves both");
    for part in [
        "RoleArn=arn%3Aaws%3Aiam%3A%3A210987654321%3Arole%2Faudit-writer",
        "ExternalId=windlass-1",
        "RoleSessionName=windlass",
    ] {
        assert!(state.assumed[0].contains(part), "{}", state.assumed[0]);
    }
    for request in &state.requests {
        let (signed_by, region) = match request.to {
            To::Sts => (OWN_KEY, REGION),
            _ => (ROLE_KEY, "us-east-1"),
        };
        assert_eq!((&*request.signed_by, &*request.region), (signed_by, region));
    }
}

#[tokio::test]
async fn unassumable_role_is_denied() {
    let not_allowed = Fault::Response(403, "AccessDenied", "User: x may not assume it");
    let expired = Fault::Response(403, "ExpiredToken", "expired");
    for (fault, expected) in [
        (
            not_allowed,
            "access denied (AccessDenied): arn:aws:iam::210987654321:role/audit-writer cannot be \
             assumed; allow sts:AssumeRole on it",
        ),
        (
            expired,
            "arn:aws:iam::210987654321:role/audit-writer cannot be assumed: the program's own \
             credentials are expired",
        ),
    ] {
        let error = assuming(fault).await;
        let problem = denied(error);
        assert!(problem.starts_with(expected), "{problem}");
    }
    let invalid = Fault::Response(400, "ValidationError", "bad arn");
    let problem = refused(assuming(invalid).await);
    let expected = "arn:aws:iam::210987654321:role/audit-writer cannot be assumed \
                    (ValidationError); AWS message: bad arn";
    assert!(problem.starts_with(expected), "{problem}");
}

/// The error of a write while STS always fails with `fault`.
async fn assuming(fault: Fault) -> SinkError {
    let fake = FakeAws::start();
    fake.fail(To::Sts, vec![fault; 100]);
    let sdk = loaded(&fake).await.into_builder();
    // The SDK's own retries would wait in real time.
    let sdk = sdk.retry_config(aws_config::retry::RetryConfig::disabled());
    let sink = made(&fake, &in_another_account(), &sdk.build()).await;
    written(&sink.unwrap(), false).await.unwrap_err()
}

#[tokio::test]
async fn transient_assume_role_failure_is_retried() {
    let fake = FakeAws::start();
    fake.fail(
        To::Sts,
        [Fault::Response(400, "Throttling", "Rate exceeded")],
    );
    let sdk = loaded(&fake).await.into_builder();
    // The SDK's own retries would wait in real time.
    let sdk = sdk.retry_config(aws_config::retry::RetryConfig::disabled());
    let sink = made(&fake, &in_another_account(), &sdk.build())
        .await
        .unwrap();
    written(&sink, false).await.unwrap();
    assert_eq!(fake.requests(To::Sts).0, 2);
    assert!(fake.clock.slept_ms() <= crate::retry_limit::WAIT_MS_MAX);
}
