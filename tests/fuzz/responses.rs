//! Whole responses. Only a response with a success status is a page, and then it has exactly the
//! records of its array, as slices of the body. An issued token is accepted again, and leads
//! nowhere else. A failure has one short line of text without the token, and a wait that is not
//! negative; a stored or slept wait is within its limit.

use bytes::Bytes;
use windlass_connectors::Failure;
use windlass_connectors::connector::{Connector, Page};
use windlass_connectors::exchange::{ApiResponse, Headers, Origin};
use windlass_core::limits;
use windlass_core::retry::FailureClass;

use crate::corpus::{Corpus, files};
use crate::draw::Draw;
use crate::input::Input;
use crate::json;
use crate::meter::Meter;
use crate::reference::{self, Elements, Verdict};
use crate::target::{Target, expect};
use crate::vendors::{self, SECRET, SIGNED_SECRET, Vendor, now, span};
use crate::waits;

const STATUSES: [&str; 24] = [
    "200", "200", "200", "200", "200", "200", "200", "201", "204", "301", "304", "307", "400",
    "401", "403", "404", "408", "410", "422", "429", "500", "503", "0", "65535",
];

/// Names and values of headers that some vendor uses.
const HEADERS: [&str; 16] = [
    "Date: Fri, 02 Jan 2026 01:00:00 GMT",
    "Date: Thursday, 01-Jan-26 00:01:30 GMT",
    "Retry-After: 30",
    "Retry-After: 1.5",
    "Retry-After: Fri, 02 Jan 2026 01:02:00 GMT",
    "Retry-After: 99999999999999999999",
    "X-RateLimit-Remaining: 0",
    "X-RateLimit-Reset: 1767319300",
    "X-Rate-Limit-Remaining: 12",
    "X-Rate-Limit-Reset: 1767319300.5",
    "Location: https://login.example.com/",
    "Link: </api/v1/logs?after=2>; rel=\"next\"",
    "Link: <https://acme.okta.com/api/v1/logs?after=2&access_token=x>; rel=\"next\"",
    "Link: <https://api.github.com/advisories?after=2>; rel=next, </>; rel=first",
    "X-Next: S3CRETpagetoken",
    "Content-Type: application/json",
];

/// Keys that some manifest reads.
const KEYS: [&str; 18] = [
    "items",
    "entries",
    "vulnerabilities",
    "id",
    "time",
    "uniqueQualifier",
    "published",
    "uuid",
    "date_create",
    "at",
    "error",
    "errorCode",
    "message",
    "code",
    "data",
    "next",
    "nextPageToken",
    "totalResults",
];

/// The target for whole responses.
pub(crate) struct ResponseJudge {
    vendors: Vec<Vendor>,
    bodies: Corpus,
    headers: Corpus,
    tokens: Corpus,
}

impl ResponseJudge {
    pub(crate) fn new() -> Self {
        let mut bodies = files("connectors/fixtures", "json");
        bodies.extend(files("connectors/fixtures", "html"));
        for echo in [SECRET, SIGNED_SECRET[0], SIGNED_SECRET[1]] {
            bodies.push(format!("{{\"error\":\"invalid {echo}\",\"message\":\"{echo}\",\"errorCode\":\"{echo}\",\"code\":\"{echo}\"}}").into());
        }
        let words = [
            "false",
            "ratelimited",
            "invalid_cursor",
            "pageToken",
            SECRET,
        ];
        let tokens = [
            String::new(),
            String::new(),
            SECRET.to_owned(),
            SIGNED_SECRET[0].to_owned(),
            "2000/8012".to_owned(),
            format!("https://acme.okta.com/api/v1/logs?limit=10&after={SECRET}"),
            format!(
                "https://api.github.com/advisories?after={}",
                SIGNED_SECRET[1]
            ),
            format!("https://api.example.com/v1/events?p={SECRET}"),
        ];
        Self {
            vendors: vendors::all(),
            bodies: Corpus::new(bodies, &words),
            headers: Corpus::new(HEADERS, &[]),
            tokens: Corpus::new(tokens, &[]),
        }
    }
}

impl Target for ResponseJudge {
    fn name(&self) -> &'static str {
        "response_judge"
    }

    fn share(&self) -> u64 {
        20
    }

    fn input(&self, draw: &mut Draw) -> Input {
        let at = draw.below(self.vendors.len());
        let path = &self.vendors[at].path;
        let mut headers = Vec::new();
        for _ in 0..draw.below(5) {
            let header = if draw.one_in(2) {
                self.headers.seed(draw)
            } else {
                self.headers.mutant(draw)
            };
            headers.extend(header.into_iter().filter(|byte| *byte != b'\n'));
            headers.push(b'\n');
        }
        let body = match draw.below(4) {
            0 => {
                let path = path.to_string();
                let under: Vec<&str> = path.split('.').filter(|key| !key.is_empty()).collect();
                json::page(draw, &under, &KEYS, 8).into_bytes()
            }
            1 => self.bodies.seed(draw),
            _ => self.bodies.mutant(draw),
        };
        let token = if draw.one_in(3) {
            self.tokens.mutant(draw)
        } else {
            self.tokens.seed(draw)
        };
        Input::new([
            ("vendor", at.to_string().into()),
            ("token", token),
            ("status", (draw.word(&STATUSES)).into()),
            ("headers", headers),
            ("body", body),
        ])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let at: usize = input.text("vendor").parse().unwrap_or_default();
        let vendor = &self.vendors[at];
        let token = Some(input.text("token")).filter(|token| !token.is_empty());
        let token = token.as_deref();
        let response = ApiResponse {
            status: input.text("status").parse().unwrap_or_default(),
            headers: headers(&input.text("headers")),
            body: Bytes::copy_from_slice(input.bytes("body")),
        };
        let read = read(&vendor.connector, token, &response, meter);
        match read {
            Ok(page) => {
                is_page(vendor, &response, &page)?;
                is_usable(&vendor.connector, token, &page)
            }
            Err(failure) => is_failure(token, &failure),
        }
    }
}

/// The page in the response to the request for the page `token` of [`span`].
pub(crate) fn read(
    connector: &Connector,
    token: Option<&str>,
    response: &ApiResponse,
    meter: &mut Meter,
) -> Result<Page, Failure> {
    meter.watch(|| connector.read(&connector.request(span(), token)?, response, now()))
}

/// Parses one header per line.
pub(crate) fn headers(text: &str) -> Headers {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

/// Fails unless the page has the contents of the body.
fn is_page(vendor: &Vendor, response: &ApiResponse, page: &Page) -> Result<(), String> {
    let is_success = (200..300).contains(&response.status);
    expect(is_success, || {
        format!("a page with status {}", response.status)
    })?;
    let body = &response.body;
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|_| "a page that is not UTF-8".to_owned())?;
    let records = page.records.len() + usize::try_from(page.trimmed).unwrap_or(usize::MAX);
    match reference::read(text) {
        Verdict::NotJson => return Err("a page that is not JSON".to_owned()),
        Verdict::Unclear => {}
        Verdict::Json(tree) => {
            let expected = tree.elements(&vendor.path);
            let holds = match &expected {
                Elements::These(these) => these.len() == records,
                Elements::Missing => vendor.optional && records == 0,
                Elements::Other => false,
            };
            expect(holds, || format!("{records} records of {expected:?}"))?;
        }
    }
    let end = body.as_ptr().addr() + body.len();
    let mut reached = body.as_ptr().addr();
    for record in &page.records {
        let at = record.raw.as_ptr().addr();
        let inside = at >= reached && at + record.raw.len() <= end;
        expect(inside, || {
            "a record is no slice after the one before".to_owned()
        })?;
        reached = at + record.raw.len();
        let has_id = record.id.as_ref().is_none_or(|id| !id.is_empty());
        expect(has_id, || "an id without text".to_owned())?;
    }
    let size = u64::try_from(response.body.len()).unwrap_or(u64::MAX);
    expect(page.body_bytes == size, || "the size is another".to_owned())
}

/// Fails unless the page's next token can be requested, and only from the vendor.
pub(crate) fn is_usable(
    connector: &Connector,
    token: Option<&str>,
    page: &Page,
) -> Result<(), String> {
    let waits = page.quota.and_then(|quota| quota.reset_ms);
    expect(waits.is_none_or(|ms| ms >= 0), || {
        "a negative wait".to_owned()
    })?;
    let Some(next) = page.next.token() else {
        return Ok(());
    };
    expect(next.len() <= limits::CURSOR_BYTES_MAX, || {
        "a token too long to store".to_owned()
    })?;
    expect(Some(next) != token, || {
        "a token that stands still".to_owned()
    })?;
    let request = connector
        .request(span(), Some(next))
        .map_err(|failure| format!("its own token is refused: {failure}"))?;
    let url = &request.http().url;
    expect(Origin::from(url) == *connector.origin(), || {
        format!("the next page is at {url}")
    })?;
    let named = url.username().is_empty() && url.password().is_none();
    expect(named, || {
        "the next page is asked for with a user name".to_owned()
    })
}

/// Fails unless a failure can be logged, stored and waited for.
pub(crate) fn is_failure(token: Option<&str>, failure: &Failure) -> Result<(), String> {
    let message = &failure.message;
    let short = message.chars().count() <= limits::MESSAGE_CHARS_MAX;
    let line = short && !message.contains(char::is_control);
    expect(line, || format!("no short line: {message:?}"))?;
    let [plain, escaped] = SIGNED_SECRET;
    for (in_token, shown) in [
        (SECRET, SECRET),
        (plain, plain),
        (plain, escaped),
        (escaped, plain),
        (escaped, escaped),
    ] {
        let asked = token.is_some_and(|token| asks_with(token, in_token));
        expect(!asked || !message.contains(shown), || {
            format!("the token is in the message: {message}")
        })?;
    }
    let waits = matches!(failure.class, FailureClass::Rate | FailureClass::Outage);
    expect(waits || failure.wait_ms.is_none(), || {
        format!("a wait with {:?}", failure.class)
    })?;
    waits::is_within_limits(failure.class, failure.wait_ms)
}

/// Returns true if `secret` is the token, or a value in the query that it is.
fn asks_with(token: &str, secret: &str) -> bool {
    let query = token.split_once('?').map_or("", |(_, query)| query);
    let mut values = query.split('&').filter_map(|pair| pair.split_once('='));
    token == secret || values.any(|(_, value)| value == secret)
}
