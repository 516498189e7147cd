//! A simple client that trusts the vendor and sends one request at a time.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windlass_core::span::Span;
use windlass_core::time::Timestamp;

use super::{OKTA_TOKEN, Settings, Shape, Vendor};
use crate::timeline::{BOUND_MS, Timeline, TimelineSpec};

pub(super) struct VendorResponse {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl VendorResponse {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The target of the `Link` header with this relation.
    pub(super) fn link(&self, rel: &str) -> Option<&str> {
        let wanted = format!("; rel=\"{rel}\"");
        let line = self.head.lines().find(|line| line.ends_with(&wanted))?;
        Some(line.split_once('<')?.1.split_once('>')?.0)
    }
}

pub(super) async fn send(vendor: &Vendor, request: String) -> VendorResponse {
    let mut stream = TcpStream::connect(vendor.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    VendorResponse {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(super) async fn get(vendor: &Vendor, target: &str, authorization: &str) -> VendorResponse {
    let host = vendor.address();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n\
         Connection: close\r\n\r\n"
    );
    send(vendor, request).await
}

/// Requests an access token with an assertion grant.
pub(super) async fn grant(vendor: &Vendor, body: &str) -> VendorResponse {
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    send(vendor, request).await
}

pub(super) async fn authorization(vendor: &Vendor) -> String {
    if vendor.shape() == Shape::Okta {
        return format!("SSWS {OKTA_TOKEN}");
    }
    let body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c";
    let token = grant(vendor, body).await.json();
    format!("Bearer {}", token["access_token"].as_str().unwrap())
}

pub(super) fn timeline() -> Timeline {
    let from = Timestamp::from_ms(100 * BOUND_MS);
    let span = Span::new(from, from.plus_ms(3 * BOUND_MS)).unwrap();
    Timeline::generate(&TimelineSpec {
        seed: 3,
        span,
        events: 120,
        record_bytes: 850,
    })
}

pub(super) async fn vendor(shape: Shape) -> Vendor {
    Vendor::start(Settings::new(shape, 25), timeline()).await
}

/// The first request for the vendor's whole timeline.
pub(super) fn first_page(vendor: &Vendor) -> String {
    let span = vendor.timeline().span();
    let (from, to) = (span.from(), span.to());
    match vendor.shape() {
        Shape::Google => format!(
            "{}?startTime={from}&endTime={to}&maxResults=1000&prettyPrint=false",
            vendor.shape().path()
        ),
        Shape::Okta => format!(
            "{}?since={from}&until={to}&limit=1000",
            vendor.shape().path()
        ),
    }
}

/// The request for the page after `response`; `None` after the last one.
pub(super) fn next_page(vendor: &Vendor, first: &str, response: &VendorResponse) -> Option<String> {
    match vendor.shape() {
        Shape::Google => {
            let body = response.json();
            Some(format!(
                "{first}&pageToken={}",
                body.get("nextPageToken")?.as_str()?
            ))
        }
        Shape::Okta => {
            let link = response.link("next")?;
            Some(link.strip_prefix(&vendor.uri()).unwrap().to_owned())
        }
    }
}

pub(super) fn records(vendor: &Vendor, response: &VendorResponse) -> Vec<Value> {
    let body = response.json();
    match vendor.shape() {
        Shape::Google => body
            .get("items")
            .map_or(Vec::new(), |items| items.as_array().unwrap().clone()),
        Shape::Okta => body.as_array().unwrap().clone(),
    }
}

/// Every record, page by page, in the order served.
pub(super) async fn pull(vendor: &Vendor) -> Vec<Value> {
    let authorization = authorization(vendor).await;
    let first = first_page(vendor);
    let mut target = Some(first.clone());
    let mut all = Vec::new();
    while let Some(request) = target {
        let response = get(vendor, &request, &authorization).await;
        assert_eq!(response.status, 200, "{}", response.body);
        all.extend(records(vendor, &response));
        target = next_page(vendor, &first, &response);
    }
    all
}
