//! The workload: pages of a thousand records of 850 bytes, ten pages per window, each record with
//! an id and a time of its own. The vendor, the bare loop and windlass's configuration share it.

use anyhow::{Context, ensure};
use url::form_urlencoded;
use windlass_core::time::{MINUTE_MS, Timestamp};

/// Records per page.
pub(crate) const PAGE_RECORDS: u64 = 1_000;
/// Size of a record in bytes.
pub(crate) const RECORD_BYTES: usize = 850;
/// Maximum size of a page in bytes.
const PAGE_BYTES_MAX: usize = 900_000;
/// Padding of a record.
const TITLE: &str = "quarterly figures quarterly figures quarterly figures quarterly figures \
                     quarterly figures quarterly figures quarterly figures quarterly figures \
                     quarterly figures quarterly figures quarterly figures quarterly figures";
/// Path of the vendor's list endpoint.
const PATH: &str = "/admin/reports/v1/activity/users/all/applications/drive";
/// Span of one page's records in milliseconds.
const PAGE_MS: i64 = MINUTE_MS;
/// Pages per window.
const WINDOW_PAGES: i64 = 10;
/// Width of every window in milliseconds, which the configuration names as `10m`.
const WINDOW_MS: i64 = WINDOW_PAGES * PAGE_MS;
/// Distance between two records of a page in milliseconds; the first and the last stay half of it
/// away from the page's bounds, so that no record belongs to two windows.
const RECORD_MS: u64 = PAGE_MS.unsigned_abs() / PAGE_RECORDS;
/// Start of the workload: 2025-01-01T00:00:00Z.
const BEGIN: Timestamp = Timestamp::from_ms(1_735_689_600_000);

/// The amount of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Workload {
    windows: u32,
}

impl Workload {
    /// A workload of `records` records, which must fill whole windows.
    pub(crate) fn new(records: u64) -> anyhow::Result<Self> {
        let window = PAGE_RECORDS * WINDOW_PAGES.unsigned_abs();
        ensure!(
            records > 0 && records.is_multiple_of(window),
            "{records} records do not fill windows of {window}"
        );
        let windows = u32::try_from(records / window).context("too many records")?;
        Ok(Self { windows })
    }

    pub(crate) fn records(self) -> u64 {
        u64::from(self.windows) * WINDOW_PAGES.unsigned_abs() * PAGE_RECORDS
    }

    /// Total size of the records in MB.
    pub(crate) fn megabytes(self) -> f64 {
        f64::from(self.windows) * 8.5
    }

    /// The first instant, and the instant after the last.
    pub(crate) fn bounds(self) -> (Timestamp, Timestamp) {
        (BEGIN, BEGIN.plus_ms(i64::from(self.windows) * WINDOW_MS))
    }

    /// Path and query of every page of every window, in the order of a pull.
    pub(crate) fn requests(self) -> impl Iterator<Item = String> {
        (0..i64::from(self.windows)).flat_map(|window| {
            let from = BEGIN.plus_ms(window * WINDOW_MS);
            let to = from.plus_ms(WINDOW_MS);
            (0..WINDOW_PAGES).map(move |page| {
                let token = if page == 0 {
                    String::new()
                } else {
                    format!("&pageToken=page-{page}")
                };
                format!("{PATH}?startTime={from}&endTime={to}&maxResults=1000{token}")
            })
        })
    }
}

/// One requested page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageAsked {
    /// First instant of its window.
    from: Timestamp,
    /// Its number in the window, newest first.
    page: i64,
}

impl PageAsked {
    /// Parses the query of a request; `None` unless it requests a page of a whole window.
    pub(crate) fn read(query: &str) -> Option<Self> {
        let (mut start, mut end, mut page) = (None, None, 0);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "startTime" => start = value.parse::<Timestamp>().ok(),
                "endTime" => end = value.parse::<Timestamp>().ok(),
                "pageToken" => page = value.strip_prefix("page-")?.parse().ok()?,
                _ => {}
            }
        }
        // A request may extend by one unit on both sides, because the bounds are undocumented.
        let from = start?.ceil_to(WINDOW_MS);
        let is_window = from.plus_ms(WINDOW_MS) == end?.floor_to(WINDOW_MS);
        let is_page = (0..WINDOW_PAGES).contains(&page);
        (is_window && is_page).then_some(Self { from, page })
    }

    /// Renders the page, as a vendor does for every request.
    pub(crate) fn render(self) -> String {
        let minute = self.from.plus_ms((WINDOW_PAGES - 1 - self.page) * PAGE_MS);
        let mut body = String::with_capacity(PAGE_BYTES_MAX);
        body.push_str(r#"{"kind":"admin#reports#activities","etag":"\"bench\"","items":["#);
        for index in 0..PAGE_RECORDS {
            if index > 0 {
                body.push(',');
            }
            push_record(&mut body, minute, index);
        }
        body.push(']');
        if self.page + 1 < WINDOW_PAGES {
            body.push_str(&format!(r#","nextPageToken":"page-{}""#, self.page + 1));
        }
        body.push('}');
        body
    }
}

/// Appends record `index` of the page that begins at `minute`, newest first.
fn push_record(body: &mut String, minute: Timestamp, index: u64) {
    let begin = body.len();
    let ms = RECORD_MS * (PAGE_RECORDS - index) - RECORD_MS / 2;
    let time = minute.plus_ms(ms.cast_signed());
    let number = minute.ms_since(BEGIN) / PAGE_MS;
    let user = index % 997;
    body.push_str(&format!(
        concat!(
            r#"{{"kind":"admin#reports#activity","id":{{"time":"{time}","#,
            r#""uniqueQualifier":"1{number:08}{index:010}","applicationName":"drive","#,
            r#""customerId":"C03bench0"}},"etag":"\"{index:040}\"","actor":{{"callerType":"USER","#,
            r#""email":"user{user:03}@bench.example","profileId":"1{index:020}"}},"#,
            r#""ipAddress":"192.0.2.{octet:03}","events":[{{"type":"access","name":"edit","#,
            r#""parameters":[{{"name":"primary_event","boolValue":true}},"#,
            r#"{{"name":"billable","boolValue":true}},{{"name":"doc_id","value":"{index:033}"}},"#,
            r#"{{"name":"doc_type","value":"spreadsheet"}},"#,
            r#"{{"name":"visibility","value":"shared_internally"}},"#,
            r#"{{"name":"owner","value":"team{user:03}@bench.example"}},"#,
            r#"{{"name":"doc_title","value":""#,
        ),
        time = time,
        number = number,
        index = index,
        user = user,
        octet = 100 + index % 100,
    ));
    let end = r#""}]}]}"#;
    let missing = RECORD_BYTES - (body.len() - begin) - end.len();
    body.push_str(&TITLE[..missing]);
    body.push_str(end);
}
