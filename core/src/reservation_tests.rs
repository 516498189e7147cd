use super::*;
use crate::time::HOUR_MS;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(HOUR_MS + ms)
}

fn asked(now: i64) -> ReservationRequest {
    ReservationRequest {
        count: 2,
        interval_ms: 1_000,
        within_ms: 10_000,
        now: at(now),
    }
}

fn cooldown(not_before: i64) -> Cooldown {
    Cooldown {
        group: "okta:acme".parse().unwrap(),
        not_before: at(not_before),
        reason: "429".to_owned(),
    }
}

#[test]
fn reservations_are_sequential_and_never_saved_up() {
    let (given, next) = give(None, None, &asked(0));
    assert_eq!(given, ReservationResponse::From { first: at(0) });
    assert_eq!(next, Some(at(2_000)));
    let (given, next) = give(None, next, &asked(500));
    assert_eq!(given, ReservationResponse::From { first: at(2_000) });
    let (given, _) = give(None, next, &asked(60_000));
    assert_eq!(given, ReservationResponse::From { first: at(60_000) });
}

#[test]
fn distant_reservation_is_reported_not_taken() {
    let (given, next) = give(None, Some(at(10_001)), &asked(0));
    assert_eq!(given, ReservationResponse::Later { at: at(10_001) });
    assert_eq!(next, None);
    let (given, _) = give(None, Some(at(10_000)), &asked(0));
    assert_eq!(given, ReservationResponse::From { first: at(10_000) });
}

#[test]
fn cooldown_grants_no_reservation() {
    let (given, next) = give(Some(&cooldown(5_000)), None, &asked(0));
    assert_eq!(given, ReservationResponse::Closed(cooldown(5_000)));
    assert_eq!(next, None);
    let (given, _) = give(Some(&cooldown(5_000)), None, &asked(5_000));
    assert_eq!(given, ReservationResponse::From { first: at(5_000) });
}

#[test]
fn implausible_reservation_is_ignored() {
    let latest = limits::RESERVATION_MS_MAX + limits::CLOCK_SKEW_MS;
    let (given, _) = give(None, Some(at(latest)), &asked(0));
    assert_eq!(given, ReservationResponse::Later { at: at(latest) });
    let (given, _) = give(None, Some(at(latest + 1)), &asked(0));
    assert_eq!(given, ReservationResponse::From { first: at(0) });
}

#[test]
fn minute_holds_nearly_full_request_rate() {
    for per_minute in [6, 10, 29, 60, 240, 2_400] {
        let reservations = MINUTE_MS / interval_ms(per_minute);
        assert!(reservations <= i64::from(per_minute));
        assert!(
            reservations * 100 >= i64::from(per_minute) * 83,
            "{per_minute}: {reservations}"
        );
    }
    assert_eq!(MINUTE_MS / interval_ms(60), 57);
}

#[test]
fn interval_adds_twentieth_and_rounds_up() {
    assert_eq!(interval_ms(60), 1_050);
    assert_eq!(interval_ms(29), 2_173);
    assert_eq!(interval_ms(1), 63_000);
    assert_eq!(interval_ms(0), interval_ms(1));
}

#[test]
fn ample_share_is_fixed_small_one_reserved() {
    assert_eq!(sharing(2_400, 8), Sharing::Fixed(300));
    assert_eq!(sharing(960, 8), Sharing::Fixed(120));
    assert_eq!(sharing(959, 8), Sharing::Reserved { workers_max: 8 });
    assert_eq!(sharing(120, 1), Sharing::Fixed(120));
    assert_eq!(sharing(120, 0), Sharing::Fixed(120));
    assert_eq!(sharing(60, 20), Sharing::Reserved { workers_max: 9 });
    assert_eq!(sharing(60, 3), Sharing::Reserved { workers_max: 3 });
    assert_eq!(sharing(60, 0), Sharing::Reserved { workers_max: 1 });
    assert_eq!(sharing(6, 4), Sharing::Cooldown);
    assert_eq!(sharing(7, 4), Sharing::Reserved { workers_max: 1 });
}

#[test]
fn worker_reserves_about_two_seconds() {
    assert_eq!(reservations_at_once(interval_ms(60)), 1);
    assert_eq!(reservations_at_once(interval_ms(240)), 7);
    assert_eq!(reservations_at_once(interval_ms(100_000)), 16);
}
