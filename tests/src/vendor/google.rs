//! The shape of Google's Reports API, `activities.list` for the application `login`.
//! <https://developers.google.com/admin-sdk/reports/v1/reference/activities/list>

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::Fault;
use super::shape::{PageResponse, Parameters, Shape, awkward, padding};
use crate::timeline::Event;

pub(super) const PATH: &str = "/admin/reports/v1/activity/users/all/applications/login";

pub(super) const PARAMETERS: Parameters = Parameters {
    from: "startTime",
    to: "endTime",
    limit: "maxResults",
    token: "pageToken",
    limit_default: 1000,
    limit_max: 1000,
};

/// A signed 64-bit number as text, as in the API.
pub(super) fn id(event: &Event) -> String {
    event.id.cast_signed().to_string()
}

pub(super) fn record(event: &Event, bytes: usize) -> String {
    let (id, time, text) = (id(event), event.time, awkward(event.id));
    let user = event.id % 997;
    let with = |pad: &str| {
        format!(
            concat!(
                r#"{{"kind":"admin#reports#activity","id":{{"time":"{time}","uniqueQualifier":"{id}","#,
                r#""applicationName":"login","customerId":"C0test000"}},"etag":"\"{id}\"","#,
                r#""actor":{{"callerType":"USER","email":"user{user}@example.com","profileId":"10{user}"}},"#,
                r#""ipAddress":"192.0.2.{octet}","events":[{{"type":"login","name":"login_success","#,
                r#""parameters":[{{"name":"login_type","value":"google_password"}},"#,
                r#"{{"name":"note","value":"{text}"}},{{"name":"is_suspicious","boolValue":false}},"#,
                r#"{{"name":"device","value":"{pad}"}}]}}]}}"#,
            ),
            time = time,
            id = id,
            user = user,
            octet = event.id % 255,
            text = text,
            pad = pad,
        )
    };
    let bare = with("").len();
    with(&padding(bytes.saturating_sub(bare), event.id))
}

/// The response with a page. `items` is absent from an empty page.
pub(super) fn page(response: &PageResponse<'_>) -> ResponseTemplate {
    let mut body = String::from(r#"{"kind":"admin#reports#activities","etag":"\"page\"""#);
    if !response.events.is_empty() {
        let records: Vec<String> = response
            .events
            .iter()
            .map(|event| record(event, response.record_bytes))
            .collect();
        body.push_str(r#","items":["#);
        body.push_str(&records.join(","));
        body.push(']');
    }
    if let Some(token) = &response.next_token {
        body.push_str(r#","nextPageToken":""#);
        body.push_str(token);
        body.push('"');
    }
    body.push('}');
    if response.pretty {
        let value: Value = serde_json::from_str(&body).expect("the page above is JSON");
        body = format!("{value:#}");
    }
    ResponseTemplate::new(200).set_body_raw(body, "application/json; charset=UTF-8")
}

pub(super) fn error(status: u16, reason: &str, message: &str) -> Value {
    json!({"error": {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": domain(reason), "reason": reason}],
    }})
}

fn domain(reason: &str) -> &'static str {
    if reason == "rateLimitExceeded" {
        "usageLimits"
    } else {
        "global"
    }
}

pub(super) fn fault(fault: Fault) -> ResponseTemplate {
    let error = |status, reason, message| Shape::Google.error(status, reason, message);
    match fault {
        Fault::RateWithWait => {
            error(429, "rateLimitExceeded", "too many requests").insert_header("Retry-After", "1")
        }
        Fault::Rate => error(429, "rateLimitExceeded", "too many requests"),
        Fault::Quota => error(
            403,
            "rateLimitExceeded",
            "the quota of queries per minute is used up",
        ),
        Fault::Internal => error(500, "internalError", "something went wrong"),
        Fault::Unavailable => error(503, "backendError", "try again later"),
        Fault::TokenRejected => error(400, "invalid", "Invalid pageToken"),
        Fault::Garbage => ResponseTemplate::new(200).set_body_raw(
            r#"{"kind":"admin#reports#activities","items":[{"id""#,
            "application/json",
        ),
        // A stall delays the page instead of replacing it.
        Fault::Stall => ResponseTemplate::new(200),
    }
}
