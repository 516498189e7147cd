//! Operator actions on sources, also concurrently and during a tick.

use aws_sdk_dynamodb::types::AttributeValue;
use tokio::task::JoinSet;
use windlass_core::ids::RateGroup;
use windlass_core::progress::Progress;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_state::item::Key;
use windlass_state::{SaveError, StateError, StateStore};

use super::scene::{at, client, definition, fresh, marks};

const OPERATORS: u64 = 4;
const ROUNDS: i64 = 10;

/// `definition` with a rate group of another shard.
fn moved(definition: &SourceDefinition) -> SourceDefinition {
    let groups = (0..1_000).map(|number| format!("okta:{number}").parse().unwrap());
    let group = groups
        .into_iter()
        .find(|group: &RateGroup| group.shard() != definition.shard());
    SourceDefinition {
        policy: Policy {
            rate_group: group.unwrap(),
            ..definition.policy.clone()
        },
        ..definition.clone()
    }
}

#[tokio::test]
async fn concurrent_applies_get_distinct_versions() {
    let (store, _table) = fresh().await;
    let mut operators = JoinSet::new();
    for number in 0..OPERATORS {
        let store = store.clone();
        let source = SourceDefinition {
            sink: format!("sink-{number}"),
            ..definition("okta")
        };
        operators.spawn(async move { store.apply_source(&source, at(0)).await.unwrap() });
    }
    let mut applied = operators.join_all().await;
    applied.sort_by_key(|record| record.version);
    let versions: Vec<_> = applied.iter().map(|record| record.version).collect();
    assert_eq!(versions, (1..=OPERATORS).collect::<Vec<_>>());
    let last = applied.pop().unwrap();
    let name = &last.definition.name;
    assert_eq!(
        store.source(last.shard(), name).await,
        Ok(Some(last.clone()))
    );
}

#[tokio::test]
async fn concurrent_apply_never_loses_pause() {
    let (store, _table) = fresh().await;
    let source = definition("okta");
    let (shard, name) = (source.shard(), &source.name);
    store.apply_source(&source, at(0)).await.unwrap();
    for round in 0..ROUNDS {
        let (applied, held) = tokio::join!(
            store.apply_source(&source, at(round)),
            store.set_pause(shard, name, Some(at(round))),
        );
        assert_eq!(held, Ok(()));
        let record = store.source(shard, name).await.unwrap().unwrap();
        assert_eq!(record.held_since, Some(at(round)), "{applied:?}");
        store.set_pause(shard, name, None).await.unwrap();
    }
}

#[tokio::test]
async fn source_moves_shard_with_marks_during_tick() {
    for round in 0..ROUNDS {
        let (store, _table) = fresh().await;
        let first = definition("okta");
        store.apply_source(&first, at(0)).await.unwrap();
        let (here, name) = (first.shard(), &first.name);
        let read = store.save_progress(here, &marks(&first)).await.unwrap();
        let second = moved(&first);
        let there = second.shard();
        let next = Progress {
            records_per_hour: Some(round.unsigned_abs()),
            ..read.clone()
        };
        let (applied, saved) = tokio::join!(
            store.apply_source(&second, at(1)),
            store.save_progress(here, &next),
        );
        assert_eq!(applied.unwrap().version, 2);
        // Either the tick came first and its marks moved along, or it finds them gone.
        let expected = match saved {
            Ok(saved) => saved,
            Err(SaveError::Conflict(None)) => read,
            other => panic!("{round}: {other:?}"),
        };
        assert_eq!(store.progress_of(there, name).await, Ok(vec![expected]));
        assert_eq!(store.progress_of(here, name).await, Ok(Vec::new()));
        assert_eq!(store.source(here, name).await, Ok(None));
        assert_eq!(store.all_sources().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn moved_source_keeps_lanes_and_generations() {
    let (store, _table) = fresh().await;
    let first = definition("okta");
    let (here, name) = (first.shard(), &first.name);
    store.apply_source(&first, at(0)).await.unwrap();
    store.set_pause(here, name, Some(at(0))).await.unwrap();
    let mut lanes = Vec::new();
    for generation in ["0123456789ab", "fedcba987654"] {
        let mut lane = marks(&first);
        lane.timeline.generation = generation.parse().unwrap();
        lanes.push(store.save_progress(here, &lane).await.unwrap());
    }
    let second = moved(&first);
    let record = store.apply_source(&second, at(1)).await.unwrap();
    assert_eq!((record.version, record.held_since), (2, Some(at(0))));
    let there = second.shard();
    assert_eq!(store.progress_of(there, name).await, Ok(lanes.clone()));

    lanes[0] = store.save_progress(there, &lanes[0]).await.unwrap();
    let record = store.apply_source(&first, at(2)).await.unwrap();
    assert_eq!(record.version, 3);
    assert_eq!(store.progress_of(here, name).await, Ok(lanes));
    assert_eq!(store.progress_of(there, name).await, Ok(Vec::new()));
    let both = [here, there]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>();
    let in_use = store.shards().await.unwrap();
    assert_eq!(in_use, both.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn apply_replaces_corrupt_but_not_newer_definition() {
    let (store, table) = fresh().await;
    let source = definition("okta");
    store.apply_source(&source, at(0)).await.unwrap();
    let key = Key::source(source.shard(), &source.name);
    let edit = async |name: &str, value: AttributeValue| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = client().await.update_item().table_name(&table);
        let update = update.key("pk", text(&key.pk)).key("sk", text(&key.sk));
        let update = update.update_expression("SET #n = :v");
        let update = update.expression_attribute_names("#n", name);
        update
            .expression_attribute_values(":v", value)
            .send()
            .await
            .unwrap();
    };
    edit("params", AttributeValue::S("{".to_owned())).await;
    edit("held_since", AttributeValue::S(at(0).to_string())).await;
    let corrupt = store.source(source.shard(), &source.name).await;
    assert!(
        matches!(corrupt, Err(StateError::Corrupt { .. })),
        "{corrupt:?}"
    );
    let again = store.apply_source(&source, at(1)).await.unwrap();
    assert_eq!((again.version, again.held_since), (2, Some(at(0))));
    assert_eq!(store.all_sources().await, Ok(vec![again]));

    edit("v", AttributeValue::N("2".to_owned())).await;
    let newer = StateError::Version {
        found: 2,
        supported: 1,
    };
    assert_eq!(store.apply_source(&source, at(2)).await, Err(newer));
}
