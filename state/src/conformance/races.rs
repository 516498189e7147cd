//! Concurrent calls from one task. A store behind a network interleaves them. For stores that
//! respond at once, the tests of this crate run the same race between threads and handles.

use futures_util::future::join_all;
use windlass_core::progress::Progress;

use super::fixtures::{at, claim, okta, progress, ready, refused, shard, stored};
use crate::error::SaveError;
use crate::store::{Created, StateStore};

const RIVALS: u128 = 16;
const ROUNDS: i64 = 8;

pub async fn one_of_concurrent_claims_wins<S: StateStore>(store: S) {
    for round in 0..ROUNDS {
        let window = stored(&store, &okta(), 10 * round).await;
        let claims: Vec<_> = (0..RIVALS)
            .map(|owner| claim(&window, owner, at(1)))
            .collect();
        let results = join_all(claims.iter().map(|claim| store.claim(window.id(), claim))).await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        let winner = won
            .into_iter()
            .next()
            .and_then(Result::ok)
            .expect("counted above");
        for result in lost {
            assert_eq!(&refused(result).0, winner.window());
        }
    }
}

pub async fn one_of_concurrent_creations_is_new<S: StateStore>(store: S) {
    for round in 0..ROUNDS {
        let window = ready(&okta(), 10 * round);
        let rivals: Vec<_> = (1..=10)
            .map(|minute| {
                window
                    .clone()
                    .with(|form| form.to = at(10 * round + minute))
            })
            .collect();
        let results = join_all(rivals.iter().map(|rival| store.create(rival))).await;
        let created = store
            .window(window.id())
            .await
            .expect("readable")
            .expect("created");
        let exists = Created::Exists(Box::new(created));
        let new = results
            .iter()
            .filter(|result| **result == Ok(Created::New))
            .count();
        let adopted = results
            .iter()
            .filter(|result| result.as_ref() == Ok(&exists))
            .count();
        assert_eq!((new, adopted), (1, rivals.len() - 1));
    }
}

pub async fn one_of_concurrent_saves_wins<S: StateStore>(store: S) {
    let mut read = progress(&okta(), 0, 0);
    for round in 0..ROUNDS {
        let rivals: Vec<_> = (1..=16)
            .map(|minute| Progress {
                scheduled_through: at(100 * round + minute),
                ..read.clone()
            })
            .collect();
        let results = join_all(
            rivals
                .iter()
                .map(|rival| store.save_progress(shard(), rival)),
        )
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        read = won
            .into_iter()
            .next()
            .and_then(Result::ok)
            .expect("counted above");
        for result in lost {
            assert_eq!(
                result,
                Err(SaveError::Conflict(Some(Box::new(read.clone()))))
            );
        }
    }
}
