//! The calls of all services, as the fakes and the proxy observed them: compared with the
//! permissions of a policy, and used to time kills.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::http::HttpRequest;

/// One call of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The access key id of the signature; empty for an unsigned call.
    pub caller: String,
    /// The action as IAM policies name it, such as `dynamodb:UpdateItem`.
    pub action: String,
    /// The resource of the call: a table, a stream, a bucket's key, a function, a secret.
    pub on: String,
    /// The partition key, for DynamoDB calls with one; the first one of a batch.
    pub key: String,
}

/// Every call so far. Clones share one list.
#[derive(Debug, Clone)]
pub struct Calls {
    list: Arc<Mutex<Vec<Call>>>,
    changed: Arc<watch::Sender<()>>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            list: Arc::default(),
            changed: Arc::new(watch::Sender::new(())),
        }
    }
}

impl Calls {
    fn list(&self) -> MutexGuard<'_, Vec<Call>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call, even if it is then denied or fails.
    pub(crate) fn record(&self, call: Call) {
        self.list().push(call);
        self.changed.send_replace(());
    }

    /// All calls, in order.
    pub fn all(&self) -> Vec<Call> {
        self.list().clone()
    }

    /// The number of calls of `action` by `caller`.
    pub fn count(&self, caller: &str, action: &str) -> usize {
        let of_both = |call: &&Call| call.caller == caller && call.action == action;
        self.list().iter().filter(of_both).count()
    }

    /// The calls of all callers whose access key id begins with `prefix`.
    pub fn of(&self, prefix: &str) -> Vec<Call> {
        let calls = self.list();
        let theirs = calls.iter().filter(|call| call.caller.starts_with(prefix));
        theirs.cloned().collect()
    }

    /// Completes once `caller` has called `action` `times`.
    pub(crate) async fn reached(&self, caller: &str, action: &str, times: usize) {
        let mut changed = self.changed.subscribe();
        while self.count(caller, action) < times {
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The signer of a request, from its unverified signature.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
}

impl Signer {
    /// Parses the `Authorization` header; empty without a header of that form.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let header = request.header("authorization");
        let scope = header.split("Credential=").nth(1).unwrap_or("");
        let scope = scope.split([',', ' ']).next().unwrap_or("");
        let mut parts = scope.split('/');
        let access_key_id = parts.next().unwrap_or("").to_owned();
        let region = parts.nth(1).unwrap_or("").to_owned();
        Self {
            access_key_id,
            region,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::{AUTHORIZATION, HeaderValue};
    use hyper::{HeaderMap, Method, Uri};

    use super::*;

    fn call(caller: &str, action: &str) -> Call {
        Call {
            caller: caller.to_owned(),
            action: action.to_owned(),
            on: "table".to_owned(),
            key: String::new(),
        }
    }

    fn signed(authorization: &'static str) -> Signer {
        let value = HeaderValue::from_static(authorization);
        Signer::of(&HttpRequest {
            method: Method::POST,
            uri: Uri::from_static("/"),
            headers: HeaderMap::from_iter([(AUTHORIZATION, value)]),
            body: Bytes::new(),
        })
    }

    #[test]
    fn signer_is_read_from_credential_scope() {
        let signer = signed(
            "AWS4-HMAC-SHA256 Credential=AKIAWORKER1/20261120/eu-west-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0f",
        );
        assert_eq!(signer.access_key_id, "AKIAWORKER1");
        assert_eq!(signer.region, "eu-west-1");
        assert_eq!(signed("Bearer abc"), Signer::default());
    }

    #[test]
    fn calls_are_distinguished_by_caller() {
        let calls = Calls::default();
        calls.record(call("WORKER1", "dynamodb:UpdateItem"));
        calls.record(call("WORKER2", "dynamodb:GetItem"));
        calls.record(call("TICK1", "dynamodb:PutItem"));
        let theirs = calls.of("WORKER");
        assert_eq!(theirs.len(), 2);
        assert!(theirs.iter().all(|call| call.action != "dynamodb:PutItem"));
        assert_eq!(calls.count("WORKER1", "dynamodb:UpdateItem"), 1);
        assert_eq!(calls.count("WORKER1", "dynamodb:GetItem"), 0);
    }

    #[tokio::test]
    async fn number_of_calls_can_be_awaited() {
        let calls = Calls::default();
        calls.record(call("A", "x:Y"));
        let waiting = tokio::spawn({
            let calls = calls.clone();
            async move { calls.reached("A", "x:Y", 2).await }
        });
        tokio::task::yield_now().await;
        calls.record(call("B", "x:Y"));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        calls.record(call("A", "x:Y"));
        waiting.await.unwrap();
    }
}
