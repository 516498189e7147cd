//! Request reservations: each caller gets the next ones, and no two the same.

use futures_util::future::join_all;
use windlass_core::ids::RateGroup;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::time::{SECOND_MS, Timestamp};
use windlass_core::wait::Cooldown;

use super::fixtures::at;
use crate::error::StateError;
use crate::store::StateStore;

const TAKERS: usize = 32;
const RESERVATIONS_EACH: u32 = 3;
/// Far more attempts than are needed when each response lets one caller through.
const TRIES_MAX: usize = 1_000;

fn group() -> RateGroup {
    "okta:acme".parse().expect("a valid group")
}

fn cooldown(minute: i64) -> Cooldown {
    Cooldown {
        group: group(),
        not_before: at(minute),
        reason: "429".to_owned(),
    }
}

/// Three reservations a second apart, within ten seconds.
fn asked(now: Timestamp) -> ReservationRequest {
    ReservationRequest {
        count: RESERVATIONS_EACH,
        interval_ms: SECOND_MS,
        within_ms: 10 * SECOND_MS,
        now,
    }
}

fn from(first: Timestamp) -> ReservationResponse {
    ReservationResponse::From { first }
}

/// Reserves requests as a worker does: again after an unknown outcome or while the store is busy.
async fn take(
    store: &impl StateStore,
    group: &RateGroup,
    asked: &ReservationRequest,
) -> ReservationResponse {
    for _ in 0..TRIES_MAX {
        match store.reserve_requests(group, asked).await {
            Ok(given) => return given,
            Err(StateError::Unavailable(_) | StateError::Unknown(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("no result in {TRIES_MAX} tries")
}

pub async fn reservations_follow_each_other_per_group<S: StateStore>(store: S) {
    let (acme, other) = (group(), "okta:acme-eu".parse().expect("a valid group"));
    let now = at(0);
    assert_eq!(take(&store, &acme, &asked(now)).await, from(now));
    let next = now.plus_ms(3 * SECOND_MS);
    assert_eq!(take(&store, &acme, &asked(now)).await, from(next));
    assert_eq!(take(&store, &other, &asked(now)).await, from(now));
    let patient = ReservationRequest {
        within_ms: 0,
        ..asked(now)
    };
    let at = now.plus_ms(6 * SECOND_MS);
    let later = ReservationResponse::Later { at };
    assert_eq!(take(&store, &acme, &patient).await, later);
    assert_eq!(take(&store, &acme, &asked(at)).await, from(at), "not taken");
}

pub async fn concurrent_reservations_never_overlap<S: StateStore>(store: S) {
    let group = group();
    let asked = ReservationRequest {
        interval_ms: SECOND_MS / 10,
        ..asked(at(0))
    };
    let takers = (0..TAKERS).map(|_| take(&store, &group, &asked));
    let mut firsts: Vec<_> = join_all(takers)
        .await
        .into_iter()
        .map(|given| match given {
            ReservationResponse::From { first } => first,
            other => panic!("{other:?}"),
        })
        .collect();
    firsts.sort_unstable();
    let taken_ms = i64::from(RESERVATIONS_EACH) * asked.interval_ms;
    for pair in firsts.windows(2) {
        assert!(pair[1].ms_since(pair[0]) >= taken_ms, "{pair:?}");
    }
}

pub async fn active_cooldown_grants_no_reservation<S: StateStore>(store: S) {
    let group = group();
    assert_eq!(take(&store, &group, &asked(at(0))).await, from(at(0)));
    store
        .start_cooldown(&cooldown(5), at(0))
        .await
        .expect("closed");
    let closed = ReservationResponse::Closed(cooldown(5));
    assert_eq!(take(&store, &group, &asked(at(1))).await, closed);
    assert_eq!(take(&store, &group, &asked(at(5))).await, from(at(5)));
}

pub async fn reservations_and_cooldown_preserve_each_other<S: StateStore>(store: S) {
    let group = group();
    let now = at(0);
    take(&store, &group, &asked(now)).await;
    store
        .start_cooldown(&cooldown(-1), now)
        .await
        .expect("closed");
    let next = now.plus_ms(3 * SECOND_MS);
    let given = take(&store, &group, &asked(now)).await;
    assert_eq!(given, from(next), "a cooldown keeps the reservations");
    assert_eq!(store.cooldown(&group).await, Ok(Some(cooldown(-1))));
    store
        .start_cooldown(&cooldown(1), now)
        .await
        .expect("closed");
    assert_eq!(store.cooldown(&group).await, Ok(Some(cooldown(1))));
    let given = take(&store, &group, &asked(at(1))).await;
    assert_eq!(given, from(at(1)));
    let kept = store.cooldown(&group).await;
    assert_eq!(kept, Ok(Some(cooldown(1))), "taking kept the cooldown");
}

pub async fn reservations_alone_set_no_cooldown<S: StateStore>(store: S) {
    let group = group();
    take(&store, &group, &asked(at(0))).await;
    assert_eq!(store.cooldown(&group).await, Ok(None));
    store
        .start_cooldown(&cooldown(-10), at(0))
        .await
        .expect("closed");
    let closed = store.cooldown(&group).await;
    assert_eq!(closed, Ok(Some(cooldown(-10))));
}
