//! Sources and rate groups: applied definitions, pauses, blocks and cooldowns.

use windlass_core::ids::RateGroup;
use windlass_core::limits;
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, Policy, SourceDefinition};
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::wait::Cooldown;

use super::fixtures::{at, blocked, definition, okta, policy, progress, shard};
use crate::error::StateError;
use crate::store::StateStore;

pub async fn applied_source_is_found_and_listed<S: StateStore>(store: S) {
    for name in ["okta", "a-b", "a"] {
        store
            .apply_source(&definition(name), at(1))
            .await
            .expect("applied");
    }
    let names: Vec<_> = store.all_sources().await.expect("readable");
    let names: Vec<_> = names
        .iter()
        .map(|record| record.definition.name.as_str())
        .collect();
    assert_eq!(names, ["a", "a-b", "okta"]);

    let whole = SourceDefinition {
        token_url: Some("https://token.example".to_owned()),
        end: Some(at(60)),
        paused: true,
        policy: Policy {
            requests_per_minute: Some(600),
            ..policy()
        },
        ..definition("whole")
    };
    let applied = store.apply_source(&whole, at(2)).await.expect("applied");
    assert_eq!((&applied.definition, applied.version), (&whole, 1));
    assert_eq!(
        (applied.blocked.as_ref(), applied.applied_at),
        (None, at(2))
    );
    assert_eq!(store.source(shard(), &whole.name).await, Ok(Some(applied)));
}

pub async fn unapplied_source_is_not_found<S: StateStore>(store: S) {
    store
        .apply_source(&definition("okta-eu"), at(1))
        .await
        .expect("applied");
    assert_eq!(
        store.source(shard(), &definition("okta").name).await,
        Ok(None)
    );
}

pub async fn applying_again_replaces_definition_and_unblocks<S: StateStore>(store: S) {
    let first = store
        .apply_source(&definition("okta"), at(1))
        .await
        .expect("applied");
    let block = BlockChange::Block(blocked("the token was refused", 2));
    let name = &first.definition.name;
    store
        .block_source(shard(), name, first.version, &block)
        .await
        .expect("blocked");

    let changed = SourceDefinition {
        sink: "vault".to_owned(),
        ..definition("okta")
    };
    let second = store.apply_source(&changed, at(3)).await.expect("applied");
    assert!(second.version > first.version);
    assert_eq!((&second.definition, &second.blocked), (&changed, &None));
    assert_eq!(store.source(shard(), name).await, Ok(Some(second.clone())));
    assert_eq!(store.all_sources().await, Ok(vec![second]));
}

pub async fn contradictory_policy_is_refused<S: StateStore>(store: S) {
    let policy = Policy {
        unit_ms: 0,
        ..policy()
    };
    let definition = SourceDefinition {
        policy,
        ..definition("okta")
    };
    let refused = store.apply_source(&definition, at(1)).await;
    assert!(
        matches!(refused, Err(StateError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(store.source(shard(), &definition.name).await, Ok(None));
}

pub async fn vendor_clock_is_stored_beside_cooldown<S: StateStore>(store: S) {
    let group: RateGroup = "okta:acme".parse().expect("a valid group");
    let clock = |offset_ms, minute| ClockOffset {
        offset_ms,
        observed_at: at(minute),
    };
    let empty = RateState::default();
    assert_eq!(store.rate_state(&group).await, Ok(empty));
    let first = clock(Some(-259_200_000), 1);
    store
        .store_clock(&group, &first, "https://one.test")
        .await
        .expect("stored");
    let state = store.rate_state(&group).await.expect("read");
    assert_eq!((state.clock, state.cooldown), (Some(first), None));
    let cooldown = Cooldown {
        group: group.clone(),
        not_before: at(10),
        reason: "429".to_owned(),
    };
    store
        .start_cooldown(&cooldown, at(0))
        .await
        .expect("closed");
    // The last write counts, even an older one from a clock that was set back, or one without an
    // offset.
    for last in [clock(Some(5), 2), clock(None, 0), clock(Some(0), -60)] {
        store
            .store_clock(&group, &last, "https://two.test")
            .await
            .expect("stored");
        let state = store.rate_state(&group).await.expect("read");
        assert_eq!(state.clock, Some(last));
        assert_eq!(state.origin.as_deref(), Some("https://two.test"));
        assert_eq!(state.cooldown.as_ref(), Some(&cooldown));
    }
    let other = "okta:acme-eu".parse().expect("a valid group");
    let other = store.rate_state(&other).await.expect("read");
    assert_eq!(other, RateState::default());
}

pub async fn cooldown_only_moves_later<S: StateStore>(store: S) {
    let cooldown = |group: &str, minute, reason: &str| Cooldown {
        group: group.parse().expect("a valid group"),
        not_before: at(minute),
        reason: reason.to_owned(),
    };
    let first = cooldown("okta:acme", 10, "429");
    assert_eq!(store.cooldown(&first.group).await, Ok(None));
    store.start_cooldown(&first, at(0)).await.expect("closed");
    for shorter in [
        cooldown("okta:acme", 9, "shorter"),
        cooldown("okta:acme", 10, "the same"),
    ] {
        store
            .start_cooldown(&shorter, at(0))
            .await
            .expect("no error");
        assert_eq!(store.cooldown(&first.group).await, Ok(Some(first.clone())));
    }
    let longer = cooldown("okta:acme", 11, "longer");
    store.start_cooldown(&longer, at(0)).await.expect("closed");
    assert_eq!(store.cooldown(&first.group).await, Ok(Some(longer)));
    assert_eq!(
        store.cooldown(&cooldown("okta:acme-eu", 0, "").group).await,
        Ok(None)
    );
}

pub async fn implausible_cooldown_is_replaced<S: StateStore>(store: S) {
    let cooldown = |not_before, reason: &str| Cooldown {
        group: "okta:acme".parse().expect("a valid group"),
        not_before,
        reason: reason.to_owned(),
    };
    let latest = at(0).plus_ms(limits::WAIT_MS_MAX + limits::CLOCK_SKEW_MS);
    let possible = cooldown(latest, "as late as can be");
    let wrong = cooldown(latest.plus_ms(1), "by a clock that is wrong");
    let shorter = cooldown(at(10), "429");
    store
        .start_cooldown(&possible, at(0))
        .await
        .expect("closed");
    store
        .start_cooldown(&shorter, at(0))
        .await
        .expect("no error");
    let group = &shorter.group;
    assert_eq!(store.cooldown(group).await, Ok(Some(possible)));
    store.start_cooldown(&wrong, at(0)).await.expect("closed");
    assert_eq!(store.cooldown(group).await, Ok(Some(wrong)));
    store.start_cooldown(&shorter, at(0)).await.expect("closed");
    assert_eq!(store.cooldown(group).await, Ok(Some(shorter.clone())));
}

pub async fn source_is_found_only_on_its_shard<S: StateStore>(store: S) {
    let applied = store
        .apply_source(&definition("okta"), at(1))
        .await
        .expect("applied");
    assert_eq!(store.shards().await, Ok(vec![shard()]));
    let name = &applied.definition.name;
    let marks = store
        .save_progress(shard(), &progress(&okta(), 0, 10))
        .await
        .expect("the first to save");
    for other in Shard::all().filter(|other| *other != shard()) {
        assert_eq!(store.source(other, name).await, Ok(None), "{other}");
        assert_eq!(store.sources(other).await, Ok(Vec::new()), "{other}");
        assert_eq!(store.progress(other).await, Ok(Vec::new()), "{other}");
    }
    assert_eq!(store.sources(shard()).await, Ok(vec![applied]));
    assert_eq!(store.progress(shard()).await, Ok(vec![marks]));
}

pub async fn paused_source_stays_paused_until_resumed<S: StateStore>(store: S) {
    let applied = store
        .apply_source(&definition("okta"), at(1))
        .await
        .expect("applied");
    let name = &applied.definition.name;
    for since in [at(2), at(3)] {
        store
            .set_pause(shard(), name, Some(since))
            .await
            .expect("held");
    }
    let held = store.source(shard(), name).await.expect("readable");
    let held = held.expect("applied before");
    assert_eq!((held.held_since, held.version), (Some(at(2)), 1));
    assert!(!held.is_active());

    let again = store
        .apply_source(&definition("okta"), at(4))
        .await
        .expect("applied");
    assert_eq!(again.held_since, Some(at(2)), "applying does not let it go");
    store.set_pause(shard(), name, None).await.expect("let go");
    let free = store.source(shard(), name).await.expect("readable");
    assert_eq!(free.expect("applied before").held_since, None);

    let unknown = definition("unknown").name;
    assert_eq!(
        store.set_pause(shard(), &unknown, Some(at(5))).await,
        Ok(())
    );
    assert_eq!(store.source(shard(), &unknown).await, Ok(None));
}

pub async fn source_changes_shard_with_its_progress<S: StateStore>(store: S) {
    let first = store
        .apply_source(&definition("okta"), at(1))
        .await
        .expect("applied");
    let name = &first.definition.name;
    let marks = store
        .save_progress(shard(), &progress(&okta(), 0, 10))
        .await
        .expect("the first to save");
    let elsewhere = (0..1_000)
        .map(|number| format!("okta:{number}").parse().expect("a valid group"))
        .find(|group: &RateGroup| group.shard() != shard())
        .expect("there are other shards");
    let moved = SourceDefinition {
        policy: Policy {
            rate_group: elsewhere.clone(),
            ..policy()
        },
        ..definition("okta")
    };
    let second = store.apply_source(&moved, at(2)).await.expect("applied");
    assert_eq!(second.version, 2);
    let there = elsewhere.shard();
    assert_eq!(store.source(shard(), name).await, Ok(None));
    assert_eq!(store.source(there, name).await, Ok(Some(second.clone())));
    assert_eq!(
        store.progress_of(there, name).await,
        Ok(vec![marks.clone()])
    );
    assert_eq!(store.all_sources().await, Ok(vec![second]));
    let next = store
        .save_progress(there, &marks)
        .await
        .expect("it goes on");
    assert_eq!(next.version, marks.version + 1);
}

pub async fn source_is_found_by_name_alone<S: StateStore>(store: S) {
    let source = definition("okta");
    assert_eq!(store.named(&source.name).await, Ok(None));
    store
        .apply_source(&definition("okta-eu"), at(0))
        .await
        .expect("applied");
    let applied = store.apply_source(&source, at(0)).await.expect("applied");
    assert_eq!(store.named(&source.name).await, Ok(Some(applied)));
}
