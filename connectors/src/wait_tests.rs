use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn fractional_seconds_round_up() {
    assert_eq!(retry_after_ms("30", now()), Some(30_000));
    assert_eq!(retry_after_ms(" 1.5 ", now()), Some(1_500));
    assert_eq!(retry_after_ms("0.0001", now()), Some(1));
    assert_eq!(retry_after_ms("2.9990", now()), Some(2_999));
    assert_eq!(retry_after_ms("7.", now()), Some(7_000));
    assert_eq!(retry_after_ms("+5", now()), Some(5_000));
}

#[test]
fn any_http_date_form_counts_from_now() {
    for text in [
        "Thu, 01 Jan 2026 00:01:30 GMT",
        "Thursday, 01-Jan-26 00:01:30 GMT",
        "Thu Jan  1 00:01:30 2026",
    ] {
        assert_eq!(retry_after_ms(text, now()), Some(90_000), "{text}");
    }
}

#[test]
fn iso_time_can_omit_seconds_or_offset_colon() {
    for text in [
        "2026-01-01T00:02Z",
        "2026-01-01T00:02+0000",
        "2026-01-01T01:02+01:00",
        "2026-01-01T00:02:00Z",
        "2026-01-01T00:02:00.000Z",
        "2026-01-01T02:02:00.000+0200",
    ] {
        assert_eq!(retry_after_ms(text, now()), Some(120_000), "{text}");
        assert_eq!(
            reset_ms(text, ResetFormat::Iso8601, now()),
            Some(120_000),
            "{text}"
        );
    }
}

#[test]
fn past_instant_is_zero_wait() {
    assert_eq!(retry_after_ms("-5", now()), Some(0));
    assert_eq!(retry_after_ms("-0.5", now()), Some(0));
    assert_eq!(
        retry_after_ms("Wed, 31 Dec 2025 23:59:59 GMT", now()),
        Some(0)
    );
    assert_eq!(retry_after_ms("2020-01-01T00:00Z", now()), Some(0));
    assert_eq!(reset_ms("0", ResetFormat::EpochSeconds, now()), Some(0));
    assert_eq!(reset_ms("1", ResetFormat::EpochMs, now()), Some(0));
}

#[test]
fn garbage_is_no_wait() {
    for text in [
        "", "soon", "1e3", "inf", "NaN", "0x10", "1,5", "1.5.2", "--1", "-", "1.x", "½",
    ] {
        assert_eq!(retry_after_ms(text, now()), None, "{text}");
        assert_eq!(reset_ms(text, ResetFormat::Seconds, now()), None, "{text}");
        assert_eq!(reset_ms(text, ResetFormat::EpochMs, now()), None, "{text}");
    }
    assert_eq!(
        retry_after_ms("2026-01-01T00:02:00", now()),
        None,
        "no zone"
    );
    assert_eq!(reset_ms("60", ResetFormat::Iso8601, now()), None);
}

#[test]
fn reset_is_read_in_manifest_format() {
    let seconds = now().as_seconds();
    let epoch = (seconds + 60).to_string();
    assert_eq!(
        reset_ms(&epoch, ResetFormat::EpochSeconds, now()),
        Some(60_000)
    );
    let fraction = format!("{}.25", seconds + 60);
    assert_eq!(
        reset_ms(&fraction, ResetFormat::EpochSeconds, now()),
        Some(60_250)
    );
    let ms = (now().as_ms() + 7).to_string();
    assert_eq!(reset_ms(&ms, ResetFormat::EpochMs, now()), Some(7));
    assert_eq!(reset_ms("0.75", ResetFormat::Seconds, now()), Some(750));
}

#[test]
fn absurd_wait_is_kept() {
    assert_eq!(retry_after_ms("31536000", now()), Some(31_536_000_000));
    assert_eq!(
        retry_after_ms("99999999999999999999999", now()),
        Some(i64::MAX)
    );
}

#[test]
fn pre_epoch_or_misspelled_date_is_none() {
    assert_eq!(http_date("Thu, 01 Jan 2026 00:00:00 GMT"), Some(now()));
    assert_eq!(http_date("Thu, 32 Jan 2026 00:00:00 GMT"), None);
    assert_eq!(http_date("yesterday"), None);
}

proptest! {
    #[test]
    fn waits_never_panic_or_go_negative(
        text in "\\PC*|[-+]?[0-9]{0,30}\\.?[0-9]{0,30}",
        now_ms in any::<i64>(),
    ) {
        let now = Timestamp::from_ms(now_ms);
        let formats = [
            ResetFormat::EpochSeconds,
            ResetFormat::EpochMs,
            ResetFormat::Seconds,
            ResetFormat::Iso8601,
        ];
        let waits = formats.map(|format| reset_ms(&text, format, now));
        for wait in waits.into_iter().chain([retry_after_ms(&text, now)]).flatten() {
            prop_assert!(wait >= 0);
        }
    }

    #[test]
    fn whole_seconds_are_exact(seconds in 0..1_000_000_000_i64) {
        prop_assert_eq!(retry_after_ms(&seconds.to_string(), now()), Some(seconds * 1_000));
    }
}
