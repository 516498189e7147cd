//! Page tokens: stored tokens in requests, counted offsets, and tokens in a body. A token leads to
//! the vendor or is invalid, appears in the query unchanged, and offsets never skip a record.

use bytes::Bytes;
use windlass_connectors::exchange::{ApiResponse, Headers, Origin};
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use crate::corpus::Corpus;
use crate::draw::Draw;
use crate::input::Input;
use crate::json;
use crate::meter::Meter;
use crate::reference::{self, Node, Verdict};
use crate::responses::{is_failure, is_usable, read};
use crate::target::{Target, expect};
use crate::vendors::{self, Asked, SECRET, Vendor, span};

const TOKENS: [&str; 14] = [
    "0/0",
    "2000/8012",
    "18446744073709551615/18446744073709551615",
    "+1/2",
    "1/2/3",
    "https://acme.okta.com/api/v1/logs?after=S3CRETpagetoken",
    "https://acme.okta.com:443/",
    "https://u:p@acme.okta.com/",
    "https://acme.okta.com@evil.example/",
    "http://acme.okta.com/",
    "https://acme.okta.com\\@evil.example/",
    "//evil.example/",
    "A:1767225600000:opaque==&after=x#y",
    "\u{1f989} é%",
];

/// The target for page tokens.
pub(crate) struct NextToken {
    vendors: Vec<Vendor>,
    offsets: Vendor,
    bodies: Vendor,
    tokens: Corpus,
}

impl NextToken {
    pub(crate) fn new() -> Self {
        Self {
            vendors: vendors::all(),
            offsets: vendors::built_in("nvd_cves"),
            bodies: vendors::built_in("google_reports"),
            tokens: Corpus::new(TOKENS, &[SECRET, "acme.okta.com", "evil.example"]),
        }
    }
}

impl Target for NextToken {
    fn name(&self) -> &'static str {
        "next_token"
    }

    fn share(&self) -> u64 {
        15
    }

    fn input(&self, draw: &mut Draw) -> Input {
        let token = self.tokens.mutant(draw);
        match draw.below(3) {
            0 => Input::new([
                ("vendor", draw.below(self.vendors.len()).to_string().into()),
                ("token", token),
            ]),
            1 => {
                let total = if draw.one_in(5) {
                    draw.number() >> draw.below(64)
                } else {
                    draw.number() % 40
                };
                let token = if draw.one_in(3) {
                    token
                } else {
                    format!("{}/{}", draw.number() % 40, draw.number() % 40).into()
                };
                let count = draw.below(12).to_string().into();
                Input::new([
                    ("offset", token),
                    ("total", total.to_string().into()),
                    ("count", count),
                ])
            }
            _ => {
                let mut value = String::new();
                if draw.one_in(3) {
                    json::value(draw, &[], &mut value);
                } else {
                    value = Node::quoted(&String::from_utf8_lossy(&self.tokens.mutant(draw)));
                }
                Input::new([("before", token), ("next", value.into())])
            }
        }
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        if !input.bytes("vendor").is_empty() {
            let at: usize = input.text("vendor").parse().unwrap_or_default();
            asks(&self.vendors[at], &input.text("token"), meter)
        } else if !input.bytes("count").is_empty() {
            counts(&self.offsets, input, meter)
        } else {
            names(&self.bodies, input, meter)
        }
    }
}

/// Fails unless a stored token leads to the vendor, or is invalid because this connector never
/// issued it.
fn asks(vendor: &Vendor, token: &str, meter: &mut Meter) -> Result<(), String> {
    let connector = &vendor.connector;
    match meter.watch(|| connector.request(span(), Some(token))) {
        Ok(request) => {
            let url = &request.http().url;
            let home = Origin::from(url) == *connector.origin();
            expect(home && url.username().is_empty(), || format!("asks {url}"))?;
            let last = url
                .query_pairs()
                .last()
                .map(|(_, value)| value.into_owned());
            let kept = match vendor.asked {
                Asked::Never => false,
                Asked::Url => true,
                Asked::Query => last.as_deref() == Some(token),
                Asked::Offset => last.is_some_and(|value| value.parse::<u64>().is_ok()),
            };
            expect(kept, || format!("the token is not in {url}"))
        }
        Err(failure) => {
            let class = failure.class;
            let known = matches!(class, FailureClass::Restart | FailureClass::Block);
            expect(known, || format!("a refusal as {class:?}"))?;
            is_failure(Some(token), &failure)
        }
    }
}

/// Fails if the offset after a page is beyond the records read, or if pages end before the total.
fn counts(vendor: &Vendor, input: &Input, meter: &mut Meter) -> Result<(), String> {
    let number = |field: &str| input.text(field).parse::<u64>().unwrap_or_default();
    let (total, count) = (number("total"), number("count"));
    let records = vec!["{}"; usize::try_from(count).unwrap_or_default()].join(",");
    let body = format!("{{\"totalResults\":{total},\"vulnerabilities\":[{records}]}}");
    let token = input.text("offset");
    let token = Some(token.as_str()).filter(|token| *token != "0/0");
    let read = read(&vendor.connector, token, &response(body), meter);
    let parts = token.map_or(Some(("0", "0")), |token| token.split_once('/'));
    let parsed =
        parts.and_then(|(at, was)| Some((at.parse::<u64>().ok()?, was.parse::<u64>().ok()?)));
    let Some((at, was)) = parsed else {
        let refused = matches!(&read, Err(failure) if failure.class == FailureClass::Restart);
        return expect(refused, || "took what is no offset".to_owned());
    };
    let reached = at.saturating_add(count);
    match read {
        Ok(page) => {
            is_usable(&vendor.connector, token, &page)?;
            let Some(next) = page.next.token() else {
                let shrunk = at > 0 && total < was;
                return expect(reached >= total && !shrunk, || {
                    format!("ends at {reached} of {total}, which were {was}")
                });
            };
            let next_at = next
                .split_once('/')
                .and_then(|(next, _)| next.parse::<u64>().ok());
            let next_at = next_at.ok_or_else(|| format!("`{next}` is no offset"))?;
            expect(next_at <= reached, || {
                format!("goes on at {next_at} after {reached}")
            })
        }
        Err(failure) => {
            is_failure(token, &failure)?;
            expect(count == 0, || format!("records, and yet: {failure}"))
        }
    }
}

/// Fails unless a token in the body is the next one as decoded. One that is neither text nor a
/// number is an error, not the end.
fn names(vendor: &Vendor, input: &Input, meter: &mut Meter) -> Result<(), String> {
    let value = input.text("next");
    let before = input.text("before");
    let before = Some(before.as_str()).filter(|token| !token.is_empty());
    let body = format!("{{\"items\":[],\"nextPageToken\":{value}}}");
    let Verdict::Json(node) = reference::read(&value) else {
        return Ok(());
    };
    let read = read(&vendor.connector, before, &response(body), meter);
    let next = read.as_ref().ok().and_then(|page| page.next.token());
    let class = read.as_ref().err().map(|failure| failure.class);
    if let Err(failure) = &read {
        is_failure(before, failure)?;
    }
    let holds = match &node {
        Node::Null => class.is_none() && next.is_none(),
        Node::List(_) | Node::Map(_) => class == Some(FailureClass::Page),
        Node::Text(text) if text.trim().is_empty() => class.is_none() && next.is_none(),
        Node::Text(text) if text.len() > limits::CURSOR_BYTES_MAX => {
            class == Some(FailureClass::Page)
        }
        Node::Text(text) if Some(text.as_str()) == before => class == Some(FailureClass::Restart),
        Node::Text(text) => next == Some(text.as_str()),
        Node::Plain(_) => next == Some(value.trim()) || Some(value.trim()) == before,
    };
    expect(holds, || format!("next is {next:?}, failed as {class:?}"))
}

fn response(body: String) -> ApiResponse {
    ApiResponse {
        status: 200,
        headers: Headers::default(),
        body: Bytes::from(body),
    }
}
