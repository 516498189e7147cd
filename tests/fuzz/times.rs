//! Times. A printed time parses to the same instant and sorts like it; a parsed one lies within the
//! years 0000 to 9999. A record's time and a bound, in each of the manifest's formats, are the
//! instant that was written. A number of seconds with any other text in it is invalid.

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime};
use windlass_connectors::exchange::{ApiResponse, Headers};
use windlass_core::time::{DAY_MS, SECOND_MS};
use windlass_core::{Span, Timestamp};

use crate::corpus::Corpus;
use crate::draw::Draw;
use crate::input::Input;
use crate::meter::Meter;
use crate::reference::Node;
use crate::target::{Target, expect};
use crate::vendors::{Vendor, sample, vendor};

const TEXTS: [&str; 16] = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.123456789Z",
    "2026-01-01T02:00:00+02:00",
    "2026-01-01t00:00:00z",
    "2016-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-23:59",
    "2024-02-29T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01 00:00:00Z",
    "1767225600",
    "1767225600.123",
    "1767225600000",
    "-1",
];
const TIMES: [&str; 4] = ["rfc3339", "zoneless", "epoch_s", "epoch_ms"];
const BOUNDS: [(&str, &str, i64); 7] = [
    ("rfc3339", "1s", SECOND_MS),
    ("rfc3339_ms", "1ms", 1),
    ("zoneless", "1s", SECOND_MS),
    ("zoneless_ms", "1ms", 1),
    ("date", "1d", DAY_MS),
    ("epoch_s", "1s", SECOND_MS),
    ("epoch_ms", "1ms", 1),
];
const PAGE: &str = "{ end: [page_empty, { flag_false: more }] }";

/// The target for times.
pub(crate) struct TimeFormats {
    texts: Corpus,
    readers: Vec<Vendor>,
    askers: Vec<Vendor>,
}

impl TimeFormats {
    pub(crate) fn new() -> Self {
        let reader = |time: &&str| vendor(&sample(PAGE, "epoch_ms", "1ms", time), &[]);
        let asker = |(format, unit, _): &(&str, &str, i64)| {
            vendor(&sample(PAGE, format, unit, "rfc3339"), &[])
        };
        Self {
            texts: Corpus::new(TEXTS, &["T", "Z", "+00:00", "-00:00", ":60", "+1", "é"]),
            readers: TIMES.iter().map(reader).collect(),
            askers: BOUNDS.iter().map(asker).collect(),
        }
    }

    /// The time that the connector for `format` reads in a record's `text`.
    fn read(
        &self,
        format: usize,
        text: &str,
        meter: &mut Meter,
    ) -> Result<Option<Timestamp>, String> {
        let body = format!(
            "{{\"more\":false,\"items\":[{{\"at\":{}}}]}}",
            Node::quoted(text)
        );
        let response = ApiResponse {
            status: 200,
            headers: Headers::default(),
            body: Bytes::from(body),
        };
        let connector = &self.readers[format].connector;
        // Far from the window, so that no record belongs to a neighbor.
        let page = crate::responses::read(connector, None, &response, meter);
        let page = page.map_err(|failure| failure.to_string())?;
        let record = page.records.first().ok_or("the record is gone")?;
        Ok(record.time)
    }
}

impl Target for TimeFormats {
    fn name(&self) -> &'static str {
        "time_formats"
    }

    fn share(&self) -> u64 {
        15
    }

    fn input(&self, draw: &mut Draw) -> Input {
        if draw.one_in(2) {
            return Input::new([("text", self.texts.mutant(draw))]);
        }
        let mut instant = || match draw.below(4) {
            0 => draw.number().cast_signed(),
            1 => draw.between(Timestamp::MIN.as_ms(), Timestamp::MAX.as_ms()),
            _ => draw.between(0, 4_294_967_295_999),
        };
        let (one, other) = (instant(), instant());
        let unit = 1 + (draw.number() >> (1 + draw.below(60))) / 2;
        Input::new([
            ("one", one.to_string().into()),
            ("other", other.to_string().into()),
            ("unit", unit.to_string().into()),
        ])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let number = |field: &str| input.text(field).parse::<i64>().ok();
        match (number("one"), number("other"), number("unit")) {
            (Some(one), Some(other), Some(unit)) => {
                let (one, other) = (Timestamp::from_ms(one), Timestamp::from_ms(other));
                sorts(one, other)?;
                rounds(one, unit)?;
                self.reads_what_is_written(one, meter)?;
                self.asks_for(one, other, meter)
            }
            _ => self.reads(&input.text("text"), meter),
        }
    }
}

impl TimeFormats {
    /// Fails unless each format preserves the instant, to its own resolution.
    fn reads_what_is_written(&self, time: Timestamp, meter: &mut Meter) -> Result<(), String> {
        let text = time.to_string();
        let zoneless = text.trim_end_matches('Z').to_owned();
        let epoch = time.as_ms();
        let (seconds, fraction) = (epoch.div_euclid(SECOND_MS), epoch.rem_euclid(SECOND_MS));
        let mut written = vec![
            (0, text.clone()),
            (1, zoneless),
            (1, text),
            (3, epoch.to_string()),
        ];
        // Seconds are read up to the year 2106.
        if u32::try_from(seconds).is_ok() {
            written.push((2, format!("{seconds}.{fraction:03}")));
        }
        for (format, text) in written {
            let read = self.read(format, &text, meter)?;
            expect(read == Some(time), || {
                format!("`{text}` as {} is {read:?}", TIMES[format])
            })?;
        }
        Ok(())
    }

    /// Fails unless the request has exactly the bounds of the window.
    fn asks_for(&self, one: Timestamp, other: Timestamp, meter: &mut Meter) -> Result<(), String> {
        for (asker, (format, _, unit)) in self.askers.iter().zip(BOUNDS) {
            let (from, to) = (one.min(other).floor_to(unit), one.max(other).floor_to(unit));
            let Ok(span) = Span::new(from, to) else {
                continue;
            };
            let request = meter.watch(|| asker.connector.request(span, None));
            let request = request.map_err(|failure| failure.to_string())?;
            for (name, expected) in [("since", from), ("until", to)] {
                let mut pairs = request.http().url.query_pairs();
                let value = pairs
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.into_owned());
                let asked = value.as_deref().and_then(|text| bound(format, text));
                expect(asked == Some(expected), || {
                    format!("{name}={value:?} for {expected}")
                })?;
            }
        }
        Ok(())
    }

    /// Fails unless the text is invalid, or an instant within range that prints and parses to
    /// itself.
    fn reads(&self, text: &str, meter: &mut Meter) -> Result<(), String> {
        if let Ok(time) = meter.watch(|| text.parse::<Timestamp>()) {
            sorts(time, time)?;
        }
        for (format, name) in TIMES.iter().enumerate() {
            let Some(time) = self.read(format, text, meter)? else {
                continue;
            };
            sorts(time, time)?;
            let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
            let plain = match *name {
                "epoch_s" => {
                    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
                    digits(seconds) && digits(fraction)
                }
                "epoch_ms" => digits(text.strip_prefix(['-', '+']).unwrap_or(text)),
                _ => true,
            };
            expect(plain, || format!("`{text}` as {name} is {time}"))?;
        }
        Ok(())
    }
}

/// A vendor's reading of a bound, by code other than that which wrote it.
fn bound(format: &str, text: &str) -> Option<Timestamp> {
    let zoneless = |text: &str| {
        let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Some(Timestamp::from(time.and_utc()))
    };
    match format {
        "epoch_s" => Some(Timestamp::from_ms(text.parse::<i64>().ok()? * SECOND_MS)),
        "epoch_ms" => Some(Timestamp::from_ms(text.parse().ok()?)),
        "date" => zoneless(&format!("{text}T00:00:00")),
        "zoneless" | "zoneless_ms" => zoneless(text),
        _ => {
            let time = DateTime::parse_from_rfc3339(text).ok()?;
            Some(Timestamp::from(time.to_utc()))
        }
    }
}

/// Fails unless text forms sort like the instants, and parse to them.
fn sorts(one: Timestamp, other: Timestamp) -> Result<(), String> {
    let in_range = (Timestamp::MIN..=Timestamp::MAX).contains(&one);
    expect(in_range, || format!("{one} is out of range"))?;
    for form in [Timestamp::to_string, |time: &Timestamp| time.compact()] {
        let same = form(&one).cmp(&form(&other)) == one.cmp(&other);
        expect(same, || format!("{one} and {other} sort otherwise"))?;
    }
    let again: Result<Timestamp, _> = one.to_string().parse();
    expect(again.as_ref() == Ok(&one), || {
        format!("{one} is read as {again:?}")
    })
}

/// Fails unless rounding gives the nearest multiples.
fn rounds(time: Timestamp, unit_ms: i64) -> Result<(), String> {
    let (floor, ceil) = (time.floor_to(unit_ms), time.ceil_to(unit_ms));
    let near = |a: Timestamp, b: Timestamp| (0..unit_ms).contains(&a.ms_since(b));
    // The ends of the range may lack a multiple.
    let floor_holds =
        near(time, floor) && (floor.is_multiple_of(unit_ms) || floor == Timestamp::MIN);
    let ceil_holds = near(ceil, time) && (ceil.is_multiple_of(unit_ms) || ceil == Timestamp::MAX);
    expect(floor_holds && ceil_holds, || {
        format!("{time} is between {floor} and {ceil} in units of {unit_ms} ms")
    })
}
