//! A proxy in front of the emulator: throttles, fails, delays, drops responses, counts the consumed
//! capacity of each operation, and records calls and callers.

mod capacity;
mod faults;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;

pub use capacity::{Consumed, Units};
pub use faults::{StateFault, StateFaults};

use super::calls::{Call, Calls, Signer};
use super::emulator::{self, post};
use super::http::{self, HttpRequest, HttpResponse, Reaction, Server};
use super::refusals::Refusals;

/// The prefix of DynamoDB's operation names in requests.
const DYNAMODB: &str = "DynamoDB_20120810";

/// A proxy in front of one emulator. Stops on drop.
#[derive(Debug)]
pub struct StateProxy {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    calls: Calls,
    refusals: Refusals,
    faults: Mutex<StateFaults>,
    consumed: Mutex<Vec<Consumed>>,
}

impl StateProxy {
    /// Listens on a free loopback port and forwards to `target`. Observed calls go to `calls`;
    /// those in `refusals` are denied.
    pub async fn start(
        target: SocketAddr,
        calls: Calls,
        refusals: Refusals,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            target,
            calls,
            refusals,
            faults: Mutex::new(StateFaults::none()),
            consumed: Mutex::default(),
        });
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.respond(request).await }
            }
        });
        Ok(Self {
            server: server.await?,
            shared,
        })
    }

    /// The start of its URLs, without a trailing slash.
    pub fn uri(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Calls an operation through the proxy; see [`super::emulator::Emulator::call`].
    pub async fn call(&self, target: &str, body: &Value) -> anyhow::Result<Value> {
        emulator::call(self.server.address(), target, body).await
    }

    /// Replaces the fault plan.
    pub fn set_faults(&self, faults: StateFaults) {
        *self.shared.faults() = faults;
    }

    /// The fault plan, with its counts.
    pub fn faults(&self) -> StateFaults {
        self.shared.faults().clone()
    }

    /// The consumed capacity of every DynamoDB call so far, in order.
    pub fn consumed(&self) -> Vec<Consumed> {
        self.shared.consumed().clone()
    }

    /// The total capacity of all calls since the last `take`, by kind.
    pub fn take_consumed(&self) -> Units {
        let calls = std::mem::take(&mut *self.shared.consumed());
        calls.iter().map(|call| call.units).sum()
    }
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, StateFaults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn consumed(&self) -> MutexGuard<'_, Vec<Consumed>> {
        self.consumed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn respond(&self, request: HttpRequest) -> Reaction {
        let target = request.header("x-amz-target").to_owned();
        let body = serde_json::from_slice(&request.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&request.body).into_owned()));
        let call = understand(&Signer::of(&request), &target, &body);
        self.calls.record(call.clone());
        if let Some(refused) = self.refusals.respond(&call) {
            return refused.into();
        }
        if !target.starts_with(DYNAMODB) {
            return self.carry(request).await;
        }
        let (latency_ms, fault) = self.faults().draw();
        SystemClock.sleep(latency_ms).await;
        match fault {
            Some(StateFault::Throttled) => throttled().into(),
            Some(StateFault::Conflict) => match conflict(&call.action) {
                Some(conflict) => conflict.into(),
                None => self.count(request, call, body).await,
            },
            Some(StateFault::Internal) => internal().into(),
            Some(StateFault::LostResponse) => {
                let carried = self.count(request, call, body).await;
                drop(carried);
                Reaction::HangUp
            }
            None => self.count(request, call, body).await,
        }
    }

    async fn carry(&self, request: HttpRequest) -> Reaction {
        match http::send(self.target, request).await {
            Ok(response) => response.into(),
            Err(_) => Reaction::HangUp,
        }
    }

    /// Forwards a DynamoDB call and records its consumed capacity.
    async fn count(&self, mut request: HttpRequest, call: Call, mut body: Value) -> Reaction {
        if let Some(fields) = body.as_object_mut() {
            fields.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
            request.body = body.to_string().into();
            // The client's content length does not fit the changed body.
            request.headers.remove("content-length");
        }
        let response = self.carry(request).await;
        if let Reaction::Response(response) = &response {
            let units = self.units(&call, &body, response).await;
            let table = call.on.trim_start_matches("table/").to_owned();
            self.consumed().push(Consumed {
                caller: call.caller,
                operation: call.action.trim_start_matches("dynamodb:").to_owned(),
                table,
                units,
            });
        }
        response
    }

    async fn units(&self, call: &Call, request: &Value, response: &HttpResponse) -> Units {
        let shown: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let operation = call.action.trim_start_matches("dynamodb:");
        let read = match capacity::unfiltered(operation, request) {
            // A filter or a projection hides part of the read items from the response.
            Some(whole) => self.ask(operation, &whole).await.unwrap_or_default(),
            None => shown.clone(),
        };
        capacity::units(operation, request, &read, &shown, response.status)
    }

    async fn ask(&self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let request = post(&format!("{DYNAMODB}.{operation}"), body)?;
        let response = http::send(self.target, request).await?;
        Ok(serde_json::from_slice(&response.body)?)
    }
}

/// The service, action and resource of a request.
fn understand(signer: &Signer, target: &str, body: &Value) -> Call {
    let (service, operation) = target.split_once('.').unwrap_or(("", target));
    let form = body.as_str().unwrap_or("");
    let text = |field: &str| body[field].as_str().unwrap_or("");
    let (service, on) = match service {
        DYNAMODB => ("dynamodb", format!("table/{}", table(body))),
        "secretsmanager" => ("secretsmanager", format!("secret:{}", text("SecretId"))),
        "AmazonSSM" => (
            "ssm",
            format!("parameter/{}", text("Name").trim_start_matches('/')),
        ),
        // The only service with form-encoded requests.
        "" => {
            let field = |name| form_field(form, name).unwrap_or_default();
            return Call {
                caller: signer.access_key_id.clone(),
                action: format!("sts:{}", field("Action")),
                on: field("RoleArn"),
                key: String::new(),
            };
        }
        other => (other, String::new()),
    };
    Call {
        caller: signer.access_key_id.clone(),
        action: format!("{service}:{operation}"),
        on,
        key: partition_key(body).unwrap_or_default().to_owned(),
    }
}

/// The partition key of a call: of its item, or of the queried partition.
fn partition_key(body: &Value) -> Option<&str> {
    let of = |key: &'_ Value| key.pointer("/pk/S").and_then(Value::as_str).is_some();
    let batch = || {
        let asked = body["RequestItems"].as_object()?.values().next()?;
        asked["Keys"].as_array()?.first()
    };
    let body = first_action(body).unwrap_or(body);
    let named = [&body["Key"], &body["Item"]]
        .into_iter()
        .find(|key| of(key));
    if let Some(key) = named.or_else(batch) {
        return key.pointer("/pk/S")?.as_str();
    }
    // For a query, the placeholder in the first equality of its condition.
    let condition = body["KeyConditionExpression"].as_str()?;
    let value = condition.split('=').nth(1)?.split_whitespace().next()?;
    body["ExpressionAttributeValues"][value]["S"].as_str()
}

/// A decoded field of a form.
fn form_field(form: &str, name: &str) -> Option<String> {
    let value = form
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// The table of a call; batches name it as a key, a transaction in each of its actions.
fn table(body: &Value) -> &str {
    let single = body["TableName"].as_str();
    let batch = || body["RequestItems"].as_object()?.keys().next();
    let first = || first_action(body)?["TableName"].as_str();
    let several = || batch().map(String::as_str).or_else(first);
    single.or_else(several).unwrap_or("")
}

/// The first action of a transaction.
fn first_action(body: &Value) -> Option<&Value> {
    let first = body["TransactItems"].as_array()?.first()?;
    first.as_object()?.values().next()
}

/// The throttling error.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
fn throttled() -> HttpResponse {
    HttpResponse::error(
        StatusCode::BAD_REQUEST,
        "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded.",
    )
}

/// The error of a write while a transaction holds its item; `None` for a read.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
fn conflict(action: &str) -> Option<HttpResponse> {
    let kind = match action.trim_start_matches("dynamodb:") {
        "PutItem" | "UpdateItem" | "DeleteItem" => "TransactionConflictException",
        "TransactWriteItems" => "TransactionCanceledException",
        _ => return None,
    };
    let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
    let message = "Transaction is ongoing for the item: TransactionConflict";
    let reason = json!({"Code": "TransactionConflict", "Message": message});
    let reasons = json!({"CancellationReasons": [reason]});
    Some(HttpResponse::error_with(
        StatusCode::BAD_REQUEST,
        &kind,
        message,
        reasons,
    ))
}

fn internal() -> HttpResponse {
    HttpResponse::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "com.amazonaws.dynamodb.v20120810#InternalServerError",
        "The request could not be processed because of an internal server error.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_is_known_by_service_table_and_partition() {
        let signer = Signer::default();
        let pk = json!({"pk": {"S": "window#a"}, "sk": {"S": "b"}});
        let of = |operation: &str, body: Value| {
            let call = understand(&signer, &format!("{DYNAMODB}.{operation}"), &body);
            assert_eq!(call.on, "table/t", "{operation}");
            (call.action, call.key)
        };
        let expected = |action: &str| (format!("dynamodb:{action}"), "window#a".to_owned());
        let get = json!({"TableName": "t", "Key": pk});
        assert_eq!(of("GetItem", get), expected("GetItem"));
        let put = json!({"TableName": "t", "Item": pk});
        assert_eq!(of("PutItem", put), expected("PutItem"));
        let batch = json!({"RequestItems": {"t": {"Keys": [pk]}}});
        assert_eq!(of("BatchGetItem", batch), expected("BatchGetItem"));
        let transaction = json!({"TransactItems": [{"Put": {"TableName": "t", "Item": pk}}]});
        assert_eq!(
            of("TransactWriteItems", transaction),
            expected("TransactWriteItems")
        );
        let query = json!({
            "TableName": "t", "KeyConditionExpression": "#a = :k AND #b >= :l",
            "ExpressionAttributeValues": {":k": {"S": "window#a"}, ":l": {"S": "x"}},
        });
        assert_eq!(of("Query", query), expected("Query"));
    }

    #[test]
    fn secrets_and_parameters_are_known_by_name() {
        let of = |target: &str, body: Value| understand(&Signer::default(), target, &body);
        let secret = of(
            "secretsmanager.GetSecretValue",
            json!({"SecretId": "windlass/a"}),
        );
        assert_eq!(secret.action, "secretsmanager:GetSecretValue");
        assert_eq!(secret.on, "secret:windlass/a");
        let form = "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa";
        let role = of("", json!(form));
        assert_eq!(
            (role.action.as_str(), role.on.as_str()),
            ("sts:AssumeRole", "arn:aws:iam::1:role/a")
        );
        let parameter = of("AmazonSSM.GetParameter", json!({"Name": "/windlass/a"}));
        assert_eq!(
            (parameter.action.as_str(), parameter.on.as_str()),
            ("ssm:GetParameter", "parameter/windlass/a")
        );
    }
}
