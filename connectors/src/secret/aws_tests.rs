use std::net::TcpListener;
use std::sync::Arc;

use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use windlass_core::Timestamp;
use windlass_core::clock::ManualClock;
use wiremock::ResponseTemplate;

use crate::secret::fake_aws::{FakeAws, error, parameter, sdk_at, secret, vault_at};

use super::*;

const CANARY: &str = "canary-5f1e9c02";
const BOTH: [&str; 2] = [
    "secretsmanager:windlass/acme#token",
    "ssm:/windlass/acme#token",
];

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_ms(0)))
}

/// The error of a fetch of `reference` when every request receives `response`.
async fn failure(reference: &str, response: ResponseTemplate) -> SecretError {
    let aws = FakeAws::returning(move |_, _| response.clone()).await;
    let fetched = aws.vault(&clock()).fetch(&reference.parse().unwrap()).await;
    let error = fetched.unwrap_err();
    assert_eq!(aws.reads().await, 1);
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[tokio::test]
async fn missing_secret_is_named_with_region() {
    for (reference, code) in [
        (BOTH[0], "ResourceNotFoundException"),
        (BOTH[1], "ParameterNotFound"),
        (BOTH[1], "ParameterVersionNotFound"),
    ] {
        let error = failure(
            reference,
            error(400, code, "Secrets Manager can't find it."),
        )
        .await;
        assert_eq!(
            error.to_string(),
            format!(
                "`{reference}` does not exist in eu-west-1; check name and region, or create it"
            )
        );
        assert!(!error.may_pass());
    }
}

#[tokio::test]
async fn missing_permission_is_named_in_policy_syntax() {
    let user = "User: arn:aws:sts::1:assumed-role/w/w is not authorized to perform: x on: y";
    let key = "User: arn:aws:sts::1:assumed-role/w/w is not authorized to perform: kms:Decrypt \
               on the resource associated with this ciphertext";
    for (reference, message, missing) in [
        (
            BOTH[0],
            user,
            "secretsmanager:GetSecretValue on secret windlass/acme",
        ),
        (
            BOTH[1],
            user,
            "ssm:GetParameter on parameter /windlass/acme",
        ),
        (
            BOTH[0],
            "Access to KMS is not allowed",
            "kms:Decrypt on the KMS key of the secret",
        ),
        (BOTH[1], key, "kms:Decrypt on the KMS key of the secret"),
    ] {
        let error = failure(reference, error(400, "AccessDeniedException", message)).await;
        assert_eq!(
            error.to_string(),
            format!("`{reference}`: access denied in eu-west-1; allow {missing}")
        );
        assert!(!error.may_pass());
    }
}

#[tokio::test]
async fn invalid_process_credentials_block_no_source() {
    for reference in BOTH {
        for code in NOT_LET_IN {
            let message = "The security token included in the request is expired";
            let error = failure(reference, error(400, code, message)).await;
            assert_eq!(
                error.to_string(),
                format!(
                    "`{reference}`: the AWS credentials of this process are invalid ({code}); \
                     renew them"
                )
            );
            assert!(error.may_pass());
        }
    }
}

#[tokio::test]
async fn missing_credentials_send_nothing_and_block_nothing() {
    let aws = FakeAws::returning(|_, _| secret("x")).await;
    let bare = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(aws.url());
    let aws_clients = Aws::new(&bare.build());
    let error = aws_clients
        .read(&BOTH[0].parse().unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(error, SecretError::Credentials { .. }),
        "{error:?}"
    );
    assert!(error.may_pass());
    assert_eq!(aws.reads().await, 0);
}

#[tokio::test]
async fn failing_or_throttled_service_is_transient() {
    for reference in BOTH {
        for (status, code) in [
            (400, "ThrottlingException"),
            (400, "TooManyRequestsException"),
            (429, "Whatever"),
            (500, "InternalServiceError"),
            (500, "InternalServerError"),
            (503, "ServiceUnavailable"),
        ] {
            let error = failure(reference, error(status, code, "")).await;
            assert_eq!(
                error.to_string(),
                format!(
                    "`{reference}` cannot be read at the moment: eu-west-1 returned HTTP {status} \
                     {code}"
                )
            );
            assert!(error.may_pass());
        }
        for status in [200, 403, 502] {
            let no_json = ResponseTemplate::new(status).set_body_string("<html>");
            let error = failure(reference, no_json).await;
            assert!(matches!(error, SecretError::Outage { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn unreachable_service_is_transient() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for reference in BOTH {
        let vault = vault_at(&url, &clock());
        let error = vault.fetch(&reference.parse().unwrap()).await.unwrap_err();
        let said = error.to_string();
        let expected =
            format!("`{reference}` cannot be read at the moment: eu-west-1 cannot be reached");
        assert!(said.starts_with(&expected), "{said}");
        assert!(error.may_pass());
    }
}

#[tokio::test]
async fn other_rejection_quotes_service_message() {
    for (reference, code) in [
        (BOTH[0], "InvalidRequestException"),
        (BOTH[0], "DecryptionFailure"),
        (BOTH[1], "InvalidKeyId"),
        (BOTH[1], "ValidationException"),
    ] {
        let message = format!("it was marked for deletion\n{}", "x".repeat(1_000));
        let error = failure(reference, error(400, code, &message)).await;
        let said = error.to_string();
        let expected = format!(
            "`{reference}` cannot be read in eu-west-1: {code}: it was marked for deletion x"
        );
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.len() < limits::MESSAGE_CHARS_MAX, "{said}");
        assert!(!error.may_pass());
    }
}

#[tokio::test]
async fn unusable_secret_value_is_rejected_unquoted() {
    let binary = serde_json::json!({ "Name": "x", "SecretBinary": "Y2FuYXJ5LTVmMWU5YzAy" });
    let binary = ResponseTemplate::new(200).set_body_json(binary);
    let error = failure(BOTH[0], binary).await;
    assert!(matches!(error, SecretError::NotText(_)), "{error:?}");

    let long = "x".repeat(usize::try_from(limits::FILE_BYTES_MAX).unwrap() + 1);
    let responses = |text: &str| [secret(text), parameter(text)];
    for (reference, response) in BOTH.into_iter().zip(responses(&long)) {
        let error = failure(reference, response).await;
        assert!(matches!(error, SecretError::TooLarge(_)), "{error:?}");
    }
    for (reference, response) in BOTH.into_iter().zip(responses("\n")) {
        let error = failure(reference, response).await;
        assert!(matches!(error, SecretError::Empty(_)), "{error:?}");
    }
    for (reference, response) in BOTH.into_iter().zip(responses(CANARY)) {
        let error = failure(reference, response).await;
        assert!(matches!(error, SecretError::NotJson(_)), "{error:?}");
    }
    let other = format!(r#"{{"other":"{CANARY}"}}"#);
    for (reference, response) in BOTH.into_iter().zip(responses(&other)) {
        let error = failure(reference, response).await;
        assert!(matches!(error, SecretError::NoField(_)), "{error:?}");
    }
}

#[test]
fn aws_clients_add_timeouts_and_keep_configuration() {
    let aws = Aws::new(&sdk_at("http://127.0.0.1:1"));
    let config = aws.secrets_manager.config();
    let timeouts = config.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(TRY_TIMEOUT));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(TRY_TIMEOUT));
    assert_eq!(timeouts.operation_timeout(), Some(READ_TIMEOUT));
    assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
    assert_eq!(aws.parameters.region(), Some("eu-west-1"));
}
