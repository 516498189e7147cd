//! The wait that a vendor asks for. It is never negative; at most an hour of it is stored, and at
//! most a few seconds are slept. A well-formed time is read exactly; text without a digit is no
//! wait.

use std::time::{Duration, UNIX_EPOCH};

use windlass_connectors::wait::{self, ResetFormat};
use windlass_core::limits;
use windlass_core::retry::{Attempt, Disposition, FailureClass, decide};
use windlass_core::window::Window;
use windlass_core::{Timestamp, WindowId};

use crate::corpus::Corpus;
use crate::draw::Draw;
use crate::input::Input;
use crate::meter::Meter;
use crate::target::{Target, expect};

const TEXTS: [&str; 16] = [
    "30",
    "1.5",
    "0.0001",
    "-5",
    "+5",
    "1e3",
    "inf",
    "99999999999999999999999",
    "Fri, 02 Jan 2026 01:02:00 GMT",
    "Friday, 02-Jan-26 01:02:00 GMT",
    "Fri Jan  2 01:02:00 2026",
    "2026-01-02T01:02:00Z",
    "2026-01-02T01:02Z",
    "2026-01-02T01:02:00.000+0200",
    "1767315720",
    "1767315720000",
];
const FORMATS: [ResetFormat; 4] = [
    ResetFormat::EpochSeconds,
    ResetFormat::EpochMs,
    ResetFormat::Seconds,
    ResetFormat::Iso8601,
];
/// The last instant that an HTTP date can express, in seconds.
const HTTP_DATE_SECONDS_MAX: i64 = 253_402_300_799;

/// The target for waits.
pub(crate) struct RetryAfter {
    texts: Corpus,
}

impl RetryAfter {
    pub(crate) fn new() -> Self {
        let words = [
            "GMT", "UTC", "Z", "+00:00", "-0001", ".", "½", "Feb", "29", "60",
        ];
        Self {
            texts: Corpus::new(TEXTS, &words),
        }
    }
}

impl Target for RetryAfter {
    fn name(&self) -> &'static str {
        "retry_after"
    }

    fn share(&self) -> u64 {
        20
    }

    fn input(&self, draw: &mut Draw) -> Input {
        let now = match draw.below(4) {
            0 => draw.number().cast_signed(),
            1 => draw.between(Timestamp::MIN.as_ms(), Timestamp::MAX.as_ms()),
            _ => draw.between(0, 4_102_444_800_000),
        };
        let now: Vec<u8> = now.to_string().into();
        let exactly = |text: String, until: i64| {
            Input::new([
                ("text", text.into()),
                ("now", now.clone()),
                ("until", until.to_string().into()),
            ])
        };
        match draw.below(6) {
            0 => {
                let seconds = draw.between(0, HTTP_DATE_SECONDS_MAX);
                let time = UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
                exactly(httpdate::fmt_http_date(time), seconds * 1_000)
            }
            1 => {
                let time = draw.between(Timestamp::MIN.as_ms(), Timestamp::MAX.as_ms());
                exactly(Timestamp::from_ms(time).to_string(), time)
            }
            2 => {
                let seconds = draw.number() >> draw.below(64);
                let text = format!("{seconds}.{}", draw.number() % 2_000_000);
                Input::new([("text", text.into()), ("now", now)])
            }
            _ => Input::new([("text", self.texts.mutant(draw)), ("now", now)]),
        }
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let text = input.text("text");
        let now = Timestamp::from_ms(input.text("now").parse().unwrap_or_default());
        let asked = meter.watch(|| wait::retry_after_ms(&text, now));
        let resets = FORMATS.map(|format| meter.watch(|| wait::reset_ms(&text, format, now)));
        for wait in resets.into_iter().chain([asked]).flatten() {
            expect(wait >= 0, || format!("a wait of {wait} ms"))?;
            let digit = text.bytes().any(|byte| byte.is_ascii_digit());
            expect(digit, || format!("{wait} ms out of nothing"))?;
            is_within_limits(FailureClass::Rate, Some(wait))?;
        }
        if let Ok(until) = input.text("until").parse() {
            let expected = Timestamp::from_ms(until).ms_since(now).max(0);
            return expect(asked == Some(expected), || {
                format!("{asked:?} instead of {expected}")
            });
        }
        is_rounded_up(&text, asked)
    }
}

/// Fails unless a decimal number of seconds is rounded up to the next millisecond, and not further.
fn is_rounded_up(text: &str, asked: Option<i64>) -> Result<(), String> {
    let Some((whole, fraction)) = text.trim().split_once('.') else {
        return Ok(());
    };
    let digits =
        |text: &str| (1..=15).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Ok(());
    }
    // With a common denominator of a picosecond over a thousand, which fits fifteen digits.
    let value = |text: &str| text.parse::<i128>().unwrap_or_default();
    let scale = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or_default());
    let exact = (value(whole) * scale + value(fraction)) * 1_000;
    let asked = asked.map(i128::from);
    let close = asked.is_some_and(|ms| ms * scale >= exact && (ms - 1) * scale < exact);
    expect(close, || format!("{asked:?} ms"))
}

/// Fails unless the reaction to a failure that asks for `wait_ms` keeps the limits.
pub(crate) fn is_within_limits(class: FailureClass, wait_ms: Option<i64>) -> Result<(), String> {
    expect(wait_ms.is_none_or(|ms| ms >= 0), || {
        format!("a wait of {wait_ms:?}")
    })?;
    let now = Timestamp::from_ms(1_767_225_600_000);
    let id: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .map_err(|error| format!("{error}"))?;
    let window = Window::new(id, Timestamp::MAX, now).map_err(|error| error.to_string())?;
    for (delay_ms, left_ms) in [(Some(500), 60_000), (Some(500), 100), (None, 60_000)] {
        let attempt = Attempt {
            window: &window,
            delay_ms,
            wait_ms,
            left_ms,
            random: u64::MAX,
            now,
        };
        let holds = match decide(class, &attempt) {
            Disposition::Retry { after_ms } => (0..=limits::RETRY_DELAY_MAX_MS).contains(&after_ms),
            Disposition::Leave { not_before, .. }
            | Disposition::Fail { not_before }
            | Disposition::Restart { not_before } => {
                (0..=limits::WAIT_MS_MAX).contains(&not_before.ms_since(now))
            }
            Disposition::Split | Disposition::Block => true,
        };
        expect(holds, || format!("{:?}", decide(class, &attempt)))?;
    }
    Ok(())
}
