//! Blocks of sources, and the workers that probe them.

use windlass_core::source::{BlockChange, SourceRecord};

use super::fixtures::{at, blocked, definition, shard};
use crate::store::StateStore;

async fn stored<S: StateStore>(store: &S, name: &str) -> SourceRecord {
    let name = name.parse().expect("a name");
    let record = store.source(shard(), &name).await.expect("readable");
    record.expect("applied before")
}

async fn change<S: StateStore>(store: &S, of: &SourceRecord, change: &BlockChange) -> bool {
    let name = &of.definition.name;
    let changed = store.block_source(shard(), name, of.version, change);
    changed.await.expect("no error")
}

pub async fn block_keeps_first_instant_and_latest_reason<S: StateStore>(store: S) {
    let applied = store.apply_source(&definition("okta"), at(1)).await;
    let applied = applied.expect("applied");
    let first = blocked("the token was refused", 2);
    let later = blocked("still refused", 3);

    assert!(change(&store, &applied, &BlockChange::Block(first.clone())).await);
    assert_eq!(stored(&store, "okta").await.blocked, Some(first.clone()));
    assert!(change(&store, &applied, &BlockChange::Block(later.clone())).await);
    let both = windlass_core::block::Blocked {
        since: first.since,
        ..later.clone()
    };
    assert_eq!(stored(&store, "okta").await.blocked, Some(both));
    assert!(change(&store, &applied, &BlockChange::Clear).await);
    assert_eq!(stored(&store, "okta").await.blocked, None);
    assert!(change(&store, &applied, &BlockChange::Block(later.clone())).await);
    assert_eq!(stored(&store, "okta").await.blocked, Some(later));
}

pub async fn one_of_two_workers_takes_probe<S: StateStore>(store: S) {
    let applied = store.apply_source(&definition("okta"), at(1)).await;
    let applied = applied.expect("applied");
    let seen = blocked("the token was refused", 2);
    let probe = |now| BlockChange::Probe {
        seen: seen.clone(),
        probed: seen.probed(at(now)),
    };
    assert!(!change(&store, &applied, &probe(20)).await, "not blocked");
    assert!(change(&store, &applied, &BlockChange::Block(seen.clone())).await);
    assert!(change(&store, &applied, &probe(20)).await);
    assert_eq!(
        stored(&store, "okta").await.blocked,
        Some(seen.probed(at(20)))
    );
    assert!(!change(&store, &applied, &probe(20)).await, "taken");
    assert!(!change(&store, &applied, &probe(21)).await, "taken");
    assert!(change(&store, &applied, &BlockChange::Clear).await);
    assert!(!change(&store, &applied, &probe(20)).await, "over");
    assert_eq!(stored(&store, "okta").await.blocked, None);
}

pub async fn block_of_stale_or_unknown_source_does_nothing<S: StateStore>(store: S) {
    let old = store.apply_source(&definition("okta"), at(1)).await;
    let old = old.expect("applied");
    let new = store.apply_source(&definition("okta"), at(2)).await;
    let new = new.expect("applied");
    let block = BlockChange::Block(blocked("the token was refused", 3));
    assert!(!change(&store, &old, &block).await);
    assert_eq!(stored(&store, "okta").await, new);

    let unknown = definition("unknown").name;
    let changed = store.block_source(shard(), &unknown, 1, &block).await;
    assert_eq!(changed, Ok(false));
    assert_eq!(store.source(shard(), &unknown).await, Ok(None));
}
