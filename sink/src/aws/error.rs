//! Classification of AWS SDK errors by their cure: retry, or wait for an operator.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};

use crate::call::CallError;

/// Maximum length of a service's own message in an error.
const MESSAGE_CHARS_MAX: usize = 240;

/// The target of a call, in the terms of messages.
#[derive(Debug)]
pub(super) struct Target {
    /// Kind and name, such as ``Firehose stream `audit` ``.
    pub(super) name: String,
    /// The region of the call.
    pub(super) region: String,
    /// True if another region could have a target of the same name.
    pub(super) is_regional: bool,
    /// The action of the call, as an IAM policy writes it.
    pub(super) action: &'static str,
    /// The resource of the call, as an IAM policy writes it.
    pub(super) resource: String,
    /// The role that is assumed for the call; `None` for the program's own credentials.
    pub(super) role: Option<String>,
    /// The setting that names the target.
    pub(super) setting: &'static str,
}

/// The meaning of an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Again,
    Missing,
    Denied,
    Key,
    Credentials,
    Region,
    Other,
}

impl Target {
    /// The target and its place.
    pub(super) fn what(&self) -> String {
        format!("{}{}", self.name, self.place())
    }

    fn place(&self) -> String {
        let place = self.is_regional.then(|| format!(" in {}", self.region));
        place.unwrap_or_default()
    }

    /// The caller: the role, or the credentials in use.
    fn who(&self) -> String {
        let role = self.role.as_ref().map(|role| format!("role {role}"));
        role.unwrap_or_else(|| "the credentials in use".to_owned())
    }

    /// The error for the caller.
    pub(super) fn explain<E>(&self, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let what = self.what();
        match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                self.of_service(service.err().meta(), status)
            }
            SdkError::TimeoutError(_) => CallError::Slow(format!("{what} did not respond in time")),
            SdkError::ConstructionFailure(_) => {
                let cause = cause(error);
                CallError::Refused(format!("the call to {what} cannot be built: {cause}"))
            }
            SdkError::ResponseError(_) => {
                let cause = cause(error);
                CallError::Again(format!("the response of {what} cannot be read: {cause}"))
            }
            _ => match find::<CredentialsError>(error) {
                Some(credentials) => self.of_credentials(credentials),
                None => CallError::Again(format!("{what} cannot be reached: {}", cause(error))),
            },
        }
    }

    /// The failure for an error response.
    fn of_service(&self, meta: &ErrorMetadata, status: u16) -> CallError {
        let code = meta.code().unwrap_or("no code");
        let said = said(meta);
        let (what, who) = (self.what(), self.who());
        let Self {
            name,
            action,
            resource,
            region,
            setting,
            ..
        } = self;
        match class_of(code, status) {
            Class::Again => CallError::Again(format!("{what} returned HTTP {status} {code}{said}")),
            Class::Missing => CallError::Denied(format!(
                "{name} does not exist{} ({code}); create it, or correct {setting}",
                self.place()
            )),
            Class::Denied => CallError::Denied(format!(
                "access denied ({code}): {who} may not call {action} on {resource}; allow it in \
                 the policy{said}"
            )),
            Class::Key => CallError::Denied(format!(
                "the KMS key of {what} cannot be used ({code}); enable it, or allow {who} to use \
                 it{said}"
            )),
            // The service's message is omitted: it can repeat parts of a signed request.
            Class::Credentials => CallError::Denied(format!(
                "{what} did not accept {who} ({code}): the credentials are expired or invalid, or \
                 the clock of this machine is wrong; renew the credentials"
            )),
            Class::Region => CallError::Refused(format!(
                "{name} is not in {region} ({code}); correct the sink's region, or {setting}"
            )),
            Class::Other => {
                CallError::Refused(format!("{what} returned HTTP {status} {code}{said}"))
            }
        }
    }

    /// The failure for a call without credentials.
    fn of_credentials(&self, error: &CredentialsError) -> CallError {
        let what = self.what();
        let Some(meta) = find::<ErrorMetadata>(error) else {
            let cause = cause(error);
            return match error {
                CredentialsError::CredentialsNotLoaded(_) => CallError::Denied(format!(
                    "no AWS credentials for {what} ({cause}); set them, or give the program a role"
                )),
                CredentialsError::InvalidConfiguration(_) => CallError::Refused(format!(
                    "the AWS credentials for {what} are configured incorrectly: {cause}"
                )),
                _ => CallError::Again(format!(
                    "the AWS credentials for {what} cannot be loaded: {cause}"
                )),
            };
        };
        let role = self.role.as_deref().unwrap_or("the configured role");
        let code = meta.code().unwrap_or("no code");
        let said = said(meta);
        match class_of(code, 0) {
            Class::Denied => CallError::Denied(format!(
                "access denied ({code}): {role} cannot be assumed; allow sts:AssumeRole on it, and \
                 let its trust policy name this principal and, if it asks for one, the external \
                 id{said}"
            )),
            Class::Credentials => CallError::Denied(format!(
                "{role} cannot be assumed: the program's own credentials are expired or invalid \
                 ({code}); renew them"
            )),
            Class::Other if meta.code().is_some() => {
                CallError::Refused(format!("{role} cannot be assumed ({code}){said}"))
            }
            _ => CallError::Again(format!(
                "{role} cannot be assumed at the moment ({code}){said}"
            )),
        }
    }
}

/// The class of an error code: the codes in the API references of PutRecordBatch, PutRecords,
/// PutObject and AssumeRole, and the common errors of all AWS services.
fn class_of(code: &str, status: u16) -> Class {
    match code {
        "BadDigest"
        | "BandwidthLimitExceeded"
        | "IncompleteBody"
        | "InternalError"
        | "InternalFailure"
        | "InternalFailureException"
        | "InternalServerError"
        | "InternalServiceException"
        | "KMS.ThrottlingException"
        | "KMSThrottlingException"
        | "LimitExceededException"
        | "OperationAborted"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "SlowDown"
        | "TemporaryRedirect"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => Class::Again,
        "NoSuchBucket" | "ResourceNotFoundException" => Class::Missing,
        "AccessDenied"
        | "AccessDeniedException"
        | "AllAccessDisabled"
        | "UnauthorizedOperation" => Class::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Class::Credentials,
        "AuthorizationHeaderMalformed" | "PermanentRedirect" => Class::Region,
        key if key.starts_with("KMS") || key == "InvalidKMSResourceException" => Class::Key,
        _ if status >= 500 || matches!(status, 408 | 429) => Class::Again,
        _ if status == 403 => Class::Denied,
        _ => Class::Other,
    }
}

/// The service's own message, shortened, as a suffix for a message.
fn said(meta: &ErrorMetadata) -> String {
    let text = meta.message().unwrap_or_default().trim();
    if text.is_empty() {
        return String::new();
    }
    let short: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
    format!("; AWS message: {short}")
}

/// The reason why one record of a successful call failed.
pub(super) fn of_entry(code: &str, message: Option<&str>) -> String {
    let meta = ErrorMetadata::builder()
        .code(code)
        .message(message.unwrap_or_default())
        .build();
    format!("{code}{}", said(&meta))
}

/// The innermost cause of `error`.
fn cause(error: &(dyn Error + 'static)) -> String {
    let innermost = chain(error).last().unwrap_or(error);
    innermost.to_string()
}

/// The first error of type `T` among the causes of `error`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|reason| reason.downcast_ref())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&reason| reason.source())
}

#[cfg(test)]
mod tests {
    use aws_sdk_firehose::operation::put_record_batch::PutRecordBatchError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    fn explained(error: &SdkError<PutRecordBatchError, HttpResponse>) -> CallError {
        let target = Target {
            name: "Firehose stream `audit`".to_owned(),
            region: "eu-west-1".to_owned(),
            is_regional: true,
            action: "firehose:PutRecordBatch",
            resource: "deliverystream/audit".to_owned(),
            role: None,
            setting: "the sink's stream and region",
        };
        target.explain(error)
    }

    #[test]
    fn call_without_readable_response_is_retried() {
        let empty = HttpResponse::new(200.try_into().unwrap(), "".into());
        for (error, expected) in [
            (
                SdkError::response_error("cut off", empty),
                "cannot be read: cut off",
            ),
            (
                SdkError::dispatch_failure(ConnectorError::timeout("no route".into())),
                "cannot be reached: no route",
            ),
            (
                SdkError::dispatch_failure(ConnectorError::io("reset by peer".into())),
                "cannot be reached: reset by peer",
            ),
        ] {
            let CallError::Again(problem) = explained(&error) else {
                panic!("{error:?}");
            };
            assert!(problem.ends_with(expected), "{problem}");
        }
        let slow = explained(&SdkError::timeout_error("slow"));
        assert!(matches!(slow, CallError::Slow(_)), "{slow:?}");
    }

    #[test]
    fn unconstructible_call_is_refused() {
        let error = SdkError::construction_failure("the endpoint is no URL");
        let expected = "the call to Firehose stream `audit` in eu-west-1 cannot be built: the \
                        endpoint is no URL";
        assert_eq!(explained(&error), CallError::Refused(expected.to_owned()));
    }

    #[test]
    fn unknown_code_is_classified_by_status() {
        for (status, expected) in [
            (500, Class::Again),
            (502, Class::Again),
            (429, Class::Again),
            (408, Class::Again),
            (403, Class::Denied),
            (400, Class::Other),
            (404, Class::Other),
        ] {
            assert_eq!(class_of("Unheard", status), expected, "{status}");
        }
    }
}
