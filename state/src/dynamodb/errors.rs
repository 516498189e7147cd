//! The meaning of DynamoDB's failures for the caller, decided only here.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html>

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::QueryError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{CancellationReason, ThrottlingReason};
use windlass_core::limits::MESSAGE_CHARS_MAX;

use super::attributes::Item;
use crate::error::StateError;

/// Errors of requests that were certainly not applied and may be sent again.
const THROTTLED: [&str; 7] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    // Another request was changing the item: a move of a source between shards, or another region.
    "TransactionConflictException",
    "TransactionInProgressException",
    "ReplicatedWriteConflictException",
];
/// Errors of missing or expired credentials.
const NOT_SIGNED_IN: [&str; 9] = [
    "ExpiredTokenException",
    "ExpiredToken",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationTokenException",
    "MissingAuthenticationToken",
];
/// Reasons of cancelled transactions that may be sent again.
const CANCELLED_FOR_NOW: [&str; 3] = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];
/// The reason of a transaction that was cancelled by a failed condition.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// A write failed, or its outcome is unknown.
#[derive(Debug, PartialEq)]
pub(super) enum Failed {
    /// The condition did not hold. With the stored item, if there is one and it was requested.
    Condition(Option<Item>),
    /// The store failed.
    State(StateError),
}

impl From<StateError> for Failed {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// The consequence of an error.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Not applied; the same request may be applied later.
    Throttled(String),
    /// No usable response: a write may have been applied.
    Unwell(String),
    /// The condition did not hold. With the stored item, if it was returned.
    Condition(Option<Item>),
    /// The same request fails the same way until an operator acts.
    Final(StateError),
}

/// One request, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The operation, as in `dynamodb:UpdateItem`.
    pub(super) action: &'static str,
    /// True if the request changes anything.
    pub(super) writes: bool,
    /// The subject of the request: an item's key, or a partition.
    pub(super) item: &'a str,
    pub(super) table: &'a str,
    /// The region of the table; empty if unknown.
    pub(super) region: &'a str,
}

/// The common interface of the operations' error types.
pub(super) trait Fault: Error + ProvideErrorMetadata + 'static {
    /// The throttled resources and the reasons.
    fn throttling(&self) -> &[ThrottlingReason];

    /// The stored item behind a failed condition, empty if there is none; `None` for any other
    /// error.
    fn condition(&self) -> Option<Item> {
        None
    }

    /// The reasons of a cancelled transaction, one per action.
    fn cancelled(&self) -> &[CancellationReason] {
        &[]
    }
}

macro_rules! throttling {
    ($error:ident) => {
        fn throttling(&self) -> &[ThrottlingReason] {
            match self {
                $error::ProvisionedThroughputExceededException(it) => it.throttling_reasons(),
                $error::RequestLimitExceeded(it) => it.throttling_reasons(),
                $error::ThrottlingException(it) => it.throttling_reasons(),
                _ => &[],
            }
        }
    };
}

macro_rules! condition {
    ($error:ident) => {
        fn condition(&self) -> Option<Item> {
            match self {
                $error::ConditionalCheckFailedException(it) => {
                    Some(it.item.clone().unwrap_or_default())
                }
                _ => None,
            }
        }
    };
}

impl Fault for GetItemError {
    throttling!(GetItemError);
}

impl Fault for QueryError {
    throttling!(QueryError);
}

impl Fault for BatchGetItemError {
    throttling!(BatchGetItemError);
}

impl Fault for PutItemError {
    throttling!(PutItemError);
    condition!(PutItemError);
}

impl Fault for UpdateItemError {
    throttling!(UpdateItemError);
    condition!(UpdateItemError);
}

impl Fault for TransactWriteItemsError {
    throttling!(TransactWriteItemsError);

    fn cancelled(&self) -> &[CancellationReason] {
        match self {
            Self::TransactionCanceledException(it) => it.cancellation_reasons(),
            _ => &[],
        }
    }
}

/// The consequence of `error` for `call`.
pub(super) fn judge<E: Fault>(error: &SdkError<E>, call: Call<'_>) -> Verdict {
    match error {
        SdkError::ServiceError(response) => {
            verdict_of(response.err(), response.raw().status().as_u16(), call)
        }
        SdkError::ConstructionFailure(_) => Verdict::Final(not_sent(&chain(error), call)),
        // Credentials and the address of DynamoDB are resolved before anything is sent.
        SdkError::DispatchFailure(failure)
            if failure.is_other() && failure.as_other().is_none() =>
        {
            match chain(error) {
                text if is_about_setup(&text) => Verdict::Final(not_sent(&text, call)),
                text => Verdict::Unwell(text),
            }
        }
        _ => Verdict::Unwell(chain(error)),
    }
}

/// The consequence of an error that DynamoDB returned.
fn verdict_of<E: Fault>(fault: &E, status: u16, call: Call<'_>) -> Verdict {
    let code = fault.code().unwrap_or("an error without a code");
    let message = fault.message().unwrap_or("no message");
    if let Some(item) = fault.condition() {
        return Verdict::Condition((!item.is_empty()).then_some(item));
    }
    let reasons = || {
        fault
            .cancelled()
            .iter()
            .filter_map(CancellationReason::code)
    };
    if reasons().any(|reason| reason == CONDITION_FAILED) {
        return Verdict::Condition(None);
    }
    if THROTTLED.contains(&code) || reasons().any(|it| CANCELLED_FOR_NOW.contains(&it)) {
        let limits = fault.throttling().iter().map(shown);
        let limits: Vec<_> = limits.collect();
        let said = if limits.is_empty() {
            short(message)
        } else {
            limits.join(", ")
        };
        return Verdict::Throttled(format!("{code}: {said}"));
    }
    // Neither an unreadable success nor a server error is a usable response.
    if !(400..500).contains(&status) {
        return Verdict::Unwell(format!(
            "DynamoDB returned HTTP {status} {code}: {}",
            short(message)
        ));
    }
    Verdict::Final(StateError::Refused(refusal(code, message, call)))
}

/// The message of a rejected request, with its cure.
fn refusal(code: &str, message: &str, call: Call<'_>) -> String {
    let Call {
        action,
        item,
        table,
        region,
        ..
    } = call;
    let region = if region.is_empty() {
        "its region"
    } else {
        region
    };
    match code {
        "ResourceNotFoundException" => format!(
            "table {table} does not exist in {region}; deploy infra/template.yaml, or check \
             --state and AWS_REGION"
        ),
        "AccessDeniedException" => format!(
            "dynamodb:{action} on table {table} in {region} was denied: {}; allow it in the \
             caller's policy",
            short(message)
        ),
        _ if NOT_SIGNED_IN.contains(&code) => format!(
            "the AWS credentials are expired or invalid ({code}: {}); renew them",
            short(message)
        ),
        _ if is_about_size(code, message) => format!(
            "{item} of table {table} would be larger than the 400 KB that DynamoDB allows for an \
             item ({}); the stored item is unchanged",
            short(message)
        ),
        _ => format!(
            "{action} of {item} in table {table}: {code}: {}",
            short(message)
        ),
    }
}

/// Returns whether an item is too large:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
fn is_about_size(code: &str, message: &str) -> bool {
    code == "ItemCollectionSizeLimitExceededException"
        || (code == "ValidationException" && message.to_lowercase().contains("item size"))
}

/// The error of a request that could not be sent.
fn not_sent(text: &str, call: Call<'_>) -> StateError {
    let Call { action, table, .. } = call;
    let lower = text.to_lowercase();
    // The provider of the credentials timed out; a later attempt may succeed.
    if lower.contains("timed out") {
        return StateError::Unavailable(text.to_owned());
    }
    let hint = if lower.contains("region") {
        "set AWS_REGION to the region of the table"
    } else {
        "set AWS credentials, for example with AWS_PROFILE"
    };
    StateError::Refused(format!(
        "dynamodb:{action} on table {table} was not sent: {text}; {hint}"
    ))
}

/// Returns whether an error before any connection concerns the caller's setup. The SDK has no kind
/// for these, so the text decides; a test guards that text.
fn is_about_setup(text: &str) -> bool {
    let text = text.to_lowercase();
    ["credential", "identity", "auth scheme", "region"]
        .iter()
        .any(|word| text.contains(word))
}

fn shown(reason: &ThrottlingReason) -> String {
    let text = |text: Option<&str>| text.unwrap_or("?").to_owned();
    format!("{} on {}", text(reason.reason()), text(reason.resource()))
}

/// `error` and its causes, outermost first.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    short(&texts.join(": "))
}

fn short(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
