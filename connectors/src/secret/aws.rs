//! Reads from Secrets Manager and the Parameter Store, and the classification of their responses.

use std::error::Error;
use std::time::Duration;

use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use secrecy::SecretString;
use windlass_aws::{ParameterStore, SdkConfig};
use windlass_core::limits;

use super::{SecretError, SecretRef, Stored};
use crate::exchange::one_line;
use crate::http::last_cause;

/// Timeout of one attempt. Both services respond within a fraction of a second; a worker has a
/// deadline, and a waiting source is retried.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of one read, including the SDK's retries.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum length of a service's own message in an error.
const ERROR_TEXT_CHARS_MAX: usize = 200;
/// Error codes of throttling, from the two services or a proxy before them:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>.
const THROTTLED: [&str; 5] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];
/// Error codes for wrong or expired AWS credentials, from the same page, and the SDK's texts for
/// signatures with a wrong clock.
const NOT_LET_IN: [&str; 9] = [
    "ExpiredTokenException",
    "ExpiredToken",
    "RequestExpired",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
];

/// The clients of the two stores.
pub(super) struct Aws {
    secrets_manager: aws_sdk_secretsmanager::Client,
    parameters: ParameterStore,
}

/// The error that a service returned.
struct ErrorText {
    code: String,
    message: String,
    status: u16,
}

impl Aws {
    /// Clients of `sdk`, with its region, credentials and retries, and this module's timeouts.
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        let connect = Duration::from_millis(limits::CONNECT_TIMEOUT_MS);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(TRY_TIMEOUT.min(connect))
            .operation_attempt_timeout(TRY_TIMEOUT)
            .operation_timeout(READ_TIMEOUT)
            .build();
        let sdk = sdk.to_builder().timeout_config(timeouts).build();
        Self {
            secrets_manager: aws_sdk_secretsmanager::Client::new(&sdk),
            parameters: ParameterStore::new(&sdk),
        }
    }

    /// The complete value stored under the name in `reference`.
    pub(super) async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match reference {
            SecretRef::SecretsManager(stored) => {
                let response = self.secrets_manager.get_secret_value();
                let response = response.secret_id(stored.name()).send().await;
                let response = response.map_err(|error| self.explain(reference, stored, &error))?;
                // A secret without text is binary.
                let text = response.secret_string();
                let text = text.ok_or_else(|| SecretError::NotText(reference.clone()))?;
                reference.accept(text)
            }
            SecretRef::Ssm(stored) => {
                let text = self.parameters.get(stored.name()).await;
                let text = text.map_err(|error| self.explain(reference, stored, &error))?;
                reference.accept(&text.unwrap_or_default())
            }
            SecretRef::Env(_) | SecretRef::File(_) => reference.resolve(),
        }
    }

    fn region(&self, reference: &SecretRef) -> String {
        let region = match reference {
            SecretRef::Ssm(_) => self.parameters.region(),
            _ => self.secrets_manager.config().region().map(AsRef::as_ref),
        };
        region.unwrap_or("no region").to_owned()
    }

    fn explain<E: ProvideErrorMetadata + Error + 'static>(
        &self,
        reference: &SecretRef,
        stored: &Stored,
        error: &SdkError<E>,
    ) -> SecretError {
        let region = self.region(reference);
        let outage = |problem: String| SecretError::Outage {
            reference: reference.clone(),
            problem: short(&problem),
        };
        match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                // An error without a code comes from a proxy, not from the service.
                let Some(code) = service.err().code() else {
                    return outage(format!("{region} returned HTTP {status} without a reason"));
                };
                let error_text = ErrorText {
                    code: code.to_owned(),
                    message: short(service.err().message().unwrap_or_default()),
                    status,
                };
                judge(reference, stored, region, error_text)
            }
            SdkError::TimeoutError(_) => {
                let seconds = READ_TIMEOUT.as_secs();
                outage(format!("{region} did not respond in {seconds} s"))
            }
            SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
                outage(format!("{region} cannot be reached: {}", last_cause(error)))
            }
            SdkError::ResponseError(_) => {
                outage(format!("{region} returned an unreadable response"))
            }
            // Nothing was sent: this process has no credentials to sign with.
            SdkError::DispatchFailure(_) => SecretError::Credentials {
                reference: reference.clone(),
                problem: short(&last_cause(error)),
            },
            _ => SecretError::Refused {
                reference: reference.clone(),
                region,
                problem: short(&last_cause(error)),
            },
        }
    }
}

/// The error of `reference` for an error of the service.
fn judge(
    reference: &SecretRef,
    stored: &Stored,
    region: String,
    error_text: ErrorText,
) -> SecretError {
    let ErrorText {
        code,
        message,
        status,
    } = error_text;
    let reference = reference.clone();
    let is_ssm = matches!(reference, SecretRef::Ssm(_));
    match code.as_str() {
        // A denial by the key is reported like one by the store; only the text differs.
        "AccessDeniedException" | "AccessDenied" => {
            let key = message.contains("KMS") || message.contains("kms:");
            let (action, resource) = match (key, is_ssm) {
                (true, _) => ("kms:Decrypt", "the KMS key of the secret".to_owned()),
                (false, true) => ("ssm:GetParameter", format!("parameter {}", stored.name())),
                (false, false) => (
                    "secretsmanager:GetSecretValue",
                    format!("secret {}", stored.name()),
                ),
            };
            SecretError::Denied {
                reference,
                region,
                action,
                resource,
            }
        }
        "ResourceNotFoundException" | "ParameterNotFound" | "ParameterVersionNotFound" => {
            SecretError::NotFound { reference, region }
        }
        code if NOT_LET_IN.contains(&code) => SecretError::Credentials {
            reference,
            problem: code.to_owned(),
        },
        code if THROTTLED.contains(&code) || status == 429 || status >= 500 => {
            SecretError::Outage {
                reference,
                problem: format!("{region} returned HTTP {status} {code}"),
            }
        }
        code => SecretError::Refused {
            reference,
            region,
            problem: format!("{code}: {message}"),
        },
    }
}

/// `text` on one line, at most [`ERROR_TEXT_CHARS_MAX`] characters.
fn short(text: &str) -> String {
    one_line(text).chars().take(ERROR_TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
#[path = "aws_tests.rs"]
mod tests;
