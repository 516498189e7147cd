use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::ids::Owner;
use windlass_core::lease::Lease;
use windlass_core::transition::Claim;

use super::*;
use crate::memory::MemoryStore;

const NOW: Timestamp = Timestamp::from_ms(1_000);

fn window(number: i64) -> Window {
    let id: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let from = id.from.plus_ms(number);
    Window::new(WindowId { from, ..id }, from.plus_ms(1), NOW).unwrap()
}

fn claim() -> Claim {
    Claim {
        epoch: 1,
        owner: Owner::from_random(1),
        lease_until: NOW.plus_ms(1_000),
        now: NOW,
    }
}

#[tokio::test]
async fn refused_call_is_not_made() {
    let store = FailingStore::new(MemoryStore::new(), |_, _| Fault::Refuse);
    let refused = store.create(&window(0)).await;
    assert!(matches!(refused, Err(StateError::Unavailable(_))));
    assert_eq!(store.inner().window(window(0).id()).await, Ok(None));
}

#[tokio::test]
async fn lost_response_applies_call_with_unknown_outcome() {
    let second_claim = |operation, number| match (operation, number) {
        (Operation::Claim, 2) => Fault::LoseResponse,
        _ => Fault::None,
    };
    let store = FailingStore::new(MemoryStore::new(), second_claim);
    for number in [0, 1] {
        store.create(&window(number)).await.unwrap();
    }
    store.claim(window(0).id(), &claim()).await.unwrap();
    let lost = store.claim(window(1).id(), &claim()).await;
    assert!(
        matches!(lost, Err(MoveError::Store(StateError::Unknown(_)))),
        "{lost:?}"
    );

    let Err(MoveError::Refused { current, .. }) = store.claim(window(1).id(), &claim()).await
    else {
        panic!("the lost claim was applied");
    };
    assert!(Lease::held(*current, &claim().owner).is_some());
    assert_eq!(
        (
            store.calls(Operation::Claim),
            store.calls(Operation::Create)
        ),
        (3, 2)
    );
}

#[tokio::test]
async fn lost_response_to_read_is_unavailable() {
    let store = FailingStore::new(MemoryStore::new(), |_, _| Fault::LoseResponse);
    assert!(matches!(
        store.all_sources().await,
        Err(StateError::Unavailable(_))
    ));
    assert!(matches!(
        store.expire_history(NOW).await,
        Err(StateError::Unknown(_))
    ));
}

#[tokio::test]
async fn delays_pass_on_manual_clock() {
    let clock = Arc::new(ManualClock::at(NOW));
    let script = |operation, _| match operation {
        Operation::Create => Fault::Delay { ms: 300 },
        _ => Fault::SlowResponse { ms: 40 },
    };
    let store = FailingStore::new(MemoryStore::new(), script)
        .with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
    assert_eq!(store.create(&window(0)).await, Ok(Created::New));
    assert_eq!(store.window(window(0).id()).await, Ok(Some(window(0))));
    assert_eq!(clock.slept_ms(), 340);
}

#[tokio::test]
async fn seeded_faults_repeat_at_requested_rate() {
    let faults = async |seed| {
        let store = FailingStore::seeded(MemoryStore::new(), SeededEntropy::new(seed), 20);
        let mut faults = Vec::new();
        for number in 0..1_000 {
            faults.push(store.create(&window(number)).await.is_err());
        }
        faults
    };
    let one = faults(7).await;
    assert_eq!(one, faults(7).await);
    assert_ne!(one, faults(8).await);
    let failed = one.iter().filter(|failed| **failed).count();
    assert!((150..250).contains(&failed), "{failed}");
}
