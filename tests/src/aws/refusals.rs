//! Permanent errors of a service until they are cleared: the effects of a wrong policy, an expired
//! session or a missing key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;

use super::calls::Call;
use super::emulator::{ACCOUNT, REGION};
use super::http::HttpResponse;

/// The reason of a denied call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No policy allows the call.
    AccessDenied,
    /// The session token has expired.
    ExpiredToken,
    /// The access key does not exist.
    UnknownKey,
}

/// The denied calls, by action. Clones share one table.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<BTreeMap<String, Refusal>>>);

impl Refusals {
    /// Denies every call of `action`, such as `dynamodb:UpdateItem`, from now on; `service:*`
    /// covers every action of a service.
    pub fn refuse(&self, action: &str, refusal: Refusal) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.insert(action.to_owned(), refusal);
    }

    /// Denies nothing from now on.
    pub fn clear(&self) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.clear();
    }

    /// The error response to `call`; `None` if it is allowed.
    pub(crate) fn respond(&self, call: &Call) -> Option<HttpResponse> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let service = call.action.split(':').next().unwrap_or("");
        let refusal = table
            .get(&call.action)
            .or_else(|| table.get(&format!("{service}:*")))?;
        Some(refusal.response(call, service))
    }
}

impl Refusal {
    /// The error response, worded as by the services.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    fn response(self, call: &Call, service: &str) -> HttpResponse {
        let Call { action, on, .. } = call;
        match self {
            Self::AccessDenied => HttpResponse::error(
                StatusCode::BAD_REQUEST,
                "AccessDeniedException",
                &format!(
                    "User: arn:aws:sts::{ACCOUNT}:assumed-role/function/session is not authorized \
                     to perform: {action} on resource: arn:aws:{service}:{REGION}:{ACCOUNT}:{on} \
                     because no identity-based policy allows the {action} action"
                ),
            ),
            Self::ExpiredToken => HttpResponse::error(
                StatusCode::BAD_REQUEST,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Self::UnknownKey => HttpResponse::error(
                StatusCode::BAD_REQUEST,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_or_service_is_denied_until_cleared() {
        let refusals = Refusals::default();
        let call = |action: &str| Call {
            caller: "A".to_owned(),
            action: action.to_owned(),
            on: "table/t".to_owned(),
            key: String::new(),
        };
        refusals.refuse("dynamodb:UpdateItem", Refusal::AccessDenied);
        refusals.refuse("firehose:*", Refusal::ExpiredToken);
        let denied = refusals.respond(&call("dynamodb:UpdateItem")).unwrap();
        let said = String::from_utf8_lossy(&denied.body).into_owned();
        assert!(
            said.contains("perform: dynamodb:UpdateItem on resource: arn:aws:dynamodb:"),
            "{said}"
        );
        assert!(refusals.respond(&call("dynamodb:GetItem")).is_none());
        assert!(refusals.respond(&call("firehose:PutRecordBatch")).is_some());
        refusals.clear();
        assert!(refusals.respond(&call("dynamodb:UpdateItem")).is_none());
    }
}
