//! The shape of Okta's System Log with `since` and `until`.
//! <https://developer.okta.com/docs/reference/system-log-query/>

use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;
use wiremock::ResponseTemplate;

use super::Fault;
use super::shape::{PageResponse, Parameters, Shape, awkward, padding};
use crate::timeline::{Event, mix};

pub(super) const PATH: &str = "/api/v1/logs";

pub(super) const PARAMETERS: Parameters = Parameters {
    from: "since",
    to: "until",
    limit: "limit",
    token: "after",
    limit_default: 100,
    limit_max: 1000,
};

/// Period of the rate quota, in seconds.
const RATE_PERIOD_SECONDS: i64 = 60;

pub(super) fn id(event: &Event) -> String {
    let (high, low) = (event.id, mix(event.id));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

pub(super) fn record(event: &Event, bytes: usize) -> String {
    let (id, time, text) = (id(event), event.time, awkward(event.id));
    let user = event.id % 997;
    let with = |pad: &str| {
        format!(
            concat!(
                r#"{{"actor":{{"id":"00u{user}","type":"User","alternateId":"user{user}@example.com","#,
                r#""displayName":"{text}","detailEntry":null}},"#,
                r#""client":{{"userAgent":{{"rawUserAgent":"{pad}","os":"Linux","browser":"FIREFOX"}},"#,
                r#""zone":"null","device":"Computer","id":null,"ipAddress":"192.0.2.{octet}"}},"#,
                r#""displayMessage":"User login","eventType":"user.session.start","#,
                r#""outcome":{{"result":"SUCCESS","reason":null}},"published":"{time}","#,
                r#""severity":"INFO","debugContext":{{"debugData":{{"uuid":"not the id"}}}},"#,
                r#""uuid":"{id}","version":"0","target":[{{"id":"00t{user}","type":"AppInstance"}}]}}"#,
            ),
            user = user,
            text = text,
            pad = pad,
            octet = event.id % 255,
            time = time,
            id = id,
        )
    };
    let bare = with("").len();
    with(&padding(bytes.saturating_sub(bare), event.id))
}

/// The response with a page. The next page is a link, which the last page of a bounded query lacks.
pub(super) fn page(response: &PageResponse<'_>) -> ResponseTemplate {
    let records: Vec<String> = response
        .events
        .iter()
        .map(|event| record(event, response.record_bytes))
        .collect();
    let body = format!("[{}]", records.join(","));
    let own = format!(
        "<{}{PATH}?{}>; rel=\"self\"",
        response.self_origin, response.query
    );
    let page = with_quota(ResponseTemplate::new(200), 5_999)
        .append_header("Link", own)
        .set_body_raw(body, "application/json");
    let Some(token) = &response.next_token else {
        return page;
    };
    let kept: Vec<&str> = response
        .query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("after="))
        .collect();
    let next = format!(
        "<{}{PATH}?{}&after={token}>; rel=\"next\"",
        response.next_origin,
        kept.join("&")
    );
    page.append_header("Link", next)
}

pub(super) fn error(code: &str, message: &str) -> Value {
    json!({
        "errorCode": code,
        "errorSummary": message,
        "errorLink": code,
        "errorId": "oae-test",
        "errorCauses": [],
    })
}

pub(super) fn fault(fault: Fault) -> ResponseTemplate {
    let error = |status, code, message| Shape::Okta.error(status, code, message);
    match fault {
        Fault::RateWithWait => {
            error(429, "E0000047", "too many requests").insert_header("Retry-After", "1")
        }
        Fault::Rate | Fault::Quota => error(429, "E0000047", "too many requests"),
        // Not E0000009, which asks for a narrower query.
        Fault::Internal => error(500, "E0000003", "something went wrong"),
        Fault::Unavailable => error(503, "E0000010", "in read-only mode"),
        Fault::TokenRejected => error(400, "E0000031", "Invalid pageToken in parameter after"),
        Fault::Garbage => {
            ResponseTemplate::new(200).set_body_raw(r#"[{"uuid":"#, "application/json")
        }
        // A stall delays the page instead of replacing it.
        Fault::Stall => ResponseTemplate::new(200),
    }
}

/// Adds the headers with the remaining rate quota.
fn with_quota(response: ResponseTemplate, remaining: u32) -> ResponseTemplate {
    let reset = SystemClock.now().as_seconds() + RATE_PERIOD_SECONDS;
    response
        .insert_header("X-Rate-Limit-Limit", "6000")
        .insert_header("X-Rate-Limit-Remaining", remaining.to_string())
        .insert_header("X-Rate-Limit-Reset", reset.to_string())
}
