//! Races over real connections.

use tokio::task::JoinSet;
use windlass_core::ids::RateGroup;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::transition::{Event, IllegalMove};
use windlass_core::window::Status;
use windlass_state::{DynamoStore, MoveError, StateError, StateStore};
use windlass_tests::aws::emulator::Emulator;

use super::scene::{at, claim, config, fresh, page, running, store_in, stored};

const CLAIMANTS: u128 = 32;
const ROUNDS: i64 = 50;
/// Number of clients that the claims are spread over.
const CLIENTS: u128 = 4;

async fn clients(table: &str) -> Vec<DynamoStore> {
    let emulator = Emulator::shared().await.unwrap();
    (0..CLIENTS)
        .map(|_| store_in(table, config(&emulator.uri())))
        .collect()
}

#[tokio::test]
async fn exactly_one_of_thirty_two_claimants_wins() {
    let (store, table) = fresh().await;
    let clients = clients(&table).await;
    for round in 0..ROUNDS {
        let mut window = stored(&store, 10 * round).await;
        if round % 2 == 0 {
            let dispatch = Event::Dispatch {
                until: at(10),
                now: at(1),
            };
            window = store.decide(&window, &dispatch).await.unwrap();
        }
        let mut claimants = JoinSet::new();
        for owner in 0..CLAIMANTS {
            let client = clients[usize::try_from(owner % CLIENTS).unwrap()].clone();
            let (id, claim) = (window.id().clone(), claim(&window, owner));
            claimants.spawn(async move { client.claim(&id, &claim).await });
        }
        let results = claimants.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((round, won.len()), (round, 1));
        let winner = won[0].as_ref().unwrap();
        for result in lost {
            let Err(MoveError::Refused { current, .. }) = result else {
                panic!("{result:?}")
            };
            assert_eq!(&*current, winner.window());
        }
        assert_eq!(
            store.window(window.id()).await.unwrap().as_ref(),
            Some(winner.window())
        );
    }
}

#[tokio::test]
async fn request_reservations_of_thirty_two_processes_never_overlap() {
    let (store, table) = fresh().await;
    let clients = clients(&table).await;
    let group: RateGroup = "okta:acme".parse().unwrap();
    let asked = ReservationRequest {
        count: 2,
        interval_ms: 100,
        within_ms: 60_000,
        now: at(0),
    };
    let mut takers = JoinSet::new();
    for taker in 0..CLAIMANTS {
        let client = clients[usize::try_from(taker % CLIENTS).unwrap()].clone();
        let group = group.clone();
        takers.spawn(async move {
            loop {
                match client.reserve_requests(&group, &asked).await {
                    Ok(ReservationResponse::From { first }) => return first,
                    Err(StateError::Unavailable(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    let mut firsts = takers.join_all().await;
    firsts.sort_unstable();
    // In sequence and, because no response was lost, without a gap.
    let expected = (0..32).map(|number| at(0).plus_ms(200 * number));
    assert!(expected.eq(firsts.iter().copied()), "{firsts:?}");
    assert_eq!(store.cooldown(&group).await, Ok(None));
}

#[tokio::test]
async fn concurrent_checkpoint_and_expiry_agree_with_core() {
    let (store, table) = fresh().await;
    let clients = clients(&table).await;
    let (mut pages_kept, mut fenced) = (0, 0);
    for round in 0..ROUNDS {
        let lease = running(&store, 10 * round).await;
        let expire = Event::Expire {
            split: None,
            now: at(20),
        };
        let page = page(&lease);
        let (paged, expired) = tokio::join!(
            clients[0].checkpoint(&lease, &page),
            clients[1].decide(lease.window(), &expire),
        );
        // In either order, the planner's write succeeds: it may follow a checkpoint.
        let expired = expired.unwrap();
        let before = match &paged {
            Ok(paged) => {
                pages_kept += 1;
                paged.window()
            }
            Err(MoveError::Refused { why, .. }) => {
                assert!(matches!(why, IllegalMove::Epoch { .. }), "{why}");
                fenced += 1;
                lease.window()
            }
            Err(other) => panic!("{other}"),
        };
        assert_eq!(expired, before.apply(&expire).unwrap());
        assert_eq!(expired.status(), Status::Ready);
        assert_eq!(store.window(expired.id()).await.unwrap(), Some(expired));
    }
    assert_eq!(pages_kept + fenced, ROUNDS);
}
