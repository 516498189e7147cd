//! The claim: the only move whose effect is an expression of DynamoDB instead of a computation in
//! core.

use windlass_core::checkpoint::Cursor;
use windlass_core::clock::{Entropy, SeededEntropy};
use windlass_core::ids::Owner;
use windlass_core::limits::{CLOCK_SKEW_MS, WAIT_MS_MAX};
use windlass_core::time::Timestamp;
use windlass_core::transition::{Claim, Event, IllegalMove};
use windlass_core::window::{Status, Window};
use windlass_state::{MoveError, StateStore};

use super::scene::{at, fresh, ready};

const WINDOWS: i64 = 240;

/// One of `choices`.
fn pick<T: Clone>(entropy: &SeededEntropy, choices: &[T]) -> T {
    let count = u64::try_from(choices.len()).unwrap();
    let index = usize::try_from(entropy.next_u64() % count).unwrap();
    choices[index].clone()
}

/// A window as it may be stored, valid or not: the fields that a claim checks are drawn so that
/// each of its rules decides in some cases.
fn any_window(entropy: &SeededEntropy, minute: i64, now: Timestamp) -> Window {
    let latest = now.plus_ms(WAIT_MS_MAX + CLOCK_SKEW_MS);
    let waits = [
        None,
        Some(now.minus_ms(1)),
        Some(now),
        Some(now.plus_ms(1)),
        Some(latest),
        Some(latest.plus_ms(1)),
        Some(Timestamp::MAX),
    ];
    let usual = [
        Status::Ready,
        Status::Ready,
        Status::Ready,
        Status::Dispatched,
    ];
    let status = pick(
        entropy,
        &[pick(entropy, &usual), pick(entropy, &Status::ALL)],
    );
    let attempts = pick(entropy, &[0, 1, 9]);
    ready(minute).with(|form| {
        form.status = status;
        form.epoch = pick(entropy, &[1, 2, 1_000_000_007]);
        form.set_cursor(pick(entropy, &[None, Some("next")]).map(|token| Cursor {
            token: token.to_owned(),
            request: "5eed".to_owned(),
        }));
        form.page = 1 + entropy.next_u64() % 100;
        form.records = entropy.next_u64() >> 1;
        form.attempts = attempts;
        form.setbacks = pick(entropy, &[0, 3]);
        form.runs = pick(entropy, &[attempts, 77]);
        form.not_before = pick(entropy, &waits);
        form.split_at = pick(entropy, &[None, None, None, Some(at(minute + 5))]);
        form.last_error = Some("503 from the vendor".to_owned());
    })
}

#[tokio::test]
async fn claim_agrees_with_core_for_any_window() {
    let (store, _table) = fresh().await;
    let entropy = SeededEntropy::new(1);
    let (mut won, mut reasons) = (0, std::collections::BTreeSet::new());
    for number in 0..WINDOWS {
        let now = at(number);
        let window = any_window(&entropy, 10 * number, now);
        store.create(&window).await.unwrap();
        let claim = Claim {
            epoch: pick(
                &entropy,
                &[window.epoch(), window.epoch(), window.epoch(), 3],
            ),
            owner: Owner::from_random(1),
            lease_until: now.plus_ms(900_000),
            now,
        };
        let core = window.apply(&Event::Claim(claim.clone()));
        let result = store.claim(window.id(), &claim).await;
        let stored = store.window(window.id()).await.unwrap().unwrap();
        match (core, result) {
            (Ok(expected), Ok(lease)) => {
                assert_eq!((lease.window(), &stored), (&expected, &expected));
                won += 1;
            }
            (Err(_), Err(MoveError::Refused { current, why })) => {
                assert_eq!((&*current, &stored), (&window, &window));
                reasons.insert(match why {
                    IllegalMove::Epoch { .. } => "epoch",
                    IllegalMove::Edge { .. } => "status",
                    IllegalMove::NotDue => "not due",
                    other => panic!("{other}"),
                });
            }
            (core, result) => panic!("core: {core:?}, store: {result:?}, of {window:?}"),
        }
    }
    assert!(won > 40, "{won}");
    assert_eq!(reasons.len(), 3, "{reasons:?}");
}
